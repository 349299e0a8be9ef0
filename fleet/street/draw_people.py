"""Walkers and cyclists in the picture: each limb a rounded shape, lit from one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.street.actors import CYCLIST, Actor, Pose
from fleet.street.brush import Points, Sheet, capsules, sheet_over
from fleet.street.figure import Drawn, Glow, Stage, placed
from fleet.street.people import WHEEL_M, WHEELS, cyclist, walker

_AROUND = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_RIM = np.stack([np.cos(_AROUND), 0 * _AROUND, np.sin(_AROUND)], 1)
_SHADED, _LIT, _PLAIN = 0.70, 1.06, 0.88
_PLAIN_PX = 6.0
_SHADOW_PX = 9.0
"""Pixels a metre below which somebody throws no more than a spot of shadow."""
"""Limbs thinner than this are too thin for a lit side."""


def draw_person(actor: Actor, pose: Pose, stage: Stage) -> Drawn | None:
    """Draw a walker, or a cyclist with the bicycle; None if out of the picture."""
    body = cyclist(actor, pose) if actor.kind == CYCLIST else walker(actor, pose)
    ends, radii, colours = body.arrays()
    at = (pose.along_m, pose.across_m, pose.heading_rad)
    world = placed(ends.reshape(-1, 3), *at)
    points, distances = stage.camera.project(world)
    middle = float(distances.mean())
    if middle < 1.5:
        return None
    rims = _rims(stage, at) if actor.kind == CYCLIST else []
    scale = stage.camera.focal_px / middle
    sheet = sheet_over(np.concatenate([points, *rims]), 0.14 * scale, stage.camera.size)
    if sheet is None:
        return None
    for rim in rims:
        sheet.outline(rim, stage.tint(np.array((0.04, 0.04, 0.05))), 0.05 * scale)
    order = np.argsort(-distances.reshape(-1, 2).mean(1), kind="stable")
    _limbs(sheet, points.reshape(-1, 2, 2)[order], radii[order] * scale, colours[order], stage)
    shadows = (
        _shadows(stage, world.reshape(-1, 2, 3), radii * scale)
        if stage.sunny and scale > _SHADOW_PX
        else ()
    )
    return Drawn(
        layer=sheet.layer(),
        distance_m=middle,
        shadows=shadows,
        contact=(_stand(stage, at, actor.kind == CYCLIST),),
        glows=_lamps(stage, at) if actor.kind == CYCLIST else (),
    )


def _limbs(
    sheet: Sheet,
    ends: NDArray[np.float64],
    radii: NDArray[np.float64],
    colours: NDArray[np.float64],
    stage: Stage,
) -> None:
    side = float(np.sign(stage.camera.axes[0] @ stage.light.to_sun)) or 1.0
    if radii.max() * sheet.fine < _PLAIN_PX:
        sheet.convexes(capsules(ends, radii), stage.tint(colours * _PLAIN))
        return
    shift = radii.mean(1)[:, None, None] * np.array([0.26 * side, -0.16])
    whole = capsules(ends, radii)
    bright = capsules(ends + shift, radii * 0.70)
    shade = _SHADED - 0.08 * stage.sun
    shapes = np.stack([whole, bright], 1).reshape(-1, *whole.shape[1:])
    tones = np.stack([colours * shade, colours * _LIT], 1).reshape(-1, 3)
    sheet.convexes(shapes, stage.tint(tones))


def _rims(stage: Stage, at: tuple[float, float, float]) -> list[Points]:
    hubs = [np.array([ahead, 0.0, up]) for ahead, up in WHEELS]
    return [stage.camera.project(placed(_RIM * WHEEL_M + hub, *at))[0] for hub in hubs]


def _shadows(
    stage: Stage, limbs: NDArray[np.float64], radii_px: NDArray[np.float64]
) -> tuple[Points, ...]:
    fallen = stage.cast(limbs.reshape(-1, 3)).reshape(-1, 2, 2)
    return tuple(capsules(fallen, radii_px * 0.8))


def _stand(stage: Stage, at: tuple[float, float, float], long: bool) -> Points:
    spot = _RIM[::2, [0, 2, 1]] * (0.85 if long else 0.30, 0.26, 0)
    return stage.camera.project(placed(spot, *at))[0]


def _lamps(stage: Stage, at: tuple[float, float, float]) -> tuple[Glow, ...]:
    if not stage.light.headlights:
        return ()
    lamps = np.array([[0.58, 0.0, 0.85], [-0.75, 0.0, 0.75]])
    points, distances = stage.camera.project(placed(lamps, *at))
    ahead = np.array([np.cos(at[2]), np.sin(at[2])])
    towards = stage.camera.position[:2] - np.array(at[:2])
    front = float(ahead @ towards) > 0
    which = 0 if front else 1
    colour = (1.0, 0.97, 0.9) if front else (0.9, 0.08, 0.05)
    radius = 0.22 * stage.camera.focal_px / float(distances[which])
    return (Glow((float(points[which, 0]), float(points[which, 1])), radius, colour),)
