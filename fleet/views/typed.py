"""The words by which the user has started the command, in what it prints for typing; no I/O.

Only what our own code says can be a command to type. So no text is searched that holds names and
messages from elsewhere: who makes a command takes the words along, and the way out of an error is
searched apart from its message, around what is quoted in it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import PurePath

USUAL = "fleet"
"""The words where the command is on the PATH, and in all that is kept or travels."""
_QUOTED = r"""(?<!\w)'[^']*'(?:"'"'[^']*')*"""
"""What `shlex.quote` makes of a name that a shell would not take as it is."""
_WORDS: ContextVar[str] = ContextVar("words", default=USUAL)


def words_of(argv0: str, started: Sequence[str], *, on_path: bool) -> str:
    """Return the words that start the command as it was started, ready for a shell.

    `argv0`: what Python says was run, a script or a module's file. `started`: the whole command
    line, from the interpreter on. `on_path`: whether the bare name starts the very same script.
    """
    script = PurePath(argv0)
    words = [USUAL]
    if script.stem == USUAL and not on_path:
        words = [argv0]
    elif script.name == "__main__.py" and USUAL in script.parent.parts[-2:] and started:
        words = [started[0], "-m", USUAL]
    # What a terminal would show as an escape cannot be copied from it.
    return shlex.join(words) if all(map(str.isprintable, words)) else USUAL


def remember(words: str) -> None:
    """Have `started_as` return these words from now on."""
    _WORDS.set(words)


def started_as() -> str:
    """Return the words by which the user has started the command that is running."""
    return _WORDS.get()


def as_typed(way_out: str, words: str, commands: Collection[str]) -> str:
    """Return the way out of an error with commands that begin with `words`.

    `commands`: the names of the subcommands. A command is meant behind a backtick or a colon, and
    at the beginning of a line: in all else the word may be a part of a name.
    """
    if words == USUAL or USUAL not in way_out:
        return way_out
    return _pattern(tuple(commands)).sub(lambda found: _said(found, words), way_out)


def _said(found: re.Match[str], words: str) -> str:
    return found[0] if found["begins"] is None else found["begins"] + words


@cache
def _pattern(commands: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, commands))
    ends = r"[\s`'\";,)]|[.:](?!\w)|$"
    begins = r"(?P<begins>^ *(?:\$ )?|`|: +)"
    return re.compile(rf"{_QUOTED}|{begins}{USUAL}(?=\s+(?:{names})(?:{ends}))", re.MULTILINE)
