"""Made-up packet tables with the shapes that real encoders give: GOPs, B-frames, leading pictures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from fleet.core.frames import Colour
from fleet.core.geometry import Size
from fleet.core.source import Source
from fleet.video.index import PacketTable, VideoIndex
from fleet.video.stream import StreamInfo

STREAM = StreamInfo(
    codec="h264",
    profile="High",
    level="4.0",
    size=Size(640, 360),
    chroma="4:2:0",
    bit_depth=8,
    interlaced=False,
    reference_frames=4,
    colour=Colour(),
    time_base=Fraction(1, 1000),
    frame_rate=Fraction(10),
    parameter_sets=b"",
    nal_length_bytes=4,
)


def index_of(
    gops: list[tuple[int, int]], ticks: list[int] | None = None, uri: str = "v.mp4"
) -> VideoIndex:
    """Make an index of GOPs given as (leading pictures, trailing pictures), 100 ms a frame.

    The first GOP's leading pictures are left out, as an encoder does. `ticks`: the pts of each
    frame number, for variable frame rates.
    """
    numbers: list[int] = []
    keys: list[bool] = []
    shown = 0
    for place, (leading, trailing) in enumerate(gops):
        before = leading if place else 0
        # Decode order: the key, what is shown before it, then P and B pairs behind it.
        order = [before, *range(before), *_reordered(before + 1, trailing)]
        numbers += [shown + number for number in order]
        keys += [True] + [False] * (len(order) - 1)
        shown += len(order)
    at = np.array(ticks if ticks is not None else [100 * n for n in range(shown)], np.int64)
    count = len(numbers)
    table = PacketTable(
        position=np.arange(count, dtype=np.int64) * 1000,
        span=np.full(count, 1000, np.int32),
        skip=np.zeros(count, np.int32),
        size=np.full(count, 1000, np.int32),
        pts=at[numbers],
        display=np.arange(count, dtype=np.int32),
        key=np.array(keys),
        entry=np.array(keys),
        shown=np.ones(count, np.bool_),
    )
    return VideoIndex(Source(uri, count * 1000, "etag"), "mp4", STREAM, table, "header", 0)


def _reordered(start: int, count: int) -> list[int]:
    order: list[int] = []
    for first in range(start, start + count, 2):
        order += [first + 1, first] if first + 1 < start + count else [first]
    return order


def gop_shapes() -> st.SearchStrategy[list[tuple[int, int]]]:
    """Draw some GOPs: up to 3 leading and 8 trailing pictures each."""
    gop = st.tuples(st.integers(0, 3), st.integers(0, 8))
    return st.lists(gop, min_size=1, max_size=8)


def indexes() -> st.SearchStrategy[VideoIndex]:
    """Draw an index with uneven frame times."""

    @st.composite
    def draw_index(draw: st.DrawFn) -> VideoIndex:
        gops = draw(gop_shapes())
        frames = sum(trailing + 1 for _, trailing in gops) + sum(lead for lead, _ in gops[1:])
        steps = draw(st.lists(st.integers(1, 300), min_size=frames, max_size=frames))
        return index_of(gops, np.cumsum(steps).tolist())

    return draw_index()
