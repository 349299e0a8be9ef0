"""Where a job stands, told from its output alone, on any machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.loss import LossReason
from fleet.core.receipt import Tally
from fleet.core.spans import length
from fleet.table.commits.record import JobRecord
from fleet.table.state.read import count_losses, open_tables
from fleet.table.state.run_records import RunRecord
from fleet.table.state.state import TableState
from fleet.table.state.taken_on import taken_on
from fleet.table.state.video_manifest import Video, left_of, read_wanted
from fleet.table.table import Table


@dataclass(frozen=True)
class DeviceSeen:
    """A device that committed something: its leases, frames, and when it last did.

    `last_unix_s`: None where that was not put down, as by Fleet before it kept the time.
    """

    name: str
    leases: int
    frames: int
    last_unix_s: int | None


@dataclass(frozen=True)
class Status:
    """A job's output at one moment.

    `finished`: everything that was asked for last is there. `runs`: what runs say of themselves,
    the latest last; `alive`: those of them that go on. `videos`: which the job is to cover, of
    which `videos_done` are done and `refused`, `unread` cannot be processed or read. `video_s`,
    `done_video_s`: seconds of video wanted and done. `total`: what is committed. `last_unix_s`:
    when something last was, None where nothing is. `devices`: the latest first. `objects`: that
    hold rows, `packs` of them by compaction. Times are seconds since 1970.
    """

    uri: str
    job: JobRecord
    finished: bool
    runs: Sequence[RunRecord]
    alive: Sequence[RunRecord]
    videos: int
    videos_done: int
    refused: int
    unread: int
    to_look: int
    """Videos that no run has looked at yet; they are in none of the other numbers."""
    video_s: float
    done_video_s: float
    total: Tally
    leases: int
    losses: Sequence[LossReason]
    last_unix_s: int | None
    devices: Sequence[DeviceSeen]
    objects: int
    packs: int
    now_unix_s: float
    open_inputs: int = 0
    """Inputs that no run has listed to their end, so that there may be more videos."""
    codes: int = 1
    """How many versions of the job's code it was made by, at most: see `taken_on`."""

    @property
    def state(self) -> str:
        """How it stands, in a word: running, finished, interrupted, failed, stopped."""
        if self.alive:
            return self.alive[-1].state
        if self.finished:
            return "finished"
        last = self.runs[-1].state if self.runs else "not begun"
        return {"running": "stopped", "preparing": "stopped", "finished": "open again"}.get(
            last, last
        )


def read_status(
    table: Table, clock: Clock = SYSTEM_CLOCK, state: TableState | None = None
) -> Status:
    """Return where a job stands; changes nothing. `state`: what it holds, None to read that."""
    state = table.state() if state is None else state
    wanted = read_wanted(table.folder)
    videos = wanted.videos
    runs, now_s = table.runs.read(), clock.unix_s()
    left_s = _left_s(state, videos)
    known = [video for video in videos.values() if not (video.refused or video.unread)]
    to_look = sum(not video.is_looked_at for video in videos.values())
    video_s = sum(video.video_s for video in known)
    last = pc.max(state.records["committed_unix_s"]).as_py()
    return Status(
        uri=table.uri,
        job=table.job,
        # Files may have come since it was closed.
        finished=state.closed and not to_look and not wanted.open_inputs,
        runs=runs,
        alive=[record for record in runs if record.seems_alive(now_s)],
        videos=len(videos) - to_look,
        videos_done=sum(left_s[video.uri] == 0 for video in known),
        refused=sum(video.refused for video in videos.values()),
        unread=sum(bool(video.unread) for video in videos.values()) - to_look,
        to_look=to_look,
        open_inputs=len(wanted.open_inputs),
        video_s=video_s,
        # Rounded, or what sums leave over would read as a stretch of video.
        done_video_s=max(0.0, round(video_s - sum(left_s[video.uri] for video in known), 6)),
        total=state.total,
        leases=len(state),
        losses=_losses(table, state),
        last_unix_s=last or None,
        devices=_devices(state),
        objects=sum(not name.startswith("_") for name in state.objects),
        packs=sum(not name.startswith("_") for pack in state.packs for name in pack.objects),
        now_unix_s=now_s,
        codes=1 + taken_on(table.folder),
    )


def _losses(table: Table, state: TableState) -> Sequence[LossReason]:
    if not state.total.errors:
        return ()
    return count_losses(open_tables(table.folder, table.job, state).errors)


def _left_s(state: TableState, videos: Mapping[str, Video]) -> dict[str, float]:
    """Seconds that are not done of each video."""
    done = state.done
    return {
        video.uri: length(left_of(video, done)) * video.video_s / (video.end_pts - video.start_pts)
        for video in videos.values()
    }


def _devices(state: TableState) -> list[DeviceSeen]:
    table = state.records.select(["device", "tally.frames", "committed_unix_s"])
    sums = table.group_by("device", use_threads=False).aggregate(
        [("device", "count"), ("tally.frames", "sum"), ("committed_unix_s", "max")]
    )
    columns = ("device", "device_count", "tally.frames_sum", "committed_unix_s_max")
    seen = (
        DeviceSeen(name, leases, frames, last_unix_s or None)
        for name, leases, frames, last_unix_s in zip(
            *(sums[n].to_pylist() for n in columns), strict=True
        )
    )
    return sorted(seen, key=lambda device: (-(device.last_unix_s or 0), device.name))
