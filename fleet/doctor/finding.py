"""What an examination finds, and the text of several findings."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fleet.core.format import plural
from fleet.errors import FleetError
from fleet.text import one_line

WIDTH = 80
_COLUMN = 15


class State(StrEnum):
    """How something is."""

    WELL = "well"
    """Nothing is to be done."""
    WARNING = "warning"
    """Runs go on with it, slower or with less safety."""
    BAD = "bad"
    """A run would fail."""


_MARKS = {State.WELL: "ok", State.WARNING: "note", State.BAD: "BAD"}


@dataclass(frozen=True)
class Finding:
    """What was found of one thing."""

    what: str
    """The thing, in a word or two."""
    state: State
    """How it is."""
    said: str
    """What was seen, in a sentence or a few facts."""
    way_out: str = ""
    """What to do about it; empty where nothing is to be done."""

    def __post_init__(self) -> None:
        if (self.state is not State.WELL) != bool(self.way_out):
            raise ValueError(f"what is not well has a way out, and nothing else has: {self}")


def well(what: str, said: str) -> Finding:
    """Return that something is well."""
    return Finding(what, State.WELL, said)


def examined(what: str, examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what an examination finds; one of Fleet's errors is a finding as well."""
    try:
        yield from examine()
    except FleetError as error:
        yield Finding(what, State.BAD, error.message, error.way_out or "Mend that, and ask again.")


def is_fit(findings: Iterable[Finding]) -> bool:
    """Return whether nothing is bad."""
    return all(finding.state is not State.BAD for finding in findings)


def render(findings: Sequence[Finding]) -> str:
    """Return the text of findings, 80 columns wide, what is bad once more at its end."""
    lines: list[str] = []
    for finding in findings:
        lines += _rows(finding)
    count = {state: sum(f.state is state for f in findings) for state in State}
    bad = ", ".join(f.what for f in findings if f.state is State.BAD)
    ending = f"{plural(count[State.WELL], 'thing')} well, {plural(count[State.WARNING], 'note')}"
    ending += f", {count[State.BAD]} bad: {bad}." if bad else "; nothing is bad."
    return "\n".join([*lines, "", *textwrap.wrap(ending, WIDTH)])


def _rows(finding: Finding) -> Iterator[str]:
    head = f"{_MARKS[finding.state]:<5}{finding.what:<{_COLUMN}}"
    indent = " " * len(head)
    for first, text in ((head, finding.said), (indent, finding.way_out)):
        if text:
            yield from textwrap.wrap(
                one_line(text),
                WIDTH,
                initial_indent=first,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
