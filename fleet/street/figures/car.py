"""The shapes of cars: hatchback, saloon and estate."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fleet.street.figures.mesh import (
    DARK,
    GLASS,
    MIRROR,
    RED,
    WHITE,
    Corners,
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
from fleet.street.scene.actors import Colour, Look

# Side views in metres (ahead, up): first belly, bonnet and boot, then the cabin above them.
_SHAPES: tuple[tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]], ...] = (
    (
        ((-1.95, 0.30), (-2.02, 0.62), (-1.96, 0.95), (0.85, 0.95),
         (1.75, 0.80), (2.02, 0.60), (1.98, 0.28)),
        ((-1.90, 0.93), (-1.45, 1.44), (0.05, 1.47), (0.95, 0.93)),
    ),
    (
        ((-2.25, 0.32), (-2.33, 0.66), (-2.24, 0.98), (0.85, 0.93),
         (2.05, 0.78), (2.32, 0.58), (2.28, 0.28)),
        ((-1.75, 0.94), (-1.00, 1.42), (0.10, 1.44), (1.00, 0.92)),
    ),
    (
        ((-2.15, 0.42), (-2.22, 0.75), (-2.16, 1.12), (0.95, 1.12),
         (1.95, 0.98), (2.22, 0.72), (2.18, 0.38)),
        ((-2.10, 1.10), (-1.85, 1.68), (0.15, 1.72), (1.00, 1.10)),
    ),
)  # fmt: skip


@lru_cache(maxsize=256)
def car(look: Look) -> Mesh:
    """Return a car: a body from side to side, and a narrower cabin on it."""
    belly, cabin = _SHAPES[look.style]
    half = 0.90 if look.style == 2 else 0.86
    paint = look.paint
    body = closed([*_loft(belly, half, paint), *_sides(belly, cabin, half, look)])
    top = closed(_cabin(cabin, half - 0.07, half - 0.20, paint))
    body = tuple(_with_ends(panel, belly, half) for panel in body)
    front, back = belly[-2][0], belly[1][0]
    height = cabin[1][1]
    return Mesh(
        solids=(body, top),
        boxes=boxes(
            (back, front, half, 0.15, belly[2][1]),
            (cabin[0][0] + 0.3, cabin[2][0] + 0.3, half - 0.15, belly[2][1], height),
        ),
        length=front - back,
        width=2 * half,
        lamps=np.array(
            [(front, s * half * 0.74, belly[-2][1] + 0.04) for s in (-1, 1)]
            + [(back, s * half * 0.8, belly[1][1] + 0.12) for s in (-1, 1)]
        ),
    )


def _loft(profile: tuple[tuple[float, float], ...], half: float, colour: Colour) -> list[Panel]:
    """Return panels from side to side between neighbouring points of a side view."""
    return [
        panel_of([(a, -half, b), (a, half, b), (c, half, d), (c, -half, d)], colour)
        for (a, b), (c, d) in pairwise(profile)
    ]


def _sides(
    belly: tuple[tuple[float, float], ...],
    cabin: tuple[tuple[float, float], ...],
    half: float,
    look: Look,
) -> list[Panel]:
    panels = []
    back, front = belly[1][0], belly[-2][0]
    low, belt = belly[0][1], belly[2][1]
    door = (cabin[0][0] + cabin[3][0]) / 2
    darker = (look.paint[0] * 0.45, look.paint[1] * 0.45, look.paint[2] * 0.45)
    lighter = tuple(min(1.0, 0.12 + 1.12 * part) for part in look.paint)
    for aside in (-half, half):
        paints = [
            Paint(quad((back + 0.1, front - 0.35), (belt - 0.14, belt - 0.05), aside),
                  (lighter[0], lighter[1], lighter[2])),
            Paint(quad((back + 0.1, front - 0.1), (low - 0.02, low + 0.12), aside), DARK),
        ]  # fmt: skip
        for line in (door - 0.85, door + 0.1, door + 1.0):
            gap = quad((line, line + 0.025), (low + 0.12, belt - 0.02), aside)
            paints += [Paint(gap, darker)]
        for ahead in (back + 0.82, front - 0.80):
            paints += wheel(ahead, aside, 0.32 if look.style < 2 else 0.36)
        corners = [(ahead, aside, up) for ahead, up in belly]
        panels.append(panel_of(corners, look.paint, *paints))
    return panels


def _with_ends(panel: Panel, belly: tuple[tuple[float, float], ...], half: float) -> Panel:
    """Return a panel, with lamps, grille and number plate if it is at the front or the back."""
    facing = panel.outward[0]
    if abs(facing) < 0.75 or abs(panel.outward[1]) > 0.5:
        return panel
    low, high = panel.corners[:, 2].min(), panel.corners[:, 2].max()
    nose = facing > 0
    if nose != (panel.corners[:, 0].mean() > 0):
        return panel
    at = panel.corners[:, 0].max() if nose else panel.corners[:, 0].min()
    paints = []
    main = (high > belly[1][1] + 0.05 and not nose) or (nose and low < 0.5)
    if not nose and high <= belly[1][1] + 0.01:
        paints.append(Paint(across(at, (-half, half), (low, low + 0.16)), DARK))
        paints.append(Paint(across(at, (-0.26, 0.26), (high - 0.13, high - 0.02)), WHITE))
    elif main:
        up = (high - 0.15, high - 0.02) if nose else (low + 0.04, low + 0.24)
        for side in (-1, 1):
            edge = sorted((side * half * 0.98, side * half * (0.58 if nose else 0.66)))
            lamp = Paint(across(at, (edge[0], edge[1]), up), WHITE if nose else RED,
                         "front" if nose else "rear")  # fmt: skip
            paints.append(lamp)
        if nose:
            paints.append(
                Paint(across(at, (-half * 0.5, half * 0.5), (high - 0.16, high - 0.04)), DARK)
            )
            paints.append(Paint(across(at, (-half, half), (low, low + 0.12)), DARK))
            paints.append(Paint(across(at, (-0.26, 0.26), (low + 0.13, low + 0.24)), WHITE))
    return Panel(panel.corners, panel.outward, panel.colour, tuple(paints))


def _cabin(
    shape: tuple[tuple[float, float], ...], low_half: float, high_half: float, paint: Colour
) -> list[Panel]:
    (rear, belt), (back, top), (front, top_front), (bonnet, belt_front) = shape
    lower, upper = low_half, high_half
    panels = [
        _window((rear, lower, belt), (back, upper, top), paint),
        _window((bonnet, lower, belt_front), (front, upper, top_front), paint),
        Panel(_slab((back, upper, top), (front, upper, top_front)), np.zeros(3), paint),
    ]
    for side in (-1, 1):
        corners = np.array(
            [
                (rear, side * lower, belt),
                (back, side * upper, top),
                (front, side * upper, top_front),
                (bonnet, side * lower, belt_front),
            ]
        )
        panels.append(Panel(corners, np.zeros(3), paint, _side_glass(corners)))
    return panels


Edge = tuple[float, float, float]
"""An edge from side to side: its position ahead, half its width, its height."""


def _slab(start: Edge, end: Edge, narrow: float = 1.0) -> Corners:
    """Return a panel between two edges, narrowed to a share of their width."""
    ahead, half, up = start
    to_ahead, to_half, to_up = end
    return np.array(
        [
            (ahead, -half * narrow, up),
            (ahead, half * narrow, up),
            (to_ahead, to_half * narrow, to_up),
            (to_ahead, -to_half * narrow, to_up),
        ]
    )


def _window(start: Edge, end: Edge, paint: Colour) -> Panel:
    """Return a windscreen in its frame, with the sky mirrored in its upper half."""
    low, middle, high = (_between(start, end, share) for share in (0.1, 0.55, 0.93))
    glass, sky = Paint(_slab(low, high, 0.9), GLASS), Paint(_slab(middle, high, 0.9), MIRROR)
    return Panel(_slab(start, end), np.zeros(3), paint, (glass, sky))


def _between(start: Edge, end: Edge, share: float) -> Edge:
    parts = [a + (b - a) * share for a, b in zip(start, end, strict=True)]
    return parts[0], parts[1], parts[2]


def _side_glass(corners: Corners) -> tuple[Paint, ...]:
    rear, back, front, bonnet = corners

    def at(along: float, up: float) -> NDArray[np.float64]:
        low, high = rear + (bonnet - rear) * along, back + (front - back) * along
        return np.asarray(low + (high - low) * up)

    paints = []
    for start, end in ((0.10, 0.50), (0.54, 0.92)):
        pane = np.array([at(start, 0.1), at(start, 0.88), at(end, 0.88), at(end, 0.1)])
        sky = np.array([at(start, 0.55), at(start, 0.88), at(end, 0.88), at(end, 0.62)])
        paints += [Paint(pane, GLASS), Paint(sky, MIRROR)]
    return tuple(paints)
