"""The page: one HTML file that asks for nothing beside itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fleet.core.format import duration, percent, rate, short, size
from fleet.parquet.arrays import to_bytes
from fleet.report.activity import Activity
from fleet.report.cards import Card
from fleet.report.coverage import NAME_CHARACTERS, Coverage, summary
from fleet.report.findings import Findings, Strip
from fleet.show.draw import GOLDEN
from fleet.text import clean

_STRIP_PX = 6
"""How high the lane of a label is in a strip."""
_MANY = 0.5
"""A stretch with more than this share of a label's fullest one is drawn in the full colour."""


@dataclass(frozen=True)
class Lane:
    """When a label was there, as SVG paths: seldom and often."""

    label: int
    top: int
    few: str
    many: str


@dataclass(frozen=True)
class Origin:
    """How an output was made."""

    facts: Sequence[tuple[str, str]]
    models: Sequence[tuple[str, str]]
    """Name as the job uses it, digest."""
    commands: Sequence[tuple[str, str]]
    """What it does, and the line itself."""


@dataclass(frozen=True)
class Effort:
    """What the work took."""

    facts: Sequence[tuple[str, str]]
    stages: Sequence[tuple[str, float]]
    """Stage, CPU seconds on the hosts; the longest first."""
    engines: Sequence[tuple[str, float]]
    """Engine, modelled seconds of the chip; the longest first."""


@dataclass(frozen=True)
class Page:
    """All that is on the page."""

    title: str
    made: str
    """When and by which version."""
    coverage: Coverage
    findings: Findings
    zone: str
    """The time zone of hours and dates."""
    recorded_from: float | None
    """The score from which on the job recorded boxes; None where it has no such threshold."""
    threshold: float
    """The score from which on boxes count as sure."""
    least: float
    """The score that the filter of pictures begins with."""
    rule: str
    """How the pictures were chosen."""
    cards: Sequence[Card]
    left_out: int
    """Pictures that were chosen, and left out so that the page stays small."""
    strips: Sequence[Strip]
    activity: Activity | None
    effort: Effort
    origin: Origin


def render(page: Page) -> bytes:
    """Return the page as HTML in UTF-8."""
    environment = _environment()
    script = _resource("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = environment.get_template("page.html.jinja").render(
        page=page,
        coverage=page.coverage,
        status=page.coverage.status,
        summary=summary(page.coverage),
        found=page.findings,
        hues=[hue(place) for place in range(len(page.findings.labels))],
        number_of={name: place for place, name in enumerate(page.findings.labels)},
        script=script,
        style=_resource("page.css"),
        script_digest=digest,
    )
    return to_bytes(text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fleet.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters |= {
        "num": lambda value: f"{value:,}",
        "duration": duration,
        "size": size,
        "rate": rate,
        "percent": percent,
        "name": lambda text: short(text, NAME_CHARACTERS),
        "label": lambda text: short(text, 60),
        "file": lambda uri: short(uri.rpartition("/")[2] or uri, 60),
        "jpeg": lambda data: base64.b64encode(data).decode(),
        "short": lambda text: short(text, 20),
        "inside": inside,
        "lanes": lanes,
        "looked": looked_path,
        "histogram": histogram,
    }
    return environment


@cache
def _resource(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _visible(value: Any) -> Any:
    """Return what a template prints, so that names hide and turn round nothing."""
    return clean(value) if type(value) is str else value


def inside(
    xyxy: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float]:
    """Return a box cut to its picture, in tenths of pixels; a box far outside lies on its edge."""
    xs = sorted(min(max(edge, 0.0), float(width)) for edge in xyxy[::2])
    ys = sorted(min(max(edge, 0.0), float(height)) for edge in xyxy[1::2])
    return round(xs[0], 1), round(ys[0], 1), round(xs[1], 1), round(ys[1], 1)


def hue(number: int) -> int:
    """Return the hue of a label in degrees; neighbouring ones differ most."""
    return round(360 * ((0.33 + number * GOLDEN) % 1))


def lanes(strip: Strip) -> list[Lane]:
    """Return what is drawn of a strip: a lane a label that is there, in the order of labels."""
    present = [label for label in range(strip.counts.shape[1]) if strip.counts[:, label].any()]
    found = []
    for place, label in enumerate(present):
        counts = strip.counts[:, label]
        often = counts > _MANY * counts.max()
        top = place * _STRIP_PX
        few, many = _runs((counts > 0) & ~often, top), _runs(often, top)
        found.append(Lane(label, top, few, many))
    return found


def looked_path(strip: Strip, top: int) -> str:
    """Return where frames were looked at, as an SVG path."""
    return _runs(strip.looked_at, top, 3)


def _runs(there: Any, top: int, height: int = _STRIP_PX - 1) -> str:
    """Return an SVG path over the stretches that are there: bool [bins]."""
    drawn, start = [], None
    for place, is_there in enumerate([*there.tolist(), False]):
        if is_there and start is None:
            start = place
        elif not is_there and start is not None:
            drawn.append(f"M{start} {top}h{place - start}v{height}h{start - place}z")
            start = None
    return "".join(drawn)


def histogram(counts: Any, height: int) -> str:
    """Return counts as an SVG path of columns, each 10 wide and at most `height` high."""
    most = max(int(counts.max()), 1)
    return "".join(
        f"M{place * 10} {height}v{-max(1.0, count / most * height):.4g}h9V{height}z"
        for place, count in enumerate(counts.tolist())
        if count
    )
