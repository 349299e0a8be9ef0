"""The help of a command: groups of options, one row each where it fits; pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.text import Text

WIDEST = 100
"""Longer rows are hard to read, however wide the terminal is."""
NARROWEST = 40
_NAMES_AT_MOST = 22
"""A longer name has a row to itself."""
_INDENT = 2
_GAP = 2
_TITLE, _NAME, _USAGE = "bold", "cyan", "yellow"


@dataclass(frozen=True)
class Entry:
    """An option, an argument or a command."""

    name: str
    """What is typed, such as: --input URI."""
    text: str
    """What it does, with its default."""


@dataclass(frozen=True)
class Group:
    """Entries under one title."""

    title: str
    """The title."""
    entries: tuple[Entry, ...]
    """At least one."""


@dataclass(frozen=True)
class Page:
    """The help of one command."""

    usage: str
    """How it is called."""
    about: str
    """What it does, in paragraphs."""
    groups: tuple[Group, ...]
    """Its options, those that most people need first."""
    examples: tuple[str, ...]
    """Commands to copy."""
    see: str
    """Where more is said."""


def lay_out_command(page: Page, width: int) -> Text:
    """Return the help of a command in rows of `width` characters at most."""
    width = max(NARROWEST, min(WIDEST, width))
    found = Text(f"{_usage(page, width)}\n\n", style="")
    found.stylize(_USAGE, 0, len("Usage:"))
    for row in _about(page.about, width):
        found.append(f"{row}\n")
    found.append("\n")
    column = _column(entry for group in page.groups for entry in group.entries)
    for group in page.groups:
        found.append(f"{group.title}\n", _TITLE)
        for entry in group.entries:
            _append(found, entry, _INDENT, column, width)
    if page.examples:
        found.append("Examples\n", _TITLE)
        for example in page.examples:
            found.append(f"  {example}\n")
    found.append(_whole_words(page.see, width))
    return found


def lay_out_commands(page: Page, width: int) -> Text:
    """Return the help of a command that has subcommands: the title of a group beside its first."""
    width = max(NARROWEST, min(WIDEST, width))
    # A screen is as high as this list: no row is left empty but one.
    found = Text(f"{_usage(page, width)}\n")
    found.stylize(_USAGE, 0, len("Usage:"))
    for row in _about(page.about, width):
        found.append(f"{row}\n")
    found.append("\n")
    titles = max(len(group.title) for group in page.groups) + _GAP
    for group in page.groups:
        # Options are longer than commands, and would leave those no room beside them.
        alike = [each for each in page.groups if _is_of_options(each) == _is_of_options(group)]
        column = _column(entry for each in alike for entry in each.entries)
        for number, entry in enumerate(group.entries):
            found.append("" if number else group.title, _TITLE)
            filled = 0 if number else len(group.title)
            _append(found, entry, titles, column, width, filled)
    found.append(_whole_words(page.see, width))
    return found


def _is_of_options(group: Group) -> bool:
    return group.entries[0].name.startswith("-")


def _usage(page: Page, width: int) -> str:
    return _whole_words(f"Usage: {page.usage}", width, " " * len("Usage: "))


def _whole_words(text: str, width: int, indent: str = "") -> str:
    """Return rows of a text that holds commands: the name of a program is in one piece."""
    rows = textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(rows)


def _about(text: str, width: int) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from textwrap.wrap(paragraph, width)


def _column(entries: Iterable[Entry]) -> int:
    """Return how wide the names are, those aside that have a row to themselves."""
    lengths = [len(entry.name) for entry in entries]
    return max((n for n in lengths if n <= _NAMES_AT_MOST), default=_NAMES_AT_MOST)


def _append(
    found: Text, entry: Entry, indent: int, column: int, width: int, filled: int = 0
) -> None:
    """Append the rows of an entry; `filled`: how much of its first row is written already."""
    found.append(" " * (indent - filled))
    found.append(entry.name, _NAME)
    new_row = "\n" + " " * (indent + column + _GAP)
    rows = textwrap.wrap(entry.text, width - len(new_row) + 1, break_on_hyphens=False)
    gap = column + _GAP - len(entry.name)
    first = new_row if gap < _GAP else " " * gap
    found.append(f"{first}{new_row.join(rows)}".rstrip(" ") + "\n")
