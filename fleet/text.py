"""Making text from outside safe to print: file names and messages of libraries hold anything."""

from __future__ import annotations

import re
from functools import cache
from unicodedata import category
from urllib.parse import quote

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_LINE = "\n\t"
_PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
# Letters and marks that show nothing: a name with one looks like another name.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


def one_line(text: str) -> str:
    r"""Return the text with escapes for what breaks a line or controls a terminal: \n, \x1b."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def clean(text: str) -> str:
    r"""Return the text with escapes for what controls a terminal or hides in it; lines stay.

    Those are control characters, what changes the direction of writing, and what takes no room:
    \x1b, \r, \u202e, \u200b. Colours are taken out. What this has returned, it returns unchanged.
    """
    return "".join(map(_cleaned, _COLOUR.sub("", text).replace("\r\n", "\n")))


def ascii_label(text: str) -> str:
    """Return the text in printable ASCII, with %XX for the bytes of all else, and for %.

    Ray's metrics take no other labels. `urllib.parse.unquote` brings the text back.
    """
    return quote(text, safe=_PLAIN, errors="surrogateescape")


@cache
def _cleaned(character: str) -> str:
    # Spaces other than the usual one are not printable to Python, and do no harm.
    shows = character.isprintable() or character in _LINE or category(character) == "Zs"
    return character if shows and character not in _INVISIBLE else _escape(character)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
