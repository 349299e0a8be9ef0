"""A video of an output that is looked into: its index, and which of its frames were looked at."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from fleet.browse.questions import text
from fleet.browse.snapshot import Known, Snapshot
from fleet.errors import UsageError
from fleet.index_cache.cache import IndexCache
from fleet.report.findings import Strip
from fleet.report.page import lanes, looked_path
from fleet.report.series import strip_bin
from fleet.show.detections import check_frames
from fleet.show.video import recorded_index
from fleet.table.state.read import Tables, read_rows
from fleet.video.index import VideoIndex

MOST_BINS = 480
"""Stretches that a timeline has at most."""
MOST_LANES = 12
"""Labels that have a lane; the others share one."""
OTHERS = "(other labels)"


@dataclass(frozen=True, eq=False)
class Opened:
    """A video, and what its output says of it as a whole."""

    known: Known
    index: VideoIndex
    frames: NDArray[np.int64]
    """The numbers of the frames that were looked at, rising: int64 [frames]."""

    @property
    def held_bytes(self) -> int:
        """How many bytes it takes, roughly: 50 a packet, and 8 a frame that was looked at."""
        return 50 * len(self.index.packets) + 8 * len(self.frames)

    @property
    def length_s(self) -> float:
        """How long it is."""
        return max(float(self.index.duration_s), 1e-9)

    @property
    def bins(self) -> int:
        """Into how many stretches its timeline is cut.

        As many as there are frames that were looked at, or a fraction of them: of frames with even
        distances each has as many.
        """
        count = len(self.frames)
        return max(1, count // max(1, -(-count // MOST_BINS)))

    @property
    def shift_s(self) -> float:
        """By how much later times count: frames with even distances lie in the middle of theirs."""
        return self.length_s / (2 * max(1, len(self.frames)))

    def time_s(self, frame: int) -> float:
        """Return when a frame is shown, in seconds from the first one."""
        index = self.index
        pts = int(index.packets.pts[index.order[frame]])
        return float((pts - index.start_pts) * index.stream.time_base)

    def latest(self, frame: int) -> int | None:
        """Return the last frame up to this one that was looked at; None where there is none."""
        place = bisect_right(self.frames, frame)
        return int(self.frames[place - 1]) if place else None

    def check(self, frame: int) -> None:
        """Raise UsageError where the video has no frame of this number."""
        count = len(self.index.order)
        if not 0 <= frame < count:
            raise UsageError(f"The video has the frames 0 to {count - 1:,}.")

    def looked_at(self, first: int, last: int) -> list[int]:
        """Return the frames from one to another that were looked at, and the last one before."""
        start, stop = np.searchsorted(self.frames, [first, last + 1]).tolist()
        return [int(frame) for frame in self.frames[max(0, start - 1) : stop]]


def open_video(snapshot: Snapshot, known: Known, indexes: IndexCache) -> Opened:
    """Return a video of an output.

    Raises UsageError where it is gone, or another one than the job processed; VideoError where it
    has no index any more.
    """
    index = recorded_index(snapshot.tables, known.uri, indexes)
    only = text("uri") == known.name
    rows = read_rows(snapshot.tables.frames, ["frame", "pts"], only).sort_by("frame")
    frames, pts = rows["frame"].to_numpy(), rows["pts"].to_numpy()
    check_frames(index, frames, pts, snapshot.tables.uri)
    return Opened(known, index, np.array(frames, np.int64))


def clock_of(tables: Tables, name: str, frame: int) -> str | None:
    """Return when a frame that was looked at was, in ISO form; None where that is not known."""
    if "time" not in tables.frames.schema.names:
        return None
    only = (text("uri") == name) & (pc.field("frame") == frame)
    times = read_rows(tables.frames, ["time"], only, nullable={"time"})["time"]
    moment = times[0].as_py() if len(times) else None
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def timeline(
    opened: Opened, counted: Sequence[tuple[Any, ...]], labels: Sequence[str]
) -> dict[str, Any]:
    """Return when what was there, as paths of SVG over `opened.bins` stretches.

    `counted`: (label, stretch, rows). `labels`: in the order of lanes.
    """
    place_of = {label: place for place, label in enumerate(labels)}
    rows: dict[str, int] = {}
    for label, _, count in counted:
        rows[label or ""] = rows.get(label or "", 0) + count
    most = sorted(rows, key=lambda label: (-rows[label], label))[:MOST_LANES]
    names = sorted(most, key=lambda label: (place_of.get(label, len(place_of)), label))
    has_others = len(rows) > len(names)
    names += [OTHERS] * has_others
    counts = np.zeros((opened.bins, max(1, len(names))), np.int64)
    lane_of = {name: lane for lane, name in enumerate(names)}
    for label, place, count in counted:
        counts[place, lane_of.get(label or "", len(names) - 1)] += count
    strip = Strip(opened.known.name, opened.length_s, sum(rows.values()), _looked(opened), counts)
    drawn = lanes(strip)
    high = len(drawn) * 6
    return {
        "bins": opened.bins,
        "lanes": [
            {"label": names[lane.label], "top": lane.top, "few": lane.few, "many": lane.many}
            for lane in drawn
        ],
        "looked": looked_path(strip, high),
        "high": high + 4,
        "rows": [
            {"label": name, "rows": total}
            for name, total in zip(names, counts.sum(axis=0).tolist(), strict=False)
        ],
    }


def _looked(opened: Opened) -> NDArray[np.bool_]:
    """Return which stretches hold a frame that was looked at: bool [bins]."""
    index = opened.index
    pts = index.packets.pts[index.order[opened.frames]]
    time_s = (pts - index.start_pts) * np.float64(index.stream.time_base)
    time_s += opened.shift_s
    length_s, bins = np.full(len(time_s), opened.length_s), np.full(len(time_s), opened.bins)
    there = np.zeros(opened.bins, np.bool_)
    there[strip_bin(time_s, length_s, bins)] = True
    return there
