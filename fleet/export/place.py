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
from fleet.text import one_line
from fleet.version import __version__

_READ_BYTES = 1 << 20
_LEFT_OVER = re.compile(r"(?:.*/)?\.[^/]+\.[0-9a-f]{32}\.tmp")
_NAMES = {
    "fleet": "Fleet",
    "suffix": "pictures",
    "val_share": "--val-share",
    "pad_s": "--pad",
    "merge_s": "--merge",
    "exact": "--exact",
    "expand": "--expand",
    "labels": "--label",
    "min_score": "--min-score",
    "cameras": "--camera",
    "uris": "--uri",
    "every": "--every",
    "from_s": "--from",
    "to_s": "--to",
    "since": "--since",
    "until": "--until",
    "found_only": "--found-only",
}
"""What the commands call what an export is, where that is another name."""
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
            f"{folder.uri} holds another export{_differences(there, _marked(tables, asked))}.",
            "Name another folder, or delete this one.",
        )
    return True


def _mark(tables: Tables, asked: Mapping[str, Any]) -> bytes:
    return json.dumps(_marked(tables, asked), indent=1).encode()


def _marked(tables: Tables, asked: Mapping[str, Any]) -> dict[str, Any]:
    of_output = {"fleet": __version__, "output": tables.uri, "job": tables.job.digest}
    return {**of_output, **asked}


def _differences(there: bytes, now: Mapping[str, Any]) -> str:
    """Return in what an export that is there differs from this one, as a clause."""
    try:
        before = _flat(json.loads(there))
    except (ValueError, AttributeError, TypeError):
        return f", or its {MARK} is damaged"
    after = _flat(now)
    names = [name for name in {**after, **before} if before.get(name) != after.get(name)]
    if before.get("format") != after.get("format"):
        # What else was asked for goes by the format.
        names = [name for name in names if name in {"format", "output"}]
    if "output" in names:
        names = [name for name in names if name != "job"]
    said = (f"{_NAMES.get(n, n)}: {_value(before, n)} -> {_value(after, n)}" for n in names)
    return one_line(f": {'; '.join(said)}") if names else ""


def _flat(mark: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an export is, with what is chosen beside the rest."""
    return {**{k: v for k, v in mark.items() if k != "choice"}, **mark.get("choice", {})}


def _value(mark: Mapping[str, Any], name: str) -> str:
    value = mark.get(name)
    if value is None:
        return "not given"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)[:12] if name == "job" else str(value)


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
