"""The layout of facts: a head and a text beside it, 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap

from fleet.core.fault import JOB_STAGES
from fleet.core.format import about, duration, percent, plural
from fleet.core.loss import LossReason
from fleet.text import one_line

WIDTH = 80
_KINDS = {
    "(none)": "without extension",
    "(link)": "links",
    "(system folder)": "system folders",
    "(folder mark)": "marks of folders",
    "(odd name)": "odd names",
}
"""Kinds of names in a listing -> how they are called."""
_TIE = "\N{NO-BREAK SPACE}"
"""Stands for a space at which a line is not broken."""


def hang(head: str, text: str) -> list[str]:
    """Return the lines of a text beside a head; further lines are indented like the first."""
    lines = wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [untied(line) for line in lines]


def untied(text: str) -> str:
    """Return a text of `together` for a line that is not broken."""
    return text.replace(_TIE, " ")


def fact(head: str, text: str) -> list[str]:
    """Return the lines of a fact beside its head, as all summaries show it."""
    return hang(f"  {head:<11} ", text)


def left_aside(left: Mapping[str, int]) -> str:
    """Return how many names in the inputs are no videos, and of which kinds; empty for none."""
    if not left:
        return ""
    kinds = {_KINDS.get(kind, one_line(kind.strip("()"))): count for kind, count in left.items()}
    names = plural(sum(left.values()), "name that is no video", "names that are no videos")
    return f"{names} ({most(kinds, 6, 'kind', '{:,}')})"


def most(values: Mapping[str, float], count: int, kind: str, form: str) -> str:
    """Return the `count` largest values by name, and the sum of the others.

    `kind`: what the names name, for the others. `form`: the format of a value, such as "{:,}".
    """
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    # A single value more takes no more room than "1 other" would.
    shown = ordered if len(ordered) <= count + 1 else ordered[:count]
    words = [f"{name} {form.format(value)}" for name, value in shown]
    rest = ordered[len(shown) :]
    if rest:
        words.append(f"{len(rest)} other {kind}s {form.format(sum(v for _, v in rest))}")
    return together(words)


def together(words: Iterable[str]) -> str:
    """Return words as a list in which no line is broken within a word and its figure."""
    return ", ".join(word.replace(" ", _TIE) for word in words)


def busy(chip_s: Mapping[str, float]) -> str:
    """Return by modelled seconds which engine holds a chip back, and how busy it keeps the others.

    Engines work side by side: the slowest is busy all the time.
    """
    ordered = sorted(((s, engine) for engine, s in chip_s.items() if s), key=lambda item: -item[0])
    if not ordered:
        return "no engine is busy"
    slowest_s, slowest = ordered[0]
    shares = (f"{engine} {percent(s, slowest_s)} {duration(s)}" for s, engine in ordered)
    return f"{slowest} holds it back; engines side by side, busy {together(shares)}"


def of_devices(share: int, of: int, weight: float, weights: float) -> str:
    """Return what a job has of shared devices, such as 3 of 8 devices (weight 1 of 4)."""
    return f"{share:,} of {plural(of, 'device')} (weight {weight:g} of {weights:g})"


def describe_labels(labels: Mapping[str, str]) -> str:
    """Return labels as they are given, such as team=a, night=yes."""
    return ", ".join(f"{name}={text}" for name, text in labels.items())


def nothing_wanted(sample: str, longest_s: float, *, is_begun: bool) -> list[str]:
    """Return the lines on a sample that takes no frame; `is_begun`: whether its output is there."""
    another = "another --sample and another --output" if is_begun else "another --sample"
    return hang(
        "",
        f"The sample {sample} takes no frame of these videos, the longest of which lasts "
        f"{duration(longest_s)}: there are no rows. Choose {another}.",
    )


def share_planned(done: float, whole: float, *, is_part: bool) -> str:
    """Return a share in percent; `is_part`: of what is planned by now, and more is to come."""
    return f"{percent(done, whole)}{' of what is planned so far' if is_part else ''}"


def files_to_look(to_look: int, *, lists_on: bool) -> str:
    """Return which files are to be looked at; empty where none is, and no more are listed."""
    files = f"{plural(to_look, 'file')} to look at" if to_look else ""
    more = f"more {'' if to_look else 'files '}being listed" if lists_on else ""
    return " and ".join(filter(None, [files, more]))


def time_left(left_s: float | None, *, lists_on: bool) -> str:
    """Return how long it takes yet, about; empty where that is not known, or nothing."""
    if not left_s or left_s < 0:
        return ""
    return f"about {about(left_s)} left{' for what is listed so far' if lists_on else ''}"


def again_by_job(losses: Iterable[LossReason]) -> list[str]:
    """Return what can be done about losses that the job's own code came to; empty for no such."""
    if not any(reason.stage in JOB_STAGES for reason in losses):
        return []
    return hang(
        "  ",
        "Once the job's code is mended, its command with --retry-failed does again what the code "
        "failed on, and keeps all other rows.",
    )
