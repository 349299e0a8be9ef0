"""What a command prints to where there is no room, or nothing at all: that ends nothing midway."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

STDIN, STDOUT, STDERR = 0, 1, 2
EXIT_LOST = 1
"""What a command ends with that has done all, but could not say all of it."""


class _Handle(io.FileIO):
    """A standard stream's bytes; from the first that cannot be written on, all are dropped."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.lost = ""
        """Why not all was written, empty where it was."""

    def write(self, data: object, /) -> int | None:  # type: ignore[override]
        """Write bytes and return how many were taken; a pipe that nobody reads is told as ever."""
        left = memoryview(data).cast("B")  # type: ignore[arg-type]
        many = left.nbytes
        try:
            # A disk takes what it has room for. Who holds nothing back asks but once.
            while left and (taken := super().write(left)):
                left = left[taken:]
        except BrokenPipeError:
            raise
        except OSError as error:
            self.lost = error.strerror or str(error)
            _fill(self.fileno())
            return many
        # As of a file: None where it takes nothing now, and says so.
        return many - left.nbytes or None


@contextmanager
def standard_streams() -> Iterator[None]:
    """Have streams that are full or closed drop what is printed, for as long as a command lasts.

    Where stdout was full, a command that ends well raises SystemExit at its end, and says why on
    stderr: what it was to do is done. What stderr has no room for is progress and complaints.
    """
    _fill_closed()
    stdout = _held("stdout", STDOUT)
    _held("stderr", STDERR)
    try:
        yield
    except SystemExit as end:
        if end.code or not (why := _lost(stdout)):
            raise
    else:
        why = _lost(stdout)
    if why:
        said = f"fleet: error: not all that it printed could be written: {why}."
        print(said, file=sys.stderr)  # noqa: T201 - this is the command's voice
        sys.exit(EXIT_LOST)


def _lost(handle: _Handle | None) -> str:
    """Return why not all was written that was printed, empty where it was."""
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    return handle.lost if handle else ""


def _held(name: str, number: int) -> _Handle | None:
    """Put a stream that tolerates a lack of room in the place of a usual one."""
    stream: TextIO = getattr(sys, name)
    if type(stream) is not io.TextIOWrapper or stream.fileno() != number:
        return None
    handle = _Handle(number)
    # By PYTHONUNBUFFERED or `python -u` nothing is held back, nor is it here.
    tolerant = io.TextIOWrapper(
        handle if stream.write_through else io.BufferedWriter(handle),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    stream.flush()
    setattr(sys, name, tolerant)
    return handle


def _fill_closed() -> None:
    """Open what a caller has closed: the next file to be opened would be written to by prints."""
    for number, name in ((STDIN, "stdin"), (STDOUT, "stdout"), (STDERR, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            _fill(number)
        if getattr(sys, name) is None:
            mode = "r" if number == STDIN else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _fill(number: int) -> None:
    """Have a standard handle lead nowhere, also in processes that inherit it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == number:
        os.set_inheritable(number, True)
        return
    os.dup2(nowhere, number)
    os.close(nowhere)
