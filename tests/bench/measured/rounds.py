"""Rounds: everybody in turn, so that what the machine does meanwhile befalls all of them."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from measured.cases import Case, rotated
from measured.contestants import DEVICES, Checkout, lane_of
from measured.figures import Figures, figures_of, frames_of
from measured.goals import UNITS, WORDS, Key
from measured.material import Material
from measured.process import ended
from measured.spread import spread

Kept = dict[Key, list[float | None]]
"""Every figure, by round."""


@dataclass(frozen=True)
class Measured:
    """What came of a case, or of several."""

    figures: Kept
    """Of those that ended well."""
    failed: Mapping[str, str]
    """Who did not, as `case: contestant`, and why."""
    interrupted: bool = False
    """Whether it was ended before all was measured."""


def measure(
    case: Case,
    material: Material,
    versions: Mapping[str, Checkout],
    left_out: Mapping[str, str],
    rounds: int,
    timeout_s: float,
) -> Measured:
    """Measure a case; with several versions, Fleet's contestants run once for each, named after it.

    `versions`: name -> checkout; the one that is called "" gives the contestants their own names.
    `left_out`: who is not measured. Who did not end well once is not asked again.
    """
    found: dict[Key, list[float | None]] = defaultdict(lambda: [None] * rounds)
    broken: dict[str, str] = {}
    with lane_of(case, material) as lane, tempfile.TemporaryDirectory() as folder:
        entries = tuple(
            (name, version) for name in lane.who for version in versions if name not in left_out
        )
        for turn in range(rounds):
            for name, version in rotated(entries, turn):
                title = titled(name, version)
                if title in broken:
                    continue
                out = f"{folder}/{turn}-{title.replace(' ', '-').replace(',', '')}"
                command = lane.command(name, versions[version], out)
                run = ended(command, timeout_s, DEVICES)
                figures: Figures = {} if run.why else figures_of(command, run)
                if run.why:
                    broken[title] = run.why
                frames = None if run.why else frames_of(command, run)
                _print(case, turn, title, figures, run.why, frames)
                for metric, value in figures.items():
                    found[case.name, title, metric][turn] = value
                shutil.rmtree(out, ignore_errors=True)
    return Measured(dict(found), {f"{case.name}: {title}": why for title, why in broken.items()})


def titled(name: str, version: str) -> str:
    """Return what a contestant of a version is called."""
    return f"{name} @ {version}" if version else name


def print_case(case: Case, found: Mapping[Key, Sequence[float | None]]) -> None:
    """Print the medians of a case, and how they spread."""
    print(f"\n{case.name}: {case.title}")
    metrics = dict.fromkeys(metric for _, _, metric in found)
    for metric in metrics:
        print(f"  {WORDS[metric]}, {UNITS[metric]}: median (least to most)")
        for (_, title, of), values in found.items():
            if of == metric:
                there = sum(value is not None for value in values)
                partly = f"  in {there} of {len(values)} rounds" if there < len(values) else ""
                print(f"    {title:<24} {spread(values)}{partly}")
    print(flush=True)


def _print(
    case: Case, turn: int, title: str, figures: Figures, why: str, frames: int | None
) -> None:
    seen = [] if frames is None else [f"{frames:,} frames"]
    told = ", ".join([*seen, *(f"{metric} {value:.2f}" for metric, value in figures.items())])
    print(f"{case.name:<10} round {turn + 1}  {title:<24} {why or told}", flush=True)
