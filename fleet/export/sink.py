"""Write the pieces of an export into its folder; no file is held in memory while it grows."""

from __future__ import annotations

import shutil
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile, TemporaryFile
from types import TracebackType
from typing import IO, Self, cast

from fleet.export.chosen.video import Piece
from fleet.export.place import put_file
from fleet.storage import Folder

_AT_ONCE = 256
"""Whole files that are put together."""
_PUTS_AT_ONCE = 16
_SMALL_BYTES = 1 << 16
"""What a file may have that is put together with others."""
_IN_MEMORY_BYTES = 1 << 20
"""What a section may have before it lies on the disk of this machine."""


class Sink:
    """Takes pieces, and puts whole files as they come, others when `close` is called.

    It is a context manager: what is on the disk of this machine goes at its end.
    """

    def __init__(self, folder: Folder) -> None:
        self.files = 0
        """How many files were put."""
        self.bytes = 0
        """How many bytes they have."""
        self._folder = folder
        self._whole: list[tuple[str, bytes]] = []
        self._sections: defaultdict[str, dict[int, IO[bytes]]] = defaultdict(dict)

    def add(self, piece: Piece) -> None:
        """Take a piece; raises StorageError where a file cannot be put."""
        data = piece.text.encode()
        if piece.section is None:
            self._add_whole(piece.name, data)
            return
        sections = self._sections[piece.name]
        if piece.section not in sections:
            spool = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed with its file
            sections[piece.section] = cast("IO[bytes]", spool)
        sections[piece.section].write(data)
        if piece.is_last:
            self._end(piece.name)

    def close(self) -> None:
        """Put all that is left; raises StorageError where a file cannot be put."""
        self._put_whole()
        for name in sorted(self._sections):
            self._put_sections(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self._sections):
            self._drop(name)

    def _add_whole(self, name: str, data: bytes) -> None:
        self._whole.append((name, data))
        if len(self._whole) >= _AT_ONCE:
            self._put_whole()

    def _end(self, name: str) -> None:
        """Put a file that is complete: a small one together with others."""
        sections = self._sections[name]
        if sum(section.tell() for section in sections.values()) > _SMALL_BYTES:
            self._put_sections(name)
            return
        for section in sections.values():
            section.seek(0)
        data = b"".join(sections[number].read() for number in sorted(sections))
        self._drop(name)
        self._add_whole(name, data)

    def _put_whole(self) -> None:
        # On a disk too: each put waits until its file is safe there.
        with ThreadPoolExecutor(_PUTS_AT_ONCE, thread_name_prefix="export") as threads:
            list(threads.map(lambda file: self._folder.put(*file), self._whole))
        self.files += len(self._whole)
        self.bytes += sum(len(data) for _, data in self._whole)
        self._whole = []

    def _put_sections(self, name: str) -> None:
        sections = self._sections[name]
        with TemporaryFile() as whole:
            for number in sorted(sections):
                sections[number].seek(0)
                shutil.copyfileobj(sections[number], whole)
            self._drop(name)
            self.files += 1
            self.bytes += put_file(self._folder, name, whole)

    def _drop(self, name: str) -> None:
        """Close what is kept of a file."""
        for section in self._sections.pop(name).values():
            section.close()
