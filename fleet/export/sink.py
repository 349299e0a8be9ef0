"""Write the pieces of an export into its folder; no file is held in memory while it grows."""

from __future__ import annotations

import mmap
import shutil
from collections import defaultdict
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile, TemporaryFile
from types import TracebackType
from typing import IO, Self, cast

from fleet.export.chosen.video import Piece
from fleet.storage import Folder

_AT_ONCE = 256
"""Whole files that are put together."""
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
        self._open = ExitStack()

    def add(self, piece: Piece) -> None:
        """Take a piece; raises StorageError where a file cannot be put."""
        data = piece.text.encode()
        if piece.section is None:
            self._whole.append((piece.name, data))
            if len(self._whole) >= _AT_ONCE:
                self._put_whole()
            return
        sections = self._sections[piece.name]
        if piece.section not in sections:
            spool = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed with the sink
            sections[piece.section] = cast("IO[bytes]", self._open.enter_context(spool))
        sections[piece.section].write(data)

    def close(self) -> None:
        """Put all that is left; raises StorageError where a file cannot be put."""
        self._put_whole()
        for name in sorted(self._sections):
            self._put_sections(name, self._sections.pop(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def _put_whole(self) -> None:
        self._folder.each(lambda file: self._folder.put(*file), self._whole)
        self.files += len(self._whole)
        self.bytes += sum(len(data) for _, data in self._whole)
        self._whole = []

    def _put_sections(self, name: str, sections: dict[int, IO[bytes]]) -> None:
        with TemporaryFile() as whole:
            for number in sorted(sections):
                sections[number].seek(0)
                shutil.copyfileobj(sections[number], whole)
            whole.flush()
            self._put_file(name, whole)

    def _put_file(self, name: str, file: IO[bytes]) -> None:
        size = file.tell()
        self.files += 1
        self.bytes += size
        if not size:
            self._folder.put(name, b"")
            return
        # A mapped file is read as bytes are, and takes no memory of the process.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            self._folder.put(name, cast("bytes", mapped))
