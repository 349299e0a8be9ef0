"""What of a video lies behind the end of its file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of, indexes

from fleet.core.source import Source
from fleet.plan.cut_off import cut_off
from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling


def cut(index: VideoIndex, end: int) -> VideoIndex:
    """The same index, of a file that has so many bytes."""
    return replace(index, source=Source("v", end, "e"))


def whole_bytes(index: VideoIndex) -> int:
    """How many bytes the file has at least."""
    return int((index.packets.position + index.packets.size).max())


@given(indexes(), st.data())
def test_each_frame_whose_bytes_are_not_all_there_is_told(
    index: VideoIndex, data: st.DataObject
) -> None:
    """For any cut and any GOPs that are done; a file that is whole misses nothing."""
    end = data.draw(st.integers(0, whole_bytes(index)))
    todo = np.array(data.draw(st.lists(st.booleans(), min_size=len(index.cuts))))[: len(index.cuts)]
    wanted = Sampling("all").wanted(index)
    packets, gone = index.packets, 0
    for row in index.order.tolist():
        is_gone = packets.position[row] + packets.size[row] > end
        gone += bool(is_gone and todo[index.gop_of_row[row]])
    found = cut_off(cut(index, end), wanted, todo)
    assert (found.frames if found else 0) == gone
    assert cut_off(cut(index, whole_bytes(index)), wanted, todo) is None


def test_what_nobody_asks_for_is_not_missing() -> None:
    """Key frames in front of the cut are all there, whatever lies behind it."""
    index = index_of([(0, 4), (0, 4)])
    keys = Sampling("keyframes").wanted(index)
    second_key = int(index.packets.position[5] + index.packets.size[5])
    both = np.ones(2, np.bool_)
    assert cut_off(cut(index, second_key), keys, both) is None
    missing = cut_off(cut(index, second_key - 1), keys, both)
    assert missing is not None
    assert missing.frames == 1
    size = int(index.packets.size[5])
    assert missing.message.endswith(f"are no picture: {size - 1} of {size} bytes are there.")
