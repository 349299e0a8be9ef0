"""The words by which the user has started the command, in what it prints for typing; no I/O.

Texts say `fleet verify`, wherever they are made: a worker, the driver of a cluster, a library. Only
where a text leaves the command is it known how that is typed here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import PurePath

_HOLDER = r"[a-z\s-]+ on\s+\S+\s+\(pid "
"""How messages go on that say who holds an output, see `Holder`: nobody types that."""
USUAL = "fleet"
"""The words where the command is on the PATH, and in all that is kept or travels."""


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
    text = shlex.join(words)
    # It may come to stand inside a string of JSON.
    return USUAL if re.search(r'["\\]', text) else text


def as_typed(text: str, words: str, commands: Collection[str]) -> str:
    """Return a text whose commands begin with `words`, where it says the usual word.

    `commands`: the names of the subcommands. A command is meant behind a backtick or a colon, and
    at the beginning of a line: in all else the word may be a part of a name.
    """
    if words == USUAL or USUAL not in text:
        return text
    return _pattern(tuple(commands)).sub(lambda found: found[1] + words, text)


@cache
def _pattern(commands: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, commands))
    ends = r"[\s`'\";,)]|[.:](?!\w)|$"
    begins = r"(^ *(?:\$ )?|`|: +)"
    meant = rf"(?=\s+(?:{names})(?:{ends}))(?!{_HOLDER})"
    return re.compile(begins + USUAL + meant, re.MULTILINE)
