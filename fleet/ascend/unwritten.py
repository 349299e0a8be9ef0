"""Find pictures of which a decoder left some unwritten.

Where a packet is cut short or damaged, some decoders of libav end a picture early and report
nothing. What is seen in the rest is what an earlier picture left in that memory, or nothing: other
pixels in each decode. So memory that a decoder is done with is marked before it is used again, and
a picture in which a mark is still there was not written to its end.
"""

from __future__ import annotations

import sys
from collections import deque

import av
import numpy as np
from numpy.typing import NDArray

# One mark of 8 bytes in each 16, in the middle row of each 16 and in the last row. Decoders write
# blocks that lie on such a grid, or whole rows; filters between a block that is written and one
# that is not change up to 3 samples beside the edge.
_BLOCK_BYTES, _MARK_AT, _MARK_BYTES = 16, 4, 8
_MARK = np.frombuffer(bytes.fromhex("17e95ba204fd38c6"), np.uint64)[0]
_NO_MORE_USERS = 2  # a name in `_mark_unused`, and the argument of getrefcount
# Frames that a job keeps are waited for, up to so many.
_MOST_WAITING = 64
# For how many more pictures a decoder may refer to one than it has references: those between two of
# them. So many in what x265 makes; where a stream needs more it shows, up to the most there can be.
_BETWEEN, _MOST_REFERENCES = 3, 32

_ROWS = slice(_BLOCK_BYTES // 2, None, _BLOCK_BYTES), slice(-1, None)


class Unwritten:
    """Marks the memory of one decoder's pictures, and looks for marks in them."""

    def __init__(self, reference_frames: int) -> None:
        """Take how many pictures the decoder may still refer to after it has returned them."""
        self._references = reference_frames + _BETWEEN
        self._held: deque[av.VideoFrame] = deque()

    def is_in(self, frame: av.VideoFrame) -> bool:
        """Return whether some of a picture that the decoder has just returned is not written.

        The frame is kept until nobody uses it any more, and then marked.
        """
        found = any(_is_left(frame, rows) for rows in _ROWS)
        self._mark_unused()
        self._held.append(frame)
        return found

    def forget(self) -> None:
        """Keep no frame any more."""
        self._held.clear()

    def _mark_unused(self) -> None:
        used: list[av.VideoFrame] = []
        while len(self._held) > self._references:
            frame = self._held.popleft()
            if sys.getrefcount(frame) > _NO_MORE_USERS:
                used.append(frame)
            elif not _mark(frame):
                self._references = min(self._references + 1, _MOST_REFERENCES)
        self._held.extendleft(reversed(used[-_MOST_WAITING:]))


def _mark(frame: av.VideoFrame) -> bool:
    """Mark a frame's memory; return whether that was possible, as no decoder refers to it."""
    address = frame.planes[0].buffer_ptr
    # Where the decoder still refers to it, that makes a copy. Its own memory is not marked then.
    frame.make_writable()
    if frame.planes[0].buffer_ptr != address:
        return False
    for rows in _ROWS:
        _marks(frame, rows)[:] = _MARK
    return True


def _marks(frame: av.VideoFrame, rows: slice) -> NDArray[np.uint64]:
    """Return the places of marks in some rows of the first plane: a view, u64 [rows, blocks]."""
    plane = frame.planes[0]
    chosen = range(frame.height)[rows]
    shape = len(chosen), _row_bytes(frame) // _BLOCK_BYTES
    offset = chosen.start * plane.line_size + _MARK_AT
    strides = _BLOCK_BYTES * plane.line_size, _BLOCK_BYTES
    return np.ndarray(shape, np.uint64, plane, offset, strides)  # type: ignore[arg-type]


def _row_bytes(frame: av.VideoFrame) -> int:
    layout = frame.format
    if layout.is_planar:
        return frame.width * (2 if layout.components[0].bits > 8 else 1)
    return frame.width * layout.padded_bits_per_pixel // 8


def _is_left(frame: av.VideoFrame, rows: slice) -> bool:
    """Return whether memory is as it was marked, or as it was when it was new: all zero.

    No picture is of zero luma and chroma; in black, luma alone may be zero.
    """
    marks = _marks(frame, rows)
    if (marks == _MARK).any():
        return True
    if frame.format.is_rgb or len(frame.planes) < 3 or marks.all():
        return False
    row, block = np.nonzero(marks == 0)
    found = np.ones(len(row), np.bool_)
    for plane in frame.planes[1:3]:
        samples = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        down = -(-frame.height // plane.height)
        across = -(-frame.width // plane.width)
        at = (block * _BLOCK_BYTES + _MARK_AT) // across
        found &= samples[np.array(range(frame.height)[rows])[row] // down, at] == 0
    return bool(found.any())
