"""Read a file for its index: by ranges of bytes, and as the file objects that libav is given."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import OrderedDict
from typing import Protocol

_ZEROS = bytes(1 << 18)


class RangeReader(Protocol):
    """One object in storage, read by ranges; one per thread."""

    @property
    def size(self) -> int:
        """Return how many bytes it has."""

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on, fewer only where the object ends.

        Raises StorageError where the store does not answer.
        """


class CountedReader:
    """Counts what is read through it of another reader."""

    def __init__(self, reader: RangeReader) -> None:
        self._reader = reader
        self.reads = 0
        """Requests."""
        self.bytes = 0
        """Bytes that they returned."""

    @property
    def size(self) -> int:
        """Return how many bytes the object has."""
        return self._reader.size

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as `RangeReader.read` does, but request none past the end."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        data = self._reader.read(offset, length)
        self.reads += 1
        self.bytes += len(data)
        return data


class HeldReader:
    """A small object that is read whole, in one request, when its first byte is asked for."""

    def __init__(self, reader: RangeReader) -> None:
        self._reader = reader
        self._data: bytes | None = None

    @property
    def size(self) -> int:
        """Return how many bytes the object has."""
        return self._reader.size

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as `RangeReader.read` does."""
        if self._data is None:
            self._data = self._reader.read(0, self.size)
        return self._data[offset : offset + length]


class Ranges:
    """Ranges of a file, each read once and kept in memory."""

    def __init__(self, reader: RangeReader) -> None:
        self.size = reader.size
        """How many bytes the whole file has."""
        self._reader = reader
        self._offsets: list[int] = []
        self._data: list[bytes] = []

    def get(self, offset: int, length: int, ahead: int = 0) -> bytes:
        """Return bytes as `RangeReader.read` does; a read that is needed takes `ahead` bytes."""
        length = max(0, min(length, self.size - offset))
        known = self.known(offset, length)
        if len(known) < length:
            rest = self._reader.read(offset + len(known), max(length, ahead) - len(known))
            known += rest
            at = bisect_right(self._offsets, offset)
            self._offsets.insert(at, offset)
            self._data.insert(at, known)
        return known[:length]

    def known(self, offset: int, length: int) -> bytes:
        """Return the bytes from `offset` on that lie in one range read before, at most `length`."""
        at = bisect_right(self._offsets, offset) - 1
        if at < 0:
            return b""
        start = offset - self._offsets[at]
        return self._data[at][start : start + length]

    def next_known(self, offset: int) -> int | None:
        """Return where the first range at or after `offset` begins; None where there is none."""
        at = bisect_right(self._offsets, offset - 1)
        return self._offsets[at] if at < len(self._offsets) else None


class _FileObject(io.RawIOBase):
    """The file object that libav needs: position and size are kept here, a subclass reads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def seekable(self) -> bool:
        """Return whether libav may seek."""
        return True

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, from the start, from here, or from the end, and return the position."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes from the position on; all that are left if it is negative."""
        length = self._size - self._position
        length = length if size < 0 else min(size, length)
        data = self._bytes(self._position, length) if length > 0 else b""
        self._position += len(data)
        return data

    def _bytes(self, offset: int, length: int) -> bytes:
        raise NotImplementedError


class SparseFile(_FileObject):
    """A file of which some ranges are there and the rest reads as zeros."""

    def __init__(self, ranges: Ranges, size: int) -> None:
        """Take the ranges that are there.

        `size` may be more than the real file has: one that was cut short keeps its old length.
        """
        super().__init__(size)
        self._ranges = ranges

    def _bytes(self, offset: int, length: int) -> bytes:
        known = self._ranges.known(offset, length)
        if known:
            return known
        following = self._ranges.next_known(offset)
        gap = length if following is None else min(length, following - offset)
        return _ZEROS if gap >= len(_ZEROS) else _ZEROS[:gap]


class BlockFile(_FileObject):
    """A whole file, read in large blocks, of which the last few are kept.

    With `seekable` False, libav reads it in one pass.
    """

    def __init__(
        self, reader: RangeReader, *, seekable: bool, block_bytes: int = 4 << 20, blocks: int = 6
    ) -> None:
        super().__init__(reader.size)
        self._reader = reader
        self._seekable = seekable
        self._block_bytes = block_bytes
        self._max_blocks = blocks
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._latest = -1

    def seekable(self) -> bool:
        """Return whether libav may seek."""
        return self._seekable

    @property
    def size(self) -> int:
        """Return how many bytes the file has."""
        return self._size

    def block_at(self, offset: int) -> tuple[bytes, int]:
        """Return the block that holds the byte at `offset`, and where in the file it begins."""
        number = offset // self._block_bytes
        return self._block(number), number * self._block_bytes

    def peek(self, offset: int, length: int) -> bytes:
        """Return bytes of the file, fewer only at its end, without moving the position."""
        parts = []
        end = min(offset + length, self._size)
        while offset < end:
            part = self._bytes(offset, end - offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def holds(self, offset: int, data: bytes | memoryview) -> bool:
        """Return whether these bytes lie in the file at `offset`; nothing is copied for it."""
        view, done = memoryview(data), 0
        if offset + len(view) > self._size:
            return False
        while done < len(view):
            number, start = divmod(offset + done, self._block_bytes)
            part = view[done : done + self._block_bytes - start]
            if not self._block(number).startswith(part, start):
                return False
            done += len(part)
        return True

    def _bytes(self, offset: int, length: int) -> bytes:
        number, start = divmod(offset, self._block_bytes)
        return self._block(number)[start : start + length]

    def _block(self, number: int) -> bytes:
        if number == self._latest:
            return self._blocks[number]
        if number not in self._blocks:
            start = number * self._block_bytes
            self._blocks[number] = self._reader.read(start, self._block_bytes)
            while len(self._blocks) > self._max_blocks:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        self._latest = number
        return self._blocks[number]
