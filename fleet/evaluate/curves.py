"""Drawings of precision over recall."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure

from fleet.evaluate.score import Evaluation, Score

MOST_CURVES = 10
"""Curves in one drawing, those with the most objects; more could not be told apart."""


def draw_curves(evaluation: Evaluation) -> Iterator[tuple[str, bytes]]:
    """Yield a PNG for each way in which the scores are split: its file name and its bytes."""
    slices = {
        "class": {"all": evaluation.overall} | evaluation.by_class,
        "camera": evaluation.by_camera,
        "size": evaluation.by_size,
        "light": evaluation.by_light,
    }
    for title, scores in slices.items():
        drawn = {name: score for name, score in scores.items() if score.precision is not None}
        if drawn:
            yield f"pr_{title}.png", _draw(title, drawn)


def _draw(title: str, scores: Mapping[str, Score]) -> bytes:
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    most = sorted(scores, key=lambda name: -scores[name].objects)[:MOST_CURVES]
    for name in (name for name in scores if name in most):
        score = scores[name]
        assert score.precision is not None
        label = f"{name}: AP {score.ap50:.3f}, {score.objects:,} objects"
        style = {"color": "black", "linewidth": 2.5} if name == "all" else {"linewidth": 1.5}
        axes.plot(np.linspace(0, 1, 101), score.precision, label=label, **style)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"Precision over recall at IoU 0.5, by {title}")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize="small")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=120)
    return out.getvalue()
