"""Naming outputs and files on the command line, and printing values as JSON."""

from __future__ import annotations

import json
import mimetypes
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fleet.errors import UsageError
from fleet.storage import Folder
from fleet.storage.resolve import open_store
from fleet.views.clean_console import CleanConsole

Output = Annotated[str, typer.Argument(metavar="OUTPUT", help="An output folder of a job.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def put_file(path: Path, data: bytes) -> None:
    """Write a file of this machine that the command line names, whole or not at all.

    Any name that a file can have is one that its user may choose. Raises StorageError where it
    cannot be written, UsageError for what is no file.
    """
    check_file(path)
    store, where = open_store(str(path.absolute()))
    store.put(where, data)


def check_file(path: Path) -> None:
    """Raise UsageError for a device or a pipe, such as /dev/null or /dev/stdout.

    What is written whole takes the place of what had its name: whoever may write in /dev would
    leave the machine without it.
    """
    # Those of os.path raise for no name. A link into /proc is a stream, whatever that leads to.
    is_other = os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))  # noqa: PTH110, PTH112, PTH113
    is_stream = os.path.islink(path) and os.readlink(path).startswith("/proc/")  # noqa: PTH114, PTH115
    if is_other or is_stream:
        raise UsageError(f"{path} is a device or a pipe, and no file.", "Name a file.")


def check_folder_name(path: str) -> None:
    """Raise UsageError where a folder that is not there yet is named like a file.

    Ends of one letter mean a language, but count folders more often: set.a, set.b, set.c.
    """
    name = PurePath(path)
    try:
        check_name(path, "", "a folder of files", name.stem)
    except UsageError:
        is_letter = len(name.suffix) == len(".a")
        is_there = os.path.isdir(path) or Folder(path).exists()  # noqa: PTH112 - also no name at all
        if not (is_letter or is_there):
            raise


def check_name(path: str | PurePath, kind: str, what: str, example: str) -> None:
    """Raise UsageError where a name ends like that of another kind of file than is written.

    `kind`: its type of media, empty for a folder; `what`: the same in words. `example`: a name for
    it. Ends that mean nothing in particular may be any.
    """
    name = PurePath(path)
    # Not what this machine knows besides: a name means the same everywhere.
    claimed, packed = mimetypes.MimeTypes().guess_type(name.name)
    if packed or claimed not in {None, kind}:
        message = f"--out {path} is named like a {name.suffix} file, but {what} is written."
        raise UsageError(message, f"Name it like {example}.")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yield the function that takes (done, total)."""
    with counting_several() as on_progress:
        yield lambda done, total: on_progress(what, done, total)


@contextmanager
def counting_several() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar on a terminal; yield the function that takes (what, done, total)."""
    console = CleanConsole(stderr=True)
    text = TextColumn("{task.description}", markup=False)
    columns = (BarColumn(), MofNCompleteColumn(), text)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            shown.update(task, description=what, completed=done, total=total)

        yield show


def print_list(values: Iterable[Any]) -> None:
    """Print dataclasses as one JSON list."""
    typer.echo(json.dumps([_plain(value) for value in values], indent=1))


def print_json(value: Any, **more: Any) -> None:
    """Print a dataclass as one JSON object, with some more fields."""
    typer.echo(json.dumps({**_plain(value), **more}, indent=1))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
