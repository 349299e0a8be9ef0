"""The shape of a bus."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from fleet.street.figures.mesh import (
    DARK,
    GLASS,
    MIRROR,
    RED,
    WHITE,
    Mesh,
    Paint,
    Panel,
    across,
    boxes,
    closed,
    panel_of,
    quad,
    wheel,
)
from fleet.street.scene.actors import Look


@lru_cache(maxsize=64)
def bus(look: Look) -> Mesh:
    """Return a bus: one box with a band of windows, doors at the right, and a lit sign."""
    length, half, top = (10.6, 12.0, 8.8)[look.style], 1.25, 3.05
    back, front = -length / 2, length / 2
    panels = []
    for aside in (-half, half):
        corners = [
            (back, aside, 0.32),
            (front, aside, 0.32),
            (front, aside, top),
            (back, aside, top),
        ]
        panels.append(panel_of(corners, look.paint, *_bus_side(back, front, aside, look)))
    ends = ((front, _bus_front(front, half)), (back, _bus_back(back, half)))
    for ahead, paints in ends:
        panels.append(
            Panel(across(ahead, (-half, half), (0.32, top)), np.zeros(3), look.paint, paints)
        )
    roof = [(back, -half, top), (back, half, top), (front, half, top), (front, -half, top)]
    panels.append(panel_of(roof, (0.72, 0.72, 0.72)))
    return Mesh(
        solids=(closed(panels),),
        boxes=boxes((back, front, half, 0.2, top)),
        length=length,
        width=2 * half,
        lamps=np.array(
            [(front, s * 0.95, 0.75) for s in (-1, 1)] + [(back, s * 1.05, 0.95) for s in (-1, 1)]
        ),
    )


def _bus_side(back: float, front: float, aside: float, look: Look) -> list[Paint]:
    stripe = (
        (0.9, 0.9, 0.88)
        if look.bag
        else (look.paint[0] * 0.4, look.paint[1] * 0.4, look.paint[2] * 0.4)
    )
    paints = [
        Paint(quad((back, front), (0.32, 0.50), aside), DARK),
        Paint(quad((back, front), (0.98, 1.12), aside), stripe),
        Paint(quad((back + 0.15, front - 0.1), (1.35, 2.50), aside), GLASS),
    ]
    edges = np.linspace(back + 0.25, front - 0.2, int((front - back) / 1.45) + 1)
    for start, end in pairwise(edges):
        pane = (float(start) + 0.04, float(end) - 0.04)
        paints.append(Paint(quad(pane, (1.40, 2.45), aside), (0.11, 0.13, 0.15), "inside"))
        paints.append(Paint(quad(pane, (2.0, 2.42), aside), MIRROR, "inside"))
    if aside > 0:
        for ahead in (front - 1.7, back + (front - back) * 0.45):
            paints.append(
                Paint(quad((ahead, ahead + 1.2), (0.40, 2.45), aside), (0.14, 0.15, 0.17))
            )
            paints.append(
                Paint(quad((ahead + 0.05, ahead + 0.57), (0.5, 2.4), aside), GLASS, "inside")
            )
            paints.append(
                Paint(quad((ahead + 0.63, ahead + 1.15), (0.5, 2.4), aside), GLASS, "inside")
            )
    for ahead in (front - 2.5, back + 2.6):
        paints += wheel(ahead, aside, 0.48)
    return paints


def _bus_front(at: float, half: float) -> tuple[Paint, ...]:
    lamps = [
        Paint(across(at, edge, (0.62, 0.84)), WHITE, "front")
        for edge in ((-half + 0.1, -half + 0.5), (half - 0.5, half - 0.1))
    ]
    return (
        Paint(across(at, (-half, half), (0.32, 0.55)), DARK),
        Paint(across(at, (-half + 0.1, half - 0.1), (1.15, 2.45)), GLASS),
        Paint(across(at, (-half + 0.1, half - 0.1), (1.8, 2.42)), MIRROR),
        Paint(across(at, (-half + 0.15, half - 0.15), (2.53, 2.93)), (0.05, 0.05, 0.05)),
        Paint(across(at, (-0.75, 0.75), (2.62, 2.84)), (0.95, 0.62, 0.12), "sign"),
        *lamps,
    )


def _bus_back(at: float, half: float) -> tuple[Paint, ...]:
    lamps = [
        Paint(across(at, edge, (0.75, 1.2)), RED, "rear")
        for edge in ((-half + 0.06, -half + 0.26), (half - 0.26, half - 0.06))
    ]
    return (
        Paint(across(at, (-half, half), (0.32, 0.55)), DARK),
        Paint(across(at, (-half + 0.3, half - 0.3), (0.7, 1.3)), (0.16, 0.16, 0.17)),
        Paint(across(at, (-half + 0.2, half - 0.2), (1.65, 2.5)), GLASS, "inside"),
        Paint(across(at, (-0.35, 0.35), (2.6, 2.85)), (0.95, 0.62, 0.12), "sign"),
        *lamps,
    )
