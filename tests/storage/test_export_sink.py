"""Pieces of files become files: whole ones together, large ones as soon as they are complete."""

from __future__ import annotations

import gc
from collections.abc import Callable
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any
from weakref import ReferenceType, ref

import pytest

from fleet.export import sink as sink_module
from fleet.export.chosen.video import Piece
from fleet.export.place import is_as_file
from fleet.export.sink import Sink
from fleet.storage import Folder

LARGE = "x" * 200_000


def test_a_file_is_put_when_its_last_piece_is_there(any_place: str) -> None:
    """Sections in their order; nothing of it is kept, be it small or large."""
    folder = Folder(any_place)
    with Sink(folder) as sink:
        sink.add(Piece("open.txt", "end", 1))
        for number in range(3):
            sink.add(Piece(f"large-{number}.txt", "tail", 1))
            sink.add(Piece(f"large-{number}.txt", LARGE, 0))
            sink.add(Piece(f"large-{number}.txt", "", 0, is_last=True))
            assert folder.read(f"large-{number}.txt").decode() == f"{LARGE}tail"
            sink.add(Piece(f"small-{number}.txt", "two", 1))
            sink.add(Piece(f"small-{number}.txt", "one", 0, is_last=True))
            assert list(sink._sections) == ["open.txt"]
        sink.add(Piece("open.txt", "begin ", 0))
        sink.close()
        assert sink.files == 7
        assert sink.bytes == 3 * (len(LARGE) + 4) + 3 * 6 + 9
    assert folder.read("open.txt") == b"begin end"
    assert {folder.read(f"small-{number}.txt") for number in range(3)} == {b"onetwo"}


def test_nothing_is_kept_of_files_that_are_put_or_given_up(
    place: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in memory nor on the disk, be a file small, large, or open when the sink ends."""
    opened: list[ReferenceType[Any]] = []

    def spooled(most: int) -> Any:
        spool = SpooledTemporaryFile(most)  # noqa: SIM115 - closed by the sink
        opened.append(ref(spool))
        return spool

    monkeypatch.setattr(sink_module, "SpooledTemporaryFile", spooled)
    with Sink(Folder(place("disk"))) as sink:
        for number in range(3):
            for text in ("", LARGE):
                name = f"{number}-{len(text)}.txt"
                sink.add(Piece(name, text, 1))
                sink.add(Piece(name, text, 0, is_last=True))
        gc.collect()
        assert [spool() for spool in opened] == [None] * 12
        sink.add(Piece("open.txt", LARGE, 0))
        left = opened[-1]()
        assert left is not None
        assert not left.closed
    assert left.closed


def test_a_file_is_told_from_what_is_there(place: Callable[[str], str]) -> None:
    """By every byte of it; of another length, or not there, it is another."""
    folder = Folder(place("disk"))
    data = b"0123456789" * 300_000
    assert not is_as_file(folder, "one", BytesIO(data))
    folder.put("one", data)
    assert is_as_file(folder, "one", BytesIO(data))
    assert not is_as_file(folder, "one", BytesIO(data[:-1]))
    for at in (0, 1 << 20, len(data) - 1):
        other = bytearray(data)
        other[at] ^= 1
        assert not is_as_file(folder, "one", BytesIO(bytes(other)))
    folder.put("none", b"")
    assert is_as_file(folder, "none", BytesIO())
