"""Before anything runs: look at each header, refuse what the chip would, set out the work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fleet.ascend.soc import Soc
from fleet.ascend.vdec import check_stream
from fleet.errors import FleetError, StorageError, VideoError
from fleet.plan.cost import CostModel
from fleet.plan.lease import Interval, lease_id
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.storage import Reader
from fleet.video.index import Source, VideoIndex
from fleet.video.probe import probe
from fleet.video.sampling import Sample

INDEX_THREADS = 8
"""Headers read at once: with a far store, waiting is most of it."""
_EVER = 2**62


@dataclass(frozen=True)
class Refusal:
    """A video that is not processed, and why: it is refused, or could not be read (retryable)."""

    source: Source
    error: FleetError

    @property
    def interval(self) -> Interval:
        """The whole of the video, whatever its pts."""
        return Interval(self.source.uri, self.source.etag, -_EVER, _EVER)

    def lease(self, job_digest: str) -> str:
        """Name the record of this refusal in the output."""
        return lease_id(job_digest, [self.interval])


@dataclass(frozen=True)
class Prepared:
    """The work of a job over its videos, in the order of their URIs, and the videos refused."""

    works: tuple[VideoWork, ...]
    refused: tuple[Refusal, ...]

    @property
    def bytes_read(self) -> int:
        """What indexing the videos took."""
        return sum(work.index.bytes_read for work in self.works)

    @property
    def duration_s(self) -> float:
        """Seconds of video in all that is not refused."""
        return sum(work.index.duration_s for work in self.works)


def index_video(source: Source) -> VideoIndex:
    """Index one video; raises VideoError where it is none, StorageError where it can't be read."""
    return probe(source, Reader(source))


def prepare(
    sources: Sequence[Source],
    sample: Sample,
    soc: Soc,
    done: Iterable[Interval],
    see: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Index the videos and set out what is to be done of each.

    `done`: what earlier runs committed. `see` is told how many videos have been looked at.
    """
    covered = DoneIntervals(done)

    def look(source: Source) -> VideoWork | Refusal:
        try:
            index = index_video(source)
            check_stream(soc, index.stream, source.uri)
        except (VideoError, StorageError) as error:
            return Refusal(source, error)
        return video_work(index, sample.wanted(index), covered, CostModel())

    works: list[VideoWork] = []
    refused: list[Refusal] = []
    with ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index") as threads:
        for number, outcome in enumerate(threads.map(look, sources), 1):
            if isinstance(outcome, Refusal):
                refused.append(outcome)
            else:
                works.append(outcome)
            see(number)
    return Prepared(tuple(works), tuple(refused))
