"""Which stretches of a video are cut out, and the packets of each; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fleet.video.index import VideoIndex


@dataclass(frozen=True)
class Stretch:
    """Frames first to last of a video, both included, by number."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"no frames are {self.first} to {self.last}")

    def __len__(self) -> int:
        return self.last - self.first + 1


def stretches(
    index: VideoIndex, hits: NDArray[np.int64], pad_s: Fraction, merge_s: Fraction
) -> list[Stretch]:
    """Return the stretches around some frames, `pad_s` longer on each side; near ones are one.

    `hits`: frame numbers, rising: int64 [n]. `merge_s`: the longest pause that two leave between
    them and are one.
    """
    shown = index.packets.pts[index.order]
    pad, merge = (_ticks(seconds, index) for seconds in (pad_s, merge_s))
    spans: list[tuple[int, int]] = []
    for pts in shown[hits].tolist():
        if spans and pts - pad - spans[-1][1] <= merge:
            spans[-1] = spans[-1][0], pts + pad
        else:
            spans.append((pts - pad, pts + pad))
    firsts = np.searchsorted(shown, [start for start, _ in spans], "left")
    lasts = np.searchsorted(shown, [end for _, end in spans], "right") - 1
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    return _joined([Stretch(first, last) for first, last in pairs])


def _ticks(seconds: Fraction, index: VideoIndex) -> int:
    ticks = seconds / index.stream.time_base
    return ticks.numerator // ticks.denominator


def _joined(several: Sequence[Stretch]) -> list[Stretch]:
    """Return stretches of which no two share a frame, or follow each other without a pause."""
    found: list[Stretch] = []
    for stretch in several:
        if found and stretch.first <= found[-1].last + 1:
            before = found.pop()
            stretch = Stretch(before.first, max(before.last, stretch.last))  # noqa: PLW2901
        found.append(stretch)
    return found


@dataclass(frozen=True, eq=False)
class Copy:
    """Packets that by themselves give some frames, each of them whole."""

    stretch: Stretch
    """The frames that they give."""
    rows: NDArray[np.int64]
    """Of the packet table, in decode order, the key first: int64 [n]."""


def copies(index: VideoIndex, wanted: Sequence[Stretch]) -> Iterator[Copy]:
    """Yield the packets of whole GOPs that give all of some stretches.

    GOPs that two stretches need come once, with both. Raises ValueError with the reason where
    packets alone cannot say which frames are shown.
    """
    _check_times(index)
    waiting: Copy | None = None
    for stretch in wanted:
        found = _copy(index, stretch)
        if waiting is not None and found.stretch.first <= waiting.stretch.last + 1:
            found = _copy(index, Stretch(waiting.stretch.first, found.stretch.last))
        elif waiting is not None:
            yield waiting
        waiting = found
    if waiting is not None:
        yield waiting


def _copy(index: VideoIndex, stretch: Stretch) -> Copy:
    """Return the packets of the fewest GOPs that give a stretch.

    Leading pictures, in front of the first key, belong to the GOP before and are left out: the
    decoder that begins here lacks what they refer to.
    """
    rows_of = index.order[stretch.first : stretch.last + 1]
    gop = int(index.gop_of_row[rows_of[0]])
    while gop > 0 and not index.packets.entry[index.cuts[gop]]:
        gop -= 1
    start = int(index.cuts[gop])
    after = int(np.searchsorted(index.cuts, rows_of.max(), "right"))
    ends = np.append(index.cuts[after:], len(index.packets)).tolist()
    for end in ends:
        rows = np.arange(start, end)
        # Of the first GOP too, whose leading pictures belong to no GOP before.
        rows = rows[(index.gop_of_row[rows] >= gop) & ~_undecodable(index, rows, start)]
        frames = np.sort(index.frame_of_row[rows])
        frames = frames[frames >= 0]
        if frames[-1] - frames[0] + 1 == len(frames):
            return Copy(Stretch(int(frames[0]), int(frames[-1])), _up_to_shown(index, rows))
    raise ValueError("its packets are not in the order of its frames")


def _undecodable(index: VideoIndex, rows: NDArray[np.int64], start: int) -> NDArray[np.bool_]:
    early: NDArray[np.bool_] = index.packets.pts[rows] < index.packets.pts[start]
    return early & ~index.packets.shown[rows]


def _up_to_shown(index: VideoIndex, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out what lies behind the last packet that is shown."""
    return rows[: int(np.flatnonzero(index.packets.shown[rows])[-1]) + 1]


def _check_times(index: VideoIndex) -> None:
    packets = index.packets
    if len(np.unique(packets.pts)) != len(packets):
        raise ValueError("it has two packets for one time, such as fields")
    hidden = ~packets.shown
    if hidden.any() and (packets.pts[hidden] >= index.start_pts).any():
        raise ValueError("its container hides pictures between those that it shows")


def decode_times(pts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return when to decode packets in decode order: rising, and never after they are shown.

    `pts`: int64 [n], no two alike.
    """
    times = np.sort(pts)
    return times - max(0, int((times - pts).max()))
