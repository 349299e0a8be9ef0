"""What a network in int8 came to beside the one that it is of, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.core.format import plural
from fleet.quantise.agreement import IOU
from fleet.quantise.verdict import LEAST_SHARE, MOST_AP_LOST, Comparison
from fleet.views.layout import fact

RULE = (
    f"One in int8 is written where both find {LEAST_SHARE:.0%} of all boxes, at most "
    f"{MOST_AP_LOST:g} of AP is lost, and it is faster."
)


def render(found: Comparison) -> str:
    """Return how a network in int8 does, 80 columns wide."""
    return "\n".join(line for head, text in _facts(found) for line in fact(head, text))


def _facts(found: Comparison) -> Iterator[tuple[str, str]]:
    drawn, agreement, speed = found.calibration, found.agreement, found.speed
    looked = f"{plural(drawn.frames, 'frame')} of {plural(found.videos, 'video')}"
    yield "calibrated", f"on {looked} by seed {drawn.seed}, compared on {found.compared:,} others"
    share = "-" if agreement.share is None else f"{100 * agreement.share:.1f} %"
    counts = f"of {agreement.boxes:,} boxes in float and {agreement.boxes_int8:,} in int8"
    alike = f"scores above {found.above:g}, IoU above {IOU:g}, the same label"
    yield "agreement", f"{share} {counts} are found by both ({alike})"
    yield "scores", f"{agreement.score_difference:.4f} apart on average where both find a box"
    if found.precision:
        plain, int8 = (_ap(value) for value in (found.precision.plain, found.precision.int8))
        yield "AP", f"{plain} in float, {int8} in int8 (AP@0.5:0.95)"
    plain_ms, int8_ms = 1e3 * speed.plain_s, 1e3 * speed.int8_s
    times = f"{plain_ms:.2f} ms a batch in float, {int8_ms:.2f} ms in int8"
    ratio = f"{speed.plain_s / speed.int8_s:.2f} times as fast"
    yield "speed", f"{times}: {ratio} (medians of {speed.runs} runs in turn, this host)"
    for sentence in found.left_out:
        yield "left out", sentence


def _ap(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
