"""Cars and buses as bodies of flat panels, with what is painted on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from fleet.street.scene.actors import Colour

Corners = NDArray[np.float64]
"""A polygon's corners f64 [n, 3] in metres: ahead, aside, up."""
GLASS: Colour = (0.07, 0.085, 0.10)
MIRROR: Colour = (0.34, 0.40, 0.46)
RUBBER: Colour = (0.05, 0.05, 0.055)
RIM: Colour = (0.50, 0.51, 0.53)
DARK: Colour = (0.09, 0.09, 0.10)
WHITE: Colour = (0.92, 0.92, 0.88)
RED: Colour = (0.55, 0.05, 0.05)


@dataclass(frozen=True, eq=False)
class Paint:
    """A polygon painted on a panel. `lamp`: "" for none, or front, rear, inside, sign."""

    corners: Corners
    colour: Colour
    lamp: str = ""


@dataclass(frozen=True, eq=False)
class Panel:
    """A flat part of a body, its `outward` direction, and what is painted on it, in that order."""

    corners: Corners
    outward: NDArray[np.float64]
    colour: Colour
    paints: tuple[Paint, ...] = ()


@dataclass(frozen=True, eq=False)
class Mesh:
    """Solids that are drawn one after the other, the lower ones first.

    `box`: the corners of boxes around it that throw its shadow, f64 [n, 8, 3]. `length`, `width`:
    metres. `lamps`: where headlights (first two) and rear lights sit, f64 [4, 3].
    """

    solids: tuple[tuple[Panel, ...], ...]
    boxes: NDArray[np.float64]
    length: float
    width: float
    lamps: NDArray[np.float64]

    @cached_property
    def sheets(self) -> tuple[Facets, ...]:
        """The solids, laid out for drawing."""
        return tuple(_facets(solid) for solid in self.solids)


@dataclass(frozen=True, eq=False)
class Facets:
    """All panels and paints of one solid in arrays.

    `corners`: f64 [n, 3] of one polygon after the other, a panel and then its paints; `spans`:
    which are whose; `panel`: i64 [polygons], whose it is; `colours`: f64 [polygons, 3]; `lamps`:
    their names. `outward`, `middle`: f64 [panels, 3].
    """

    corners: NDArray[np.float64]
    spans: tuple[slice, ...]
    panel: NDArray[np.int64]
    colours: NDArray[np.float64]
    lamps: tuple[str, ...]
    outward: NDArray[np.float64]
    middle: NDArray[np.float64]


def _facets(panels: tuple[Panel, ...]) -> Facets:
    pairs = [
        (number, paint)
        for number, panel in enumerate(panels)
        for paint in (Paint(panel.corners, panel.colour), *panel.paints)
    ]
    ends = [0, *accumulate(len(paint.corners) for _, paint in pairs)]
    return Facets(
        corners=np.concatenate([paint.corners for _, paint in pairs]),
        spans=tuple(slice(*span) for span in pairwise(ends)),
        panel=np.array([number for number, _ in pairs]),
        colours=np.array([paint.colour for _, paint in pairs]),
        lamps=tuple(paint.lamp for _, paint in pairs),
        outward=np.array([panel.outward for panel in panels]),
        middle=np.array([panel.corners.mean(0) for panel in panels]),
    )


def panel_of(corners: list[tuple[float, float, float]], colour: Colour, *paints: Paint) -> Panel:
    """Make a panel that `closed` will turn outward."""
    points = np.array(corners)
    return Panel(points, np.zeros(3), colour, paints)


def closed(panels: list[Panel]) -> tuple[Panel, ...]:
    """Turn each panel's direction away from the middle of the body that they enclose."""
    middle = np.mean([panel.corners.mean(0) for panel in panels], axis=0)
    turned = []
    for panel in panels:
        first, second = panel.corners[1] - panel.corners[0], panel.corners[2] - panel.corners[0]
        outward = np.cross(first, second)
        outward /= np.linalg.norm(outward)
        outward *= np.sign(outward @ (panel.corners.mean(0) - middle)) or 1.0
        turned.append(Panel(panel.corners, outward, panel.colour, panel.paints))
    return tuple(turned)


def quad(ahead: tuple[float, float], up: tuple[float, float], aside: float) -> Corners:
    """An upright rectangle along the body at one side."""
    (back, front), (low, high) = ahead, up
    return np.array(
        [(back, aside, low), (front, aside, low), (front, aside, high), (back, aside, high)]
    )


def across(ahead: float, aside: tuple[float, float], up: tuple[float, float]) -> Corners:
    """An upright rectangle across the body."""
    (left, right), (low, high) = aside, up
    return np.array(
        [(ahead, left, low), (ahead, right, low), (ahead, right, high), (ahead, left, high)]
    )


def wheel(ahead: float, aside: float, radius: float) -> list[Paint]:
    """Paint a wheel in its arch on the side of a body: its middle is as high as its radius."""
    around = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ring = np.stack([np.cos(around), 0 * around, np.sin(around)], 1)
    hub = np.array([ahead, aside, radius])
    arch = ring * (radius * 1.2) + hub + (0, 0, 0.03)
    arch[:, 2] = np.maximum(arch[:, 2], 0.22)
    return [
        Paint(arch, DARK),
        Paint(ring * radius + hub, RUBBER),
        Paint(ring * (radius * 0.66) + hub, RIM),
        Paint(ring * (radius * 0.5) + hub, (0.26, 0.26, 0.27)),
        Paint(ring * (radius * 0.2) + hub, RIM),
    ]


def boxes(*spans: tuple[float, float, float, float, float]) -> NDArray[np.float64]:
    """Corners of boxes given as (back, front, half width, low, high)."""
    return np.array(
        [
            [(a, s, z) for a in (back, front) for s in (-half, half) for z in (low, high)]
            for back, front, half, low, high in spans
        ]
    )
