"""The words that commands print, as docs/words.md explains them."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

from fleet.errors import UsageError

_PACKAGE = Path(__file__).parents[1]
# An installed Fleet carries the page, a checkout has it beside the package.
_PLACES = (_PACKAGE / "docs" / "words.md", _PACKAGE.parent / "docs" / "words.md")
_ROW = re.compile(r"^\| (?!word )(?P<word>[^|]+) \| (?P<meaning>[^|]+) \|$", re.MULTILINE)
_COLUMN = 14


def read_words() -> dict[str, str]:
    """Return word -> meaning, in the order of the page; raises UsageError where it is missing."""
    page = next((place for place in _PLACES if place.is_file()), None)
    if page is None:
        raise UsageError("This Fleet carries no docs/words.md.", "Install it from its wheel.")
    rows = _ROW.finditer(page.read_text("utf-8"))
    return {row["word"]: row["meaning"].replace("`", "") for row in rows}


def look_up(words: Mapping[str, str], asked: str) -> dict[str, str]:
    """Return the rows of a word, in any case and number; raises UsageError where there is none."""
    wanted = asked.lower().strip()
    found = {
        word: meaning
        for word, meaning in words.items()
        if wanted in (known := _names(word)) or wanted.removesuffix("s") in known
    }
    if not found:
        names = [name for word in words for name in _names(word)]
        near = difflib.get_close_matches(wanted, names, 3)
        way_out = f"Did you mean {', '.join(near)}?" if near else "See all: fleet words"
        raise UsageError(f"{asked!r} is not among the words that Fleet explains.", way_out)
    return found


def _names(word: str) -> list[str]:
    return [name.strip().lower() for name in word.split(",")]


def render_words(words: Mapping[str, str], width: int) -> str:
    """Return words and their meanings in rows of `width` characters at most."""
    column = min(_COLUMN, max(map(len, words)) + 2)
    rows = [
        textwrap.fill(
            f"{word:<{column}}{meaning}", width, subsequent_indent=" " * column, tabsize=1
        )
        for word, meaning in words.items()
    ]
    return "\n".join(rows)
