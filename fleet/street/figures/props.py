"""Trees and lamp posts: they stand still, hide figures behind them, and cast shadows."""

from __future__ import annotations

import numpy as np

from fleet.street.canvas.brush import Points, Sheet, capsules, sheet_over
from fleet.street.figures.figure import Drawn, Glow, Stage
from fleet.street.scene.world import LAMP_HEIGHT_M

_TREE_NEAREST_M, _LAMP_NEAREST_M = 13.0, 8.0
_LEAVES = 260


def draw_tree(
    along_m: float, across_m: float, stage: Stage, rng: np.random.Generator
) -> Drawn | None:
    """Draw a tree; None if it is outside the picture, or so near that it would hide the street."""
    distance = stage.camera.distance(along_m, across_m)
    if distance < _TREE_NEAREST_M:
        return None
    scale = stage.camera.focal_px / distance
    fork = rng.uniform(2.6, 3.4)
    wide = rng.uniform(1.5, 2.1)
    crown = _crown(rng, fork, wide) + np.array([along_m, across_m, 0])
    points, _ = stage.camera.project(crown)
    wood = _wood(along_m, across_m, fork, wide, rng)
    ends = stage.camera.project(wood.reshape(-1, 3))[0]
    sheet = sheet_over(np.concatenate([points, ends]), 0.6 * scale, stage.camera.size)
    if sheet is None:
        return None
    thick = np.array([(0.17, 0.12)] + [(0.10, 0.04)] * (len(wood) - 1)) * scale
    bark = stage.tint(np.tile((0.24, 0.19, 0.15), (len(wood), 1)))
    sheet.convexes(capsules(ends.reshape(-1, 2, 2), thick), bark)
    _paint_leaves(sheet, crown, points, scale, stage, rng)
    cast = stage.cast(np.concatenate([crown[::4], wood.reshape(-1, 3)]))
    spots = cast[:, None] + _disc(0.5 * scale)
    return Drawn(sheet.layer(0.25), distance, tuple(spots))


def _crown(rng: np.random.Generator, fork: float, wide: float) -> Points:
    """Return positions of leaves in a crown of some lumps, the lower ones first: f64 [n, 3]."""
    lumps = rng.normal(0, 1, (7, 3)) * (wide * 0.45, wide * 0.45, 0.6) + (0, 0, fork + 2.0)
    leaves = lumps[rng.integers(7, size=_LEAVES)] + rng.normal(0, 0.42, (_LEAVES, 3)) * wide * 0.62
    leaves[:, 2] = np.maximum(leaves[:, 2], fork - 0.2)
    return np.asarray(leaves[np.argsort(leaves[:, 2], kind="stable")])


def _wood(
    along: float, across: float, fork: float, wide: float, rng: np.random.Generator
) -> Points:
    """Return the trunk and the branches: f64 [n, 2, 3]."""
    foot, top = (along, across, 0.0), (along, across, fork)
    limbs = [(foot, top)]
    for _ in range(4):
        aside = rng.normal(0, wide * 0.4, 2)
        limbs.append((top, (along + aside[0], across + aside[1], fork + 1.6)))
    return np.array(limbs)


def _paint_leaves(
    sheet: Sheet,
    crown: Points,
    points: Points,
    scale: float,
    stage: Stage,
    rng: np.random.Generator,
) -> None:
    to_sun = stage.light.to_sun
    offset = crown - crown.mean(0)
    facing = offset @ to_sun / np.linalg.norm(offset, axis=1).max()
    lit = 0.62 + 0.28 * facing * max(stage.sun, 0.5) + rng.normal(0, 0.10, len(crown))
    green = np.array([rng.uniform(0.22, 0.34), rng.uniform(0.36, 0.44), rng.uniform(0.12, 0.18)])
    sizes = rng.uniform(0.16, 0.34, len(crown)) * scale
    blots = sizes[:, None, None] * _disc(1.0) * rng.uniform(0.7, 1.2, (len(crown), 10, 1))
    shapes = sheet.fixed(points[:, None] + blots)
    sheet.polygons(shapes, stage.tint(green * lit[:, None]))


def _disc(radius_px: float) -> Points:
    around = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    return radius_px * np.stack([np.cos(around), np.sin(around)], 1)


def draw_lamp(along_m: float, across_m: float, stage: Stage) -> Drawn | None:
    """Draw a lamp post with its arm over the road; None if outside the picture or too near."""
    distance = stage.camera.distance(along_m, across_m)
    if distance < _LAMP_NEAREST_M:
        return None
    scale = stage.camera.focal_px / distance
    arm = across_m - 1.4 * np.sign(across_m)
    top = (along_m, across_m, LAMP_HEIGHT_M)
    end = (along_m, arm, LAMP_HEIGHT_M + 0.15)
    limbs = np.array(
        [
            ((along_m, across_m, 0.0), (along_m, across_m, 1.0)),
            ((along_m, across_m, 1.0), top),
            (top, end),
            (end, (along_m, arm - 0.35 * np.sign(across_m), LAMP_HEIGHT_M + 0.12)),
        ]
    )
    ends = stage.camera.project(limbs.reshape(-1, 3))[0].reshape(-1, 2, 2)
    sheet = sheet_over(ends.reshape(-1, 2), 0.4 * scale, stage.camera.size)
    if sheet is None:
        return None
    thick = np.array([(0.09, 0.08), (0.06, 0.045), (0.04, 0.035), (0.08, 0.06)]) * scale
    lit = stage.light.lamps > 0
    colours = stage.tint(np.tile((0.26, 0.27, 0.29), (4, 1)))
    if lit:
        colours[3] = (1.0, 0.90, 0.66)
    sheet.convexes(capsules(ends, np.maximum(thick, 0.4)), colours)
    glow = Glow((float(ends[3, 1, 0]), float(ends[3, 1, 1])), 1.5 * scale, (0.9, 0.62, 0.32))
    cast = capsules(stage.cast(limbs.reshape(-1, 3)).reshape(-1, 2, 2), thick)
    return Drawn(sheet.layer(0.15), distance, tuple(cast), glows=(glow,) if lit else ())
