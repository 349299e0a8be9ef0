"""What is typed in a block of a page, command by command, and what the page shows below each."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_PROMPT, INTERRUPT = "$ ", "^C"


class DayError(AssertionError):
    """What a page says is not so."""


@dataclass(frozen=True)
class Step:
    """A command of a block, or `^C`, with what the page shows below it."""

    typed: str
    """The command; `^C` for the key."""
    shown: tuple[str, ...] | None
    """All that is printed; None where the page does not show it."""
    then_interrupted: bool = False
    """Whether `^C` comes next, in the same block."""


def steps(text: str) -> list[Step]:
    """Return the steps of a block."""
    lines = text.splitlines()
    if not any(line.startswith((_PROMPT, INTERRUPT)) for line in lines):
        return [Step(command, None) for command in _commands(lines) if not command.startswith("#")]
    found: list[Step] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        typed, at = (line, at + 1) if line == INTERRUPT else _command(lines, at)
        end = next((i for i in range(at, len(lines)) if _begins(lines[i])), len(lines))
        # The blank line before the next command belongs to neither.
        shown = lines[at:end] if end == len(lines) or lines[end - 1] else lines[at : end - 1]
        interrupted = end < len(lines) and lines[end] == INTERRUPT
        found.append(Step(typed.removeprefix(_PROMPT), tuple(shown), interrupted))
        at = end
    return found


def _begins(line: str) -> bool:
    return line.startswith(_PROMPT) or line == INTERRUPT


def _commands(lines: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        command, at = _command(lines, at)
        yield command


def _command(lines: Sequence[str], at: int) -> tuple[str, int]:
    """Return a command that begins at a line, and the line behind it: quotes may span several."""
    command = lines[at]
    while command.endswith("\\") or _is_open(command):
        at += 1
        if at == len(lines):
            raise DayError(f"a quote is never closed: {command!r}")
        command += f"\n{lines[at].strip()}"
    return command, at + 1


def _is_open(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return False
