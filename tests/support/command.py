"""The command `fleet`, run in this process: what it prints, and its exit code.

A process of its own costs a second to start, and shows no more but where signals or Ray come in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from unittest.mock import patch

from fleet.cli import main

FLEET = ("-m", "fleet.cli")
"""The command, as Python is asked to run it."""
LOADED = frozenset({"LD_LIBRARY_PATH", "RAY_CLIENT_MODE", "_RJEM_MALLOC_CONF"})
"""What OpenCV, Ray and Polars set as they are loaded, once a process, whichever command is first."""


def fleet_here(
    *arguments: object, folder: Path | None = None, tracebacks: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `fleet` as in a process of its own, and see that no traceback reaches its user.

    The environment is as before, or the next test would meet another one. An error that the command
    lets through is raised. What its children print is part of it.
    `tracebacks`: how many there are to be, of code of the user's own.
    """
    command = ["fleet", *map(str, arguments)]
    before = _environment()
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        with (
            _descriptor(1, out),
            _descriptor(2, err),
            redirect_stdout(out),
            redirect_stderr(err),
            chdir(folder or "."),
            patch.object(sys, "argv", command),
        ):
            code = _exit_code()
        done = subprocess.CompletedProcess(command, code, _text(out), _text(err))
    assert _environment() == before
    assert (done.stderr + done.stdout).count("Traceback") == tracebacks, done.stderr
    return done


def fleet_process(
    *arguments: object, program: tuple[str, ...] = FLEET
) -> subprocess.CompletedProcess[str]:
    """Run `fleet` in a process of its own, and see that no traceback reaches its user."""
    command = [sys.executable, *program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in LOADED}


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def _descriptor(number: int, file: IO[str]) -> Iterator[None]:
    """Have what is written to a descriptor go to a file, from children and from C too."""
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        file.flush()
        os.dup2(kept, number)
        os.close(kept)


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
