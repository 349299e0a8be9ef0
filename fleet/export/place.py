"""The folder that an export goes to: whose it is, and how large files are put there."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Mapping
from typing import IO, Any, cast

from fleet.errors import UsageError
from fleet.storage import Folder
from fleet.table.state.read import Tables
from fleet.version import __version__

_READ_BYTES = 1 << 20
_LEFT_OVER = re.compile(r"(?:.*/)?\.[^/]+\.[0-9a-f]{32}\.tmp")
MARK = "fleet-export.json"
"""What a folder is an export of: the same one goes on there, and no other."""


def put_mark(folder: Folder, tables: Tables, asked: Mapping[str, Any]) -> None:
    """Put what a folder is an export of; `asked`: what is exported and how, as JSON."""
    folder.put(MARK, _mark(tables, asked))


def left_over(folder: Folder) -> list[str]:
    """Return the names of files that a put on a disk begins with, and a killed one leaves there.

    Those of puts that are under way are among them.
    """
    return [entry.name for entry in folder.list() if _LEFT_OVER.fullmatch(entry.name)]


def check_place(folder: Folder, tables: Tables, asked: Mapping[str, Any]) -> bool:
    """Return whether this very export was begun in a folder; raise UsageError if it cannot be."""
    if f"{folder.uri}/".startswith(f"{tables.uri}/"):
        message = f"{folder.uri} lies in the output that is exported."
        raise UsageError(message, "Name a folder beside it.")
    try:
        there = folder.read(MARK)
    except FileNotFoundError:
        if folder.exists():
            message = f"{folder.uri} holds something else than an export of Fleet."
            raise UsageError(message, "Name a folder that is new or empty.") from None
        return False
    if there != _mark(tables, asked):
        raise UsageError(
            f"{folder.uri} holds another export: {there.decode(errors='replace')}",
            "Name another folder, or delete this one.",
        )
    return True


def _mark(tables: Tables, asked: Mapping[str, Any]) -> bytes:
    of_output = {"fleet": __version__, "output": tables.uri, "job": tables.job.digest}
    return json.dumps({**of_output, **asked}, indent=1).encode()


def put_file(folder: Folder, name: str, file: IO[bytes]) -> int:
    """Put a file of this machine, and return how many bytes it has."""
    file.flush()
    size = file.seek(0, 2)
    if not size:
        folder.put(name, b"")
        return 0
    # A mapped file is read as bytes are, and takes no memory of the process.
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        folder.put(name, cast("bytes", mapped))
    return size


def is_as_file(folder: Folder, name: str, file: IO[bytes]) -> bool:
    """Return whether an object is there and has the bytes of a file of this machine."""
    size = file.seek(0, 2)
    there = folder.stat(name)
    if there is None or there.bytes != size:
        return False
    file.seek(0)
    return all(
        folder.read_range(name, at, _READ_BYTES) == file.read(_READ_BYTES)
        for at in range(0, size, _READ_BYTES)
    )
