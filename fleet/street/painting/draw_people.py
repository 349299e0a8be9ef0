"""The drawing of walkers and cyclists: each limb is a rounded shape, lit from one side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.brush import Points, Sheet, capsules, fixed_on, sheet_between
from fleet.street.figures.figure import Drawn, Glow, Stage, placed
from fleet.street.figures.people import WHEEL_M, WHEELS, Limbs, cyclists, walkers
from fleet.street.scene.actors import CYCLIST, Actor, Pose

_AROUND = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_RIM = np.stack([np.cos(_AROUND), 0 * _AROUND, np.sin(_AROUND)], 1)
_RIMS = np.stack([_RIM * WHEEL_M + (ahead, 0.0, up) for ahead, up in WHEELS])
_SHADED, _LIT, _PLAIN = 0.70, 1.06, 0.88
_PLAIN_PX = 6.0
"""Limbs thinner than this are too thin for a lit side."""
_SHADOW_PX = 9.0
"""Pixels a metre; smaller figures cast only a spot of shadow."""
_NEAREST_M = 1.5
_TYRE = np.array((0.04, 0.04, 0.05))

Person = tuple[Actor, Pose, Stage]
Sketch = Callable[[], Drawn | None]
"""Draws a figure; returns None if it is outside the picture."""


def sketch_people(people: Sequence[Person]) -> list[Sketch]:
    """Return the drawing of walkers, and of cyclists with their bicycles.

    All have the same camera and the same light. Where their limbs are is found for all at once.
    """
    sketches: list[Sketch] = [nobody] * len(people)
    for pose_all, riding in ((walkers, False), (cyclists, True)):
        group = [n for n, (actor, _, _) in enumerate(people) if (actor.kind == CYCLIST) is riding]
        if group:
            chosen = [people[number] for number in group]
            limbs = pose_all([actor for actor, _, _ in chosen], [pose for _, pose, _ in chosen])
            for number, sketch in zip(group, _sketches(chosen, limbs, riding=riding), strict=True):
                sketches[number] = sketch
    return sketches


def nobody() -> None:
    """Draw nothing."""


@dataclass(frozen=True, eq=False)
class _Group:
    """n people of one kind, in the world and in the picture."""

    people: Sequence[Person]
    """The people, their poses and stages."""
    limbs: Limbs
    """Their limbs, in their bodies."""
    world: NDArray[np.float64]
    """[n, limbs, 2, 3], the ends of their limbs on the street."""
    points: NDArray[np.float64]
    """[n, limbs, 2, 2], the same in the picture."""
    rims: NDArray[np.float64]
    """[n, 0 or 2, 20, 2], the rims of their wheels in the picture."""
    order: NDArray[np.int64]
    """[n, limbs], their limbs, the farthest first."""
    middle: NDArray[np.float64]
    """[n], their distance in metres."""
    scale: NDArray[np.float64]
    """[n], pixels a metre at that distance."""

    @property
    def stage(self) -> Stage:
        """The stage of the first one; all have the same camera and light."""
        return self.people[0][2]


@dataclass(frozen=True, eq=False)
class _Figure:
    """One of a group, ready to be drawn."""

    sheet: Sheet
    shapes: NDArray[np.int32]
    """[polygons, points, 2] in the sheet's fixed point, in the order of drawing."""
    paints: NDArray[np.uint8]
    """[polygons, 4], RGBA."""
    rims: Points
    """[0 or 2, 20, 2], the rims of the wheels in the picture."""
    scale: float
    """Pixels a metre."""
    distance_m: float
    shadows: tuple[Points, ...]
    stand: Points
    """[points, 2], the spot that it stands on."""


def _sketches(people: Sequence[Person], limbs: Limbs, *, riding: bool) -> Iterator[Sketch]:
    group = _measured(people, limbs, riding=riding)
    sheets = _sheets(group)
    painted = _painted(group, sheets)
    shadows, stands = _shadows(group), _stands(group, long=riding)
    for number, sheet in enumerate(sheets):
        if sheet is None:
            yield nobody
            continue
        shapes, paints = painted[number]
        figure = _Figure(
            sheet=sheet,
            shapes=shapes,
            paints=paints,
            rims=group.rims[number],
            scale=float(group.scale[number]),
            distance_m=float(group.middle[number]),
            shadows=shadows[number],
            stand=stands[number],
        )
        yield partial(_draw, figure, people[number])


def _draw(figure: _Figure, person: Person) -> Drawn:
    _, pose, stage = person
    for rim in figure.rims:
        figure.sheet.outline(rim, stage.tint(_TYRE), 0.05 * figure.scale)
    figure.sheet.fill(figure.shapes, figure.paints.tolist())
    return Drawn(
        layer=figure.sheet.layer(),
        distance_m=figure.distance_m,
        shadows=figure.shadows,
        contact=(figure.stand,),
        glows=_lamps(stage, pose) if len(figure.rims) else (),
    )


def _measured(people: Sequence[Person], limbs: Limbs, *, riding: bool) -> _Group:
    camera = people[0][2].camera
    world = _placed(people, limbs.ends)
    points, distances = camera.project(world)
    by_limb, present = distances.mean(2), limbs.present
    middle = (by_limb * present).sum(1) / present.sum(1)
    rims = _placed(people, _RIMS[None] if riding else _RIMS[None, :0])
    return _Group(
        people=people,
        limbs=limbs,
        world=world,
        points=points,
        rims=camera.project(rims)[0],
        order=np.argsort(-by_limb, axis=1, kind="stable"),
        middle=middle,
        scale=camera.focal_px / middle,
    )


