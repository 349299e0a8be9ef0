"""An object of a folder as a file, for readers that want one."""

from __future__ import annotations

import io

import pyarrow as pa

from fleet.errors import StorageError
from fleet.parquet.arrow_threads import native_buffer, reading, watch
from fleet.storage import Entry, Folder


class RangedFile(io.RawIOBase):
    """An object of a folder as a file: each read is one ranged read, nothing is kept.

    Reading raises StorageError where the object is gone, or has changed since it was listed.
    Threads of Arrow's may hold it, so that it is watched.
    """

    def __init__(self, folder: Folder, entry: Entry) -> None:
        super().__init__()
        self._folder = folder
        self._entry = entry
        self._at = 0
        watch(self)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from anywhere: yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._entry.bytes}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read on, to the end where no size is given."""
        left = max(0, self._entry.bytes - self._at)
        length = left if size is None or size < 0 else min(size, left)
        data = self._read(length) if length else b""
        if len(data) != length:
            raise StorageError(f"{self._folder.uri}/{self._entry.name} has changed meanwhile.")
        self._at += length
        return data

    def read_buffer(self, size: int = -1) -> pa.Buffer:
        """Read on, for Arrow: into memory of its own."""
        with reading():
            return native_buffer(self.read(size))

    def _read(self, length: int) -> bytes:
        try:
            return self._folder.read_range(self._entry.name, self._at, length)
        except FileNotFoundError as error:
            raise StorageError(
                f"{self._folder.uri}/{self._entry.name} is gone: its rows were brought into "
                "another part, or were taken back.",
                "Open the output again.",
            ) from error
