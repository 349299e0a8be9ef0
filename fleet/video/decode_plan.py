"""The decode plan: the fewest packets to fetch and feed for exactly the wanted frames.

A *run* is one decode from a fresh start at a key frame. What a run feeds:

- a GOP is fed from its key to its last wanted frame (in decode order), and no further;
- leading pictures (shown before their key, in an open GOP) belong to the GOP before. They are fed
  only where they are wanted; then their run goes on through the whole GOP before, which they refer
  to;
- a GOP that holds no wanted frame is not touched, but where the one behind it turned out to begin
  with no real key: then its run goes on into that one.

Pictures that no wanted one needs are left out when packets are fed, by what their bytes say
(`fleet.worker.needed`): a container's header does not tell which those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.video.index import PacketTable, VideoIndex


@dataclass(frozen=True, eq=False)
class GopPart:
    """The packets to feed of one GOP."""

    rows: NDArray[np.int64]
    """Rows of the packet table, in decode order, the key first: int64 [n]."""
    wanted: NDArray[np.bool_]
    """Whether the frame of each row is wanted: bool [n]."""
    restart: bool
    """Whether the decoder is reset before it."""
    entry: bool = True
    """Whether decoding may begin with it; else only where all of the GOP before was decoded."""

    def __repr__(self) -> str:
        return f"GopPart({len(self.rows)} packets, {int(self.wanted.sum())} wanted)"


@dataclass(frozen=True, eq=False)
class DecodePlan:
    """The packets to fetch and feed."""

    parts: tuple[GopPart, ...]
    """In the order in which they are fed."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """Return all rows that are fetched, in decode order: int64 [n]."""
        return _concatenate([part.rows for part in self.parts])


def _concatenate(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


def plan_decode(
    index: VideoIndex, first_gop: int, last_gop: int, wanted: NDArray[np.bool_]
) -> DecodePlan:
    """Return the plan for the wanted frames that GOPs first_gop <= g < last_gop own.

    `wanted`: bool [frames], by frame number over the whole video. However the GOPs are divided into
    shards, each wanted frame comes out of exactly one of them.
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
    # One GOP past the shard: its leading pictures may belong to the shard's last GOP.
    stop = min(last_gop + 1, len(index.cuts))
    first, continued = _runs(index, wanted, first_gop, stop, ends)
    for gop in range(first, stop):
        rows = np.arange(index.cuts[gop], ends[gop])
        leading = index.gop_of_row[rows] < gop
        continues, goes_on = gop in continued, gop + 1 in continued
        entry = bool(index.packets.entry[rows[0]])
        feed = _upto_last(leading & wanted[rows]) & leading if continues else np.zeros_like(leading)
        # What follows a key that is none may refer to anything before it.
        feed |= leading if continues and not entry else False
        feed |= ~leading if goes_on else _upto_last(~leading & wanted[rows]) & ~leading
        if feed.any():
            feed[0] = True
            yield GopPart(rows[feed], wanted[rows[feed]], restart=not continues, entry=entry)


def _runs(
    index: VideoIndex,
    wanted: NDArray[np.bool_],
    first_gop: int,
    stop: int,
    ends: NDArray[np.int64],
) -> tuple[int, set[int]]:
    """Return the GOP at which feeding begins, and those into which a run goes on."""
    entries = index.packets.entry[index.cuts]
    continued: set[int] = set()
    gop = stop - 1
    while gop >= first_gop or gop + 1 in continued:
        rows = slice(int(index.cuts[gop]), int(ends[gop]))
        leading = index.gop_of_row[rows] < gop
        is_fed = gop + 1 in continued or bool((wanted[rows] & ~leading).any())
        if (wanted[rows] & leading).any() or (is_fed and gop > 0 and not entries[gop]):
            continued.add(gop)
        gop -= 1
    return min(gop + 1, first_gop), continued


def _upto_last(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return marks that are true up to the last one given: bool [n]."""
    return np.logical_or.accumulate(marks[::-1])[::-1]


@dataclass(frozen=True)
class ByteRange:
    """One read of the file."""

    position: int
    """The first byte."""
    length: int
    """How many bytes."""

    @property
    def end(self) -> int:
        """Return the first byte past it."""
        return self.position + self.length


def coalesce(
    packets: PacketTable, rows: NDArray[np.int64], gap_bytes: int, limit_bytes: int
) -> list[ByteRange]:
    """Return few reads that cover the packets' bytes, in the order in which they are fed.

    A packet that begins within `gap_bytes` after the range before joins it, as long as the range
    stays within `limit_bytes`. Each packet lies within one range, and no range is read twice.
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