def _placed(people: Sequence[Person], local: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points of each body, f64 [n or 1, ..., 3], on the street."""
    poses = np.array([(pose.along_m, pose.across_m, pose.heading_rad) for _, pose, _ in people])
    along, across, heading = poses.T.reshape(3, -1, *[1] * (local.ndim - 2))
    return placed(local, along, across, heading)


def _sheets(group: _Group) -> list[Sheet | None]:
    everything = np.concatenate(
        [points.reshape(len(group.people), -1, 2) for points in (group.points, group.rims)], 1
    )
    pad = 0.14 * group.scale[:, None]
    low, high = (everything.min(1) - pad).tolist(), (everything.max(1) + pad).tolist()
    picture = group.stage.camera.size
    return [
        sheet_between(least, most, picture) if middle >= _NEAREST_M else None
        for least, most, middle in zip(low, high, group.middle.tolist(), strict=True)
    ]


def _painted(
    group: _Group, sheets: Sequence[Sheet | None]
) -> list[tuple[NDArray[np.int32], NDArray[np.uint8]]]:
    """Return the shapes of each one's limbs in the order of drawing: the whole, then the lit part.

    Shapes are i32 [shapes, points, 2] in a sheet's fixed point, colours RGBA u8 [shapes, 4].
    """
    stage, count = group.stage, len(group.people)
    each = np.arange(count)[:, None]
    ends = group.points[each, group.order]
    radii = group.limbs.radii[each, group.order] * group.scale[:, None, None]
    side = float(np.sign(stage.camera.axes[0] @ stage.light.to_sun)) or 1.0
    shift = radii.mean(2)[..., None, None] * np.array([0.26 * side, -0.16])
    ends = np.stack([ends, ends + shift], 2).reshape(count, -1, 2, 2)
    fine = np.array([sheet.fine if sheet else 0 for sheet in sheets])
    plain = radii.max((1, 2)) * fine < _PLAIN_PX
    radii = np.stack([radii, radii * 0.70], 2).reshape(count, -1, 2)
    shown = np.repeat(group.limbs.present[each, group.order], 2, axis=1) & (fine > 0)[:, None]
    shown[:, 1::2] &= ~plain[:, None]
    shapes = fixed_on(sheets, np.nonzero(shown)[0], capsules(ends[shown], radii[shown]))
    paints = _tones(group, plain)[shown]
    spans = pairwise([0, *np.cumsum(shown.sum(1)).tolist()])
    return [(shapes[start:stop], paints[start:stop]) for start, stop in spans]


def _tones(group: _Group, plain: NDArray[np.bool_]) -> NDArray[np.uint8]:
    colours = group.limbs.colours[np.arange(len(group.people))[:, None], group.order]
    sun = np.array([stage.sun for _, _, stage in group.people])
    shaded = np.where(plain, _PLAIN, _SHADED - 0.08 * sun)
    tones = np.stack([shaded, np.full_like(shaded, _LIT)], 1)
    local = np.array([stage.local for _, _, stage in group.people])
    lit = colours[:, :, None] * tones[:, None, :, None] * local[:, None, None]
    paints = np.full((*lit.shape[:3], 4), 255, np.uint8)
    # OpenCV rounds colours in the same way.
    paints[..., :3] = np.rint(np.clip(lit * 255, 0, 255))
    return paints.reshape(len(group.people), -1, 4)


def _shadows(group: _Group) -> list[tuple[Points, ...]]:
    """Return the shadows on the ground of those in the sun: outlines of limbs f64 [points, 2]."""
    throws = [stage.sunny for _, _, stage in group.people] & (group.scale > _SHADOW_PX)
    if not throws.any():
        return [()] * len(throws)
    shown = group.limbs.present & throws[:, None]
    fallen = group.stage.cast(group.world[shown])
    radii = group.limbs.radii * group.scale[:, None, None] * 0.8
    shapes = capsules(fallen, radii[shown])
    spans = pairwise([0, *np.cumsum(shown.sum(1)).tolist()])
    return [tuple(shapes[start:stop]) for start, stop in spans]


def _stands(group: _Group, *, long: bool) -> Points:
    """Return the spots that they stand on: f64 [n, points, 2]."""
    spot = _RIM[::2, [0, 2, 1]] * (0.85 if long else 0.30, 0.26, 0)
    return group.stage.camera.project(_placed(group.people, spot[None]))[0]


def _lamps(stage: Stage, pose: Pose) -> tuple[Glow, ...]:
    if not stage.light.headlights:
        return ()
    lamps = np.array([[0.58, 0.0, 0.85], [-0.75, 0.0, 0.75]])
    at = (pose.along_m, pose.across_m, pose.heading_rad)
    points, distances = stage.camera.project(placed(lamps, *at))
    ahead = np.array([np.cos(at[2]), np.sin(at[2])])
    towards = stage.camera.position[:2] - np.array(at[:2])
    front = float(ahead @ towards) > 0
    which = 0 if front else 1
    colour = (1.0, 0.97, 0.9) if front else (0.9, 0.08, 0.05)
    radius = 0.22 * stage.camera.focal_px / float(distances[which])
    return (Glow((float(points[which, 0]), float(points[which, 1])), radius, colour),)
