"""Where a user's own code went wrong, for messages about it."""

from __future__ import annotations

import traceback
from pathlib import Path

from fleet.errors import JobCodeError
from fleet.version import PACKAGE

_INSTALLED = frozenset({"site-packages", "dist-packages"})


def place(error: BaseException) -> str:
    """Return where an error was raised, as a clause: the last place that is in the user's code.

    Empty where the error itself says so, as one of syntax does.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) or not frames:
        return ""
    own = [frame for frame in frames if not _is_fleet(frame)]
    outside = [frame for frame in own if not _INSTALLED.intersection(Path(frame.filename).parts)]
    # What an import runs before it gets to a file is no place that anybody can look at.
    written = [frame for frame in outside if not frame.filename.startswith("<frozen ")]
    found = (written or own or frames)[-1]
    return f" ({found.filename}, line {found.lineno})"


def trace(error: BaseException) -> str:
    """Return the traceback of an error as Python prints it, from the user's first line on."""
    told = traceback.TracebackException.from_exception(error)
    frames = list(told.stack)
    first = next((n for n, frame in enumerate(frames) if not _is_fleet(frame)), 0)
    told.stack = traceback.StackSummary.from_list(frames[first:])
    _forget_earlier_attempts(error, told)
    return "".join(told.format()).rstrip()


def _forget_earlier_attempts(error: BaseException, told: traceback.TracebackException) -> None:
    """Leave out that the job had been called before, and had failed, when the error was raised."""
    raised: BaseException | None = error
    shown: traceback.TracebackException | None = told
    while raised and shown:
        if isinstance(raised.__context__, JobCodeError):
            shown.__context__ = None
        # What the user's own code chains is a part of it.
        by_cause = raised.__cause__ is not None
        raised = raised.__cause__ if by_cause else raised.__context__
        shown = shown.__cause__ if by_cause else shown.__context__


def _is_fleet(frame: traceback.FrameSummary) -> bool:
    return Path(frame.filename).is_relative_to(PACKAGE)


def raise_ctrl_c(error: BaseException) -> None:
    """Raise KeyboardInterrupt where that is what a library that was loaded calls an ImportError."""
    cause: BaseException | None = error
    while isinstance(cause, ImportError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, KeyboardInterrupt):
        raise cause
