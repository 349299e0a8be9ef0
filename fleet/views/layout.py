"""Facts on a terminal: a head, and a text that hangs beside it, 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap

WIDTH = 80
_TIE = "\N{NO-BREAK SPACE}"


def hang(head: str, text: str) -> list[str]:
    """Write a text beside a head, its further lines below its first."""
    lines = wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_TIE, " ") for line in lines]


def fact(head: str, text: str) -> list[str]:
    """Write a fact under its head, as all summaries do."""
    return hang(f"  {head:<11} ", text)


def most(values: Mapping[str, float], count: int, kind: str, form: str) -> str:
    """List the largest values by name, and the rest as one."""
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    # One that is left over takes no more room by its own name.
    shown = ordered if len(ordered) <= count + 1 else ordered[:count]
    words = [f"{name} {form.format(value)}" for name, value in shown]
    rest = ordered[len(shown) :]
    if rest:
        words.append(f"{len(rest)} other {kind}s {form.format(sum(v for _, v in rest))}")
    return together(words)


def together(words: Iterable[str]) -> str:
    """List words, each on one line with its figure."""
    return ", ".join(word.replace(" ", _TIE) for word in words)
