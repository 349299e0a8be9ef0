"""The decode plan: the least packets to fetch, feed and emit for the wanted frames, exactly.

A *run* is one decode from a fresh start at a key frame. What a run feeds:

- a GOP is fed from its key to its last wanted frame (in decode order), and no further;
- leading pictures (shown before their key, in an open GOP) belong to the GOP before. They are fed
  only where wanted; then their run carries on through the whole GOP before, which they refer to;
- a GOP that holds no wanted frame is not touched.

Pictures that nothing refers to are left out at feed time (`needed`), when their bytes are at hand:
a header does not say which those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.video.index import PacketTable, VideoIndex


@dataclass(frozen=True, eq=False)
class GopPart:
    """What is fed of one GOP: `rows` in decode order, the key first; `wanted` marks which show.

    `rows`: int64 [n], rows of the packet table. `wanted`: bool [n]. `restart`: the decoder starts
    afresh in front of it.
    """

    rows: NDArray[np.int64]
    wanted: NDArray[np.bool_]
    restart: bool

    def __repr__(self) -> str:
        return f"GopPart({len(self.rows)} packets, {int(self.wanted.sum())} wanted)"


@dataclass(frozen=True, eq=False)
class DecodePlan:
    """The parts to feed, in order; `fetch` and `emit` follow from them."""

    parts: tuple[GopPart, ...]

    @property
    def rows(self) -> NDArray[np.int64]:
        """All rows that are fetched, in decode order."""
        return _concatenate([part.rows for part in self.parts])


def _concatenate(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


def plan_decode(
    index: VideoIndex, first_gop: int, last_gop: int, wanted: NDArray[np.bool_]
) -> DecodePlan:
    """Plan the decode of the wanted frames that GOPs first_gop <= g < last_gop own.

    `wanted`: bool by frame number, over the whole video. The union over any division of the GOPs
    into shards emits each wanted frame once.
    """
    rows_wanted = np.zeros(len(index.packets), np.bool_)
    rows_wanted[index.order] = wanted
    owner = index.gop_of_row
    rows_wanted &= (owner >= first_gop) & (owner < last_gop)
    return DecodePlan(tuple(_parts(index, rows_wanted, first_gop, last_gop)))


def _parts(
    index: VideoIndex, wanted: NDArray[np.bool_], first_gop: int, last_gop: int
) -> Iterator[GopPart]:
    ends = np.append(index.cuts[1:], len(index.packets))
    carried = False
    # One GOP more than the shard owns: its leading pictures may be ours.
    for gop in range(first_gop, min(last_gop + 1, len(index.cuts))):
        rows = np.arange(index.cuts[gop], ends[gop])
        leading = index.gop_of_row[rows] < gop
        carries_on = gop + 1 < len(index.cuts) and _wants_leading(index, wanted, gop + 1, ends)
        feed = _upto_last(leading & wanted[rows]) & leading if carried else np.zeros_like(leading)
        trailing = ~leading if carries_on else _upto_last(~leading & wanted[rows]) & ~leading
        feed |= trailing
        if feed.any():
            feed[0] = True
            yield GopPart(rows[feed], wanted[rows[feed]], restart=not carried)
        carried = carries_on


def _wants_leading(
    index: VideoIndex, wanted: NDArray[np.bool_], gop: int, ends: NDArray[np.int64]
) -> bool:
    rows = slice(int(index.cuts[gop]), int(ends[gop]))
    return bool((wanted[rows] & (index.gop_of_row[rows] < gop)).any())


def _upto_last(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark everything up to the last marked place."""
    return np.logical_or.accumulate(marks[::-1])[::-1]


@dataclass(frozen=True)
class ByteRange:
    """One read: `position` in the file and `length` in bytes."""

    position: int
    length: int

    @property
    def end(self) -> int:
        """The first byte past it."""
        return self.position + self.length


def coalesce(
    packets: PacketTable, rows: NDArray[np.int64], gap_bytes: int, limit_bytes: int
) -> list[ByteRange]:
    """Bring the packets' bytes into few reads, in the order in which they are fed.

    A packet that begins within `gap_bytes` after the range before joins it, as long as the range
    stays within `limit_bytes`. Each packet lies within one range, no range is needed twice.
    """
    ranges: list[ByteRange] = []
    spans = packets.span[rows].tolist()
    for start, span in zip(packets.position[rows].tolist(), spans, strict=True):
        if ranges:
            last = ranges[-1]
            joined = max(last.end, start + span) - last.position
            if last.position <= start <= last.end + gap_bytes and joined <= limit_bytes:
                ranges[-1] = ByteRange(last.position, joined)
                continue
        ranges.append(ByteRange(start, span))
    return ranges
