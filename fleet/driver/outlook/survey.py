"""All videos of a job, looked at some at a time: what is counted of them, and the work on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from fleet.ascend.soc import soc
from fleet.core.interval import LeaseNames
from fleet.driver.outlook.work_file import WorkFile
from fleet.driver.preparing.prepared import Prepared
from fleet.driver.session import Session
from fleet.driver.target.chip_time import add_modelled_s
from fleet.driver.target.device_memory import DeviceMemory
from fleet.driver.target.target import JobTarget
from fleet.plan.lease import Lease
from fleet.plan.plan import LeaseSizes, leases_of
from fleet.plan.shard import VideoWork

AT_ONCE = 1024
"""Videos that are looked at before what is needed no more is let go of."""


@dataclass(frozen=True)
class Stretch:
    """Some of the work: videos, seconds of them, wanted frames."""

    videos: int
    video_s: float
    frames: int

    def and_of(self, works: Sequence[VideoWork]) -> Self:
        """Return it with what is left to do of further videos."""
        video_s, frames = self.video_s, self.frames
        for work in works:
            video_s, frames = video_s + work.todo_s, frames + work.todo_frames
        return type(self)(self.videos + len(works), video_s, frames)


NOTHING = Stretch(0, 0.0, 0)


@dataclass(frozen=True)
class Refused:
    """A video that will not be processed, and why; `retryable`: it could not be read just now."""

    uri: str
    reason: str
    retryable: bool


@dataclass(frozen=True)
class CutVideo:
    """A video whose file ends before its header says; `frames`: to be lost of it, at least."""

    uri: str
    reason: str
    frames: int


@dataclass
class Survey:
    """What looking at the videos of a job has come to."""

    target: JobTarget
    works: WorkFile = field(default_factory=WorkFile)
    """What is left to do."""
    cost_s: float = 0.0
    """Estimated seconds of one device's time for that."""
    whole: Stretch = NOTHING
    """All videos that are not refused."""
    todo: Stretch = NOTHING
    on_host: Stretch = NOTHING
    """Of `todo`: what the host decodes, as the chip refuses it."""
    for_host: Stretch = NOTHING
    """Of `refused`: what the host would decode with `--fallback cpu`; its frames are 0."""
    refused: list[Refused] = field(default_factory=list)
    cut_off: list[CutVideo] = field(default_factory=list)
    longest_s: float = 0.0
    """How long the longest video is."""
    fetched_bytes: int = 0
    """Bytes of videos to be read, at most."""
    index_bytes: int = 0
    """Bytes of videos that were read to index them."""
    left_streams: int = 0
    memory: DeviceMemory | None = None
    """What a device holds at most; None where nothing is left to do."""
    chip_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """The chip's seconds by engine for what is left to do, modelled."""

    def leases(self, names: LeaseNames, devices: int) -> Iterator[Lease]:
        """Yield the leases of a run on so many devices."""
        sizes = LeaseSizes(self.cost_s, devices, self.target.job.lease_s)
        return leases_of(self.works, names, sizes)

    def add(self, found: Prepared) -> None:
        """Count further videos, and keep the work on them."""
        self._count_videos(found)
        works = found.works
        self.works.add(works)
        for work in works:
            self.cost_s += work.todo_cost_s
            self.fetched_bytes += work.todo_fetched_bytes
            if cut := work.cut_off:
                self.cut_off.append(CutVideo(work.source.uri, cut.message, cut.frames))
        self.todo = self.todo.and_of(works)
        self.on_host = self.on_host.and_of(found.on_host)
        job, cards = self.target.job, tuple(self.target.identity.cards.values())
        add_modelled_s(self.chip_s, works, cards, job.work, soc(job.soc))
        if works:
            self.memory = _larger(self.memory, self.target.memory(works))

    def _count_videos(self, found: Prepared) -> None:
        videos, video_s, frames = self.whole.videos, self.whole.video_s, self.whole.frames
        for video in found.videos:
            videos += not (video.refused or video.unread)
            video_s, frames = video_s + video.video_s, frames + video.frames
            self.longest_s = max(self.longest_s, video.video_s)
        self.whole = Stretch(videos, video_s, frames)
        for refusal in found.refused:
            error, host = refusal.error, self.for_host
            self.refused.append(Refused(refusal.source.uri, str(error.message), error.retryable))
            if refusal.host_s:
                self.for_host = Stretch(host.videos + 1, host.video_s + refusal.host_s, 0)
        self.index_bytes += found.bytes_read
        self.left_streams += found.left_streams


def _larger(before: DeviceMemory | None, found: DeviceMemory) -> DeviceMemory:
    """Return which of two is more; where they are the same, that of the later video."""
    if before is None or found.total_bytes > before.total_bytes or found.terms == before.terms:
        return found
    return before


def survey(session: Session, on_progress: Callable[[int, int], None]) -> Survey:
    """Look at all videos of a job; `on_progress` is told how many of how many have been.

    Raises as `Session.prepare`.
    """
    found, total = Survey(session.target), len(session.target.listing.sources)
    for prepared in session.prepare_some(AT_ONCE, lambda number: on_progress(number, total)):
        found.add(prepared)
    return found
