"""An evaluation as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from fleet.core.format import plural, short
from fleet.evaluate.scene import Scene
from fleet.evaluate.score import Evaluation, Score

WIDTH = 80
NAME = 34
"""The width of the first column."""
SHOWN_LABELS = 4
"""Labels named of those that the truth does not have."""
MOST_ROWS = 30
"""Rows of one slice; a large archive has more cameras."""


def render(scene: Scene, evaluation: Evaluation) -> str:
    """Return what was compared, what was left out, and the scores, 80 columns wide."""
    lines: list[str] = []
    for head, text in _facts(scene):
        indent = f"  {head:<11} "
        lines += wrap(text, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent))
    titles = f"{'objects':>10}{'AP@0.5':>9}{'AP@0.5:0.95':>13}{'recall@0.5':>12}"
    lines += ["", f"  {'':<{NAME}}{titles}", _row("all", evaluation.overall)]
    for title, scores in _slices(evaluation):
        lines += ["", f"  by {title}", *_rows(scores)]
    return "\n".join(lines)


def _facts(scene: Scene) -> Iterator[tuple[str, str]]:
    left = scene.left_out
    without = f"; {left.videos:,} of the output without truth, left out" if left.videos else ""
    yield "video", f"{plural(scene.videos, 'video')} of both{without}"
    yield "frames", f"{len(scene):,} that the output looked at"
    ignored = int(scene.truth.ignore.sum())
    neither = f", {ignored:,} more to be ignored" if ignored else ""
    elsewhere = f"; {left.truth:,} on other frames, left out" if left.truth else ""
    objects = plural(len(scene.truth) - ignored, "object")
    yield "truth", f"{objects}{neither}{elsewhere}"
    unknown = sorted(left.detections.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{label} {count:,}" for label, count in unknown[:SHOWN_LABELS])
    more = f" and {plural(len(unknown) - SHOWN_LABELS, 'other')}" * (len(unknown) > SHOWN_LABELS)
    out = f"; of labels that the truth has not, left out: {named}{more}" if unknown else ""
    yield "detections", f"{len(scene.detections):,}{out}"


def _slices(evaluation: Evaluation) -> Iterator[tuple[str, Mapping[str, Score]]]:
    yield "class", evaluation.by_class
    yield "camera", evaluation.by_camera
    yield "size", evaluation.by_size
    if evaluation.by_light:
        yield "light", evaluation.by_light


def _rows(scores: Mapping[str, Score]) -> list[str]:
    shown = [_row(f"  {name}", score) for name, score in list(scores.items())[:MOST_ROWS]]
    hidden = len(scores) - len(shown)
    return [*shown, f"    and {hidden:,} more"] if hidden else shown


def _row(name: str, score: Score) -> str:
    numbers = f"{score.objects:>10,}{_number(score.ap50):>9}{_number(score.ap):>13}"
    return f"  {short(name, NAME):<{NAME}}{numbers}{_number(score.recall50):>12}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
