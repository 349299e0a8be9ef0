"""Cars and buses as bodies of flat panels with paint on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from fleet.street.scene.actors import Colour

Corners = NDArray[np.float64]
"""The corners of a polygon, f64 [n, 3] in metres: ahead, aside, up."""
GLASS: Colour = (0.07, 0.085, 0.10)
MIRROR: Colour = (0.34, 0.40, 0.46)
RUBBER: Colour = (0.05, 0.05, 0.055)
RIM: Colour = (0.50, 0.51, 0.53)
DARK: Colour = (0.09, 0.09, 0.10)
WHITE: Colour = (0.92, 0.92, 0.88)
RED: Colour = (0.55, 0.05, 0.05)


@dataclass(frozen=True, eq=False)
class Paint:
    """A polygon that is painted on a panel."""

    corners: Corners
    colour: Colour
    lamp: str = ""
    """The kind of lamp: front, rear, inside or sign; "" for none."""


@dataclass(frozen=True, eq=False)
class Panel:
    """A flat part of a body."""

    corners: Corners
    outward: NDArray[np.float64]
    """[3], the unit vector away from the body."""
    colour: Colour
    paints: tuple[Paint, ...] = ()
    """The polygons on it, in the order of drawing."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A vehicle."""

    solids: tuple[tuple[Panel, ...], ...]
    """The solids in the order of drawing, the lower ones first."""
    boxes: NDArray[np.float64]
    """[n, 8, 3], the corners of boxes that cast its shadow."""
    length: float
    """In metres."""
    width: float
    """In metres."""
    lamps: NDArray[np.float64]
    """[4, 3], the positions of the headlights, then of the rear lights."""

    @cached_property
    def facets(self) -> Facets:
        """The solids in the form for drawing."""
        return _facets(self.solids)

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """[n, 3], all points that are looked for in the picture, part after part."""
        return np.concatenate(self._parts)

    @cached_property
    def ends(self) -> list[int]:
        """Where each part of `points` ends: boxes, belly, lamps, the corners of `facets`."""
        return list(accumulate(map(len, self._parts)))

    @cached_property
    def _parts(self) -> list[NDArray[np.float64]]:
        belly = self.boxes[0] * (1, 0.98, 0)
        return [self.boxes.reshape(-1, 3), belly, self.lamps, self.facets.corners]


@dataclass(frozen=True, eq=False)
class Facets:
    """All panels and paints of a vehicle in arrays."""

    corners: NDArray[np.float64]
    """[n, 3], those of one polygon after the other, a panel and then its paints."""
    spans: tuple[slice, ...]
    """The part of `corners` of each polygon."""
    panel: NDArray[np.int64]
    """[polygons], the panel that each is on."""
    colours: NDArray[np.float64]
    """[polygons, 3], RGB."""
    lamps: tuple[str, ...]
    """The kind of lamp of each polygon."""
    outward: NDArray[np.float64]
    """[panels, 3], the unit vectors away from the body."""
    middle: NDArray[np.float64]
    """[panels, 3], the middle of each panel."""
    solid: NDArray[np.int64]
    """[panels], the solid of each panel, in the order of drawing."""

    @cached_property
    def lit(self) -> dict[str, list[int]]:
        """The polygons that are lamps of each kind."""
        kinds = sorted(set(self.lamps) - {""})
        return {kind: [n for n, lamp in enumerate(self.lamps) if lamp == kind] for kind in kinds}


def _facets(solids: tuple[tuple[Panel, ...], ...]) -> Facets:
    panels = [panel for solid in solids for panel in solid]
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
        solid=np.array([number for number, solid in enumerate(solids) for _ in solid]),
    )


def panel_of(corners: list[tuple[float, float, float]], colour: Colour, *paints: Paint) -> Panel:
    """Return a panel whose direction `closed` will set."""
    points = np.array(corners)
    return Panel(points, np.zeros(3), colour, paints)


def closed(panels: list[Panel]) -> tuple[Panel, ...]:
    """Return the panels with their directions, away from the middle of the body they enclose."""
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
    """Return an upright rectangle along the body at one side."""
    (back, front), (low, high) = ahead, up
    return np.array(
        [(back, aside, low), (front, aside, low), (front, aside, high), (back, aside, high)]
    )


def across(ahead: float, aside: tuple[float, float], up: tuple[float, float]) -> Corners:
    """Return an upright rectangle across the body."""
    (left, right), (low, high) = aside, up
    return np.array(
        [(ahead, left, low), (ahead, right, low), (ahead, right, high), (ahead, left, high)]
    )


def wheel(ahead: float, aside: float, radius: float) -> list[Paint]:
    """Return a wheel in its arch on the side of a body, with its middle as high as its radius."""
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
    """Return the corners of boxes that are given as (back, front, half width, low, high)."""
    return np.array(
        [
            [(a, s, z) for a in (back, front) for s in (-half, half) for z in (low, high)]
            for back, front, half, low, high in spans
        ]
    )
