"""The bodies of walkers and cyclists: limbs that swing, bend and pedal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet.street.scene.actors import Actor, Look, Pose

Numbers = NDArray[np.float64]
"""One number for each body, f64 [bodies]."""
Colours = NDArray[np.float64]
"""One colour for each body, f64 [bodies, 3]."""
Point = tuple[Numbers | float, Numbers | float, Numbers | float]
"""A point of each body in metres: ahead, aside, up."""
_TYRE, _STEEL = np.array((0.05, 0.05, 0.06)), np.array((0.40, 0.41, 0.43))
WHEELS = ((-0.52, 0.34), (0.54, 0.34))
"""The hubs of a bicycle in metres: ahead, up."""
WHEEL_M = 0.34
_EVERYBODY = np.True_


@dataclass(frozen=True, eq=False)
class Limbs:
    """The limbs of bodies, each a line with a radius at both ends; all bodies have equally many."""

    ends: NDArray[np.float64]
    """[bodies, limbs, 2, 3], in metres."""
    radii: NDArray[np.float64]
    """[bodies, limbs, 2], in metres."""
    colours: NDArray[np.float64]
    """[bodies, limbs, 3], RGB."""
    present: NDArray[np.bool_]
    """[bodies, limbs], whether a body has the limb; one that it lacks coincides with its first."""


@dataclass
class _Bodies:
    """Bodies under construction, limb by limb, all bodies at once."""

    looks: Sequence[Look]
    ends: list[tuple[Point, Point]] = field(default_factory=list)
    radii: list[tuple[Numbers | float, Numbers | float]] = field(default_factory=list)
    colours: list[Colours] = field(default_factory=list)
    present: list[NDArray[np.bool_] | np.bool_] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.skin, self.hair, self.coat, self.legs, self.shoes, self.paint = (
            np.array([getattr(look, part) for look in self.looks])
            for part in ("skin", "hair", "coat", "legs", "shoes", "paint")
        )
        self.build = np.array([look.build for look in self.looks])
        self.style = np.array([look.style for look in self.looks])

    def limb(
        self,
        start: Point,
        end: Point,
        radii: tuple[Numbers | float, Numbers | float],
        colour: Colours,
        present: NDArray[np.bool_] | np.bool_ = _EVERYBODY,
    ) -> None:
        """Add a limb to each body; a plain number counts for all bodies."""
        self.ends.append((start, end))
        self.radii.append(radii)
        self.colours.append(colour)
        self.present.append(present)

    def limbs(self) -> Limbs:
        """Return the limbs that were added."""
        shape = (len(self.looks), len(self.ends))
        ends, radii = np.empty((*shape, 2, 3)), np.empty((*shape, 2))
        colours, present = np.empty((*shape, 3)), np.empty(shape, np.bool_)
        for number, limb in enumerate(self.ends):
            for end, point in enumerate(limb):
                radii[:, number, end] = self.radii[number][end]
                for axis, metres in enumerate(point):
                    ends[:, number, end, axis] = metres
            colours[:, number], present[:, number] = self.colours[number], self.present[number]
        ends = np.where(present[..., None, None], ends, ends[:, :1])
        return Limbs(ends, np.where(present[..., None], radii, radii[:, :1]), colours, present)


def walkers(actors: Sequence[Actor], poses: Sequence[Pose]) -> Limbs:
    """Return the limbs of people on foot; arms and legs swing with the distance walked."""
    body = _Bodies([actor.look for actor in actors])
    tall = np.array([actor.height_m for actor in actors])
    swing = np.minimum(0.52, 0.36 * np.array([pose.speed_mps for pose in poses]))
    turn = 2 * np.pi * np.array([pose.travelled_m for pose in poses]) / (0.82 * tall)
    wide = 0.08 * tall * (0.85 + 0.35 * body.build)
    legs = [_leg(turn + np.pi * side, swing, tall) for side in (0, 1)]
    lift = 0.03 * tall - np.minimum(legs[0][1][1], legs[1][1][1])
    for side, aside in ((0, -wide * 0.55), (1, wide * 0.55)):
        _add_leg(body, legs[side], aside, lift, tall)
        _add_arm(body, turn + np.pi * (1 - side), swing, aside * 2.6, lift, tall)
    _add_trunk(body, wide, lift, tall)
    _add_head(body, (0.01 * tall, 0.0, 0.93 * tall + lift), tall)
    return body.limbs()


def _leg(turn: Numbers, swing: Numbers, tall: Numbers) -> tuple[tuple[Numbers, Numbers], ...]:
    thigh = swing * np.sin(turn)
    below = thigh - 0.06 - swing * (0.3 + 1.4 * np.maximum(0.0, np.cos(turn)))
    knee = (0.25 * tall * np.sin(thigh), (0.50 - 0.25 * np.cos(thigh)) * tall)
    ankle = (knee[0] + 0.22 * tall * np.sin(below), knee[1] - 0.22 * tall * np.cos(below))
    toe = (ankle[0] + 0.10 * tall * np.cos(below / 2), ankle[1] + 0.08 * tall * np.sin(below / 2))
    return knee, ankle, toe


def _add_leg(
    body: _Bodies,
    leg: tuple[tuple[Numbers, Numbers], ...],
    aside: Numbers,
    lift: Numbers,
    tall: Numbers,
) -> None:
    hip = (0.0, aside, 0.50 * tall + lift)
    knee, ankle, toe = ((ahead, aside, up + lift) for ahead, up in leg)
    body.limb(ankle, toe, (0.028 * tall, 0.018 * tall), body.shoes)
    body.limb(knee, ankle, (0.036 * tall, 0.026 * tall), body.legs)
    body.limb(hip, knee, (0.050 * tall, 0.038 * tall), body.legs)


def _add_arm(
    body: _Bodies, turn: Numbers, swing: Numbers, aside: Numbers, lift: Numbers, tall: Numbers
) -> None:
    angle = 0.95 * swing * np.sin(turn)
    shoulder = (0.0, aside, 0.79 * tall + lift)
    elbow = (0.16 * tall * np.sin(angle), aside * 1.1, shoulder[2] - 0.16 * tall * np.cos(angle))
    bent = angle + 0.2 + 0.6 * swing
    hand = (elbow[0] + 0.15 * tall * np.sin(bent), aside, elbow[2] - 0.15 * tall * np.cos(bent))
    body.limb(elbow, hand, (0.026 * tall, 0.020 * tall), body.coat)
    body.limb(hand, hand, (0.023 * tall, 0.023 * tall), body.skin)
    body.limb(shoulder, elbow, (0.034 * tall, 0.028 * tall), body.coat)


def _add_trunk(body: _Bodies, wide: Numbers, lift: Numbers, tall: Numbers) -> None:
    chest, waist = 0.75 * tall + lift, 0.54 * tall + lift
    stout = 0.052 * tall * (0.9 + 0.4 * body.build)
    for aside in (-0.6 * wide, 0.6 * wide):
        body.limb((0, aside, chest), (0, aside * 0.8, waist), (stout * 1.1, stout), body.coat)
    long_coat = np.array([look.long_coat for look in body.looks])
    hem = (0.0, 0.0, 0.36 * tall + lift)
    body.limb((0, 0, waist), hem, (stout * 1.35, stout * 1.6), body.coat, long_coat)
    body.limb((0, -wide, 0.79 * tall + lift), (0, wide, 0.79 * tall + lift),
              (0.038 * tall, 0.038 * tall), body.coat)  # fmt: skip
    bag, behind = np.array([look.bag for look in body.looks]), -0.085 * tall
    body.limb((behind, 0, 0.76 * tall + lift), (behind, 0, 0.62 * tall + lift),
              (0.055 * tall, 0.062 * tall), 0.6 * body.paint, bag)  # fmt: skip


def _add_head(body: _Bodies, centre: Point, tall: Numbers | float) -> None:
    ahead, aside, up = centre
    round_m = 0.052 * tall
    body.limb((ahead - 0.01, aside, up - 0.1 * tall), centre, (0.03 * tall, 0.03 * tall), body.skin)
    chin = (ahead + 0.012 * tall, aside, up - 0.022 * tall)
    body.limb(chin, (ahead + 0.01 * tall, aside, up + 0.01 * tall),
              (0.040 * tall, round_m), body.skin)  # fmt: skip
    crown = (ahead - 0.014 * tall, aside, up + 0.018 * tall)
    low = np.where(body.style > 0, -0.03, -0.075) * tall
    body.limb(crown, (ahead - 0.022 * tall, aside, up + low), (round_m, 0.044 * tall), body.hair)


def cyclists(actors: Sequence[Actor], poses: Sequence[Pose]) -> Limbs:
    """Return the limbs of cyclists and bicycles; the pedals turn with the distance."""
    body = _Bodies([actor.look for actor in actors])
    scale = np.array([actor.height_m for actor in actors]) / 1.75
    _add_frame(body)
    hip, shoulder = (-0.24, 0.0, 0.98), (0.10, 0.0, 0.98 + 0.46 * scale)
    turn = -np.array([pose.travelled_m for pose in poses]) / 0.75
    for side, aside in ((0, -0.1), (1, 0.1)):
        angle = turn + np.pi * side
        pedal = (0.0 + 0.17 * np.cos(angle), aside, 0.30 + 0.17 * np.sin(angle))
        knee = _knee((hip[0], hip[2]), (pedal[0], pedal[2] + 0.08), 0.46, 0.46)
        knee_at = (knee[0], aside, knee[1])
        body.limb(pedal, (pedal[0] + 0.12, aside, pedal[2]), (0.045, 0.035), body.shoes)
        body.limb(knee_at, (pedal[0], aside, pedal[2] + 0.08), (0.062, 0.045), body.legs)
        body.limb((hip[0], aside, hip[2]), knee_at, (0.088, 0.066), body.legs)
        wide, hand = aside * 1.9, (0.46, aside * 2.4, 1.04)
        elbow = (0.28, aside * 2.8, 1.14)
        body.limb((shoulder[0], wide, shoulder[2]), elbow, (0.058, 0.048), body.coat)
        body.limb(elbow, hand, (0.045, 0.035), body.coat)
        body.limb((hip[0], aside * 0.6, hip[2] + 0.04), (shoulder[0], aside, shoulder[2] - 0.04),
                  (0.115, 0.105), body.coat)  # fmt: skip
    head = (shoulder[0] + 0.09, 0.0, shoulder[2] + 0.22)
    _add_head(body, head, 1.72)
    body.limb((head[0] - 0.02, 0.0, head[2] + 0.05), (head[0] + 0.03, 0.0, head[2] + 0.06),
              (0.105, 0.09), body.paint, body.style == 2)  # fmt: skip
    return body.limbs()


def _add_frame(body: _Bodies) -> None:
    rear, front = (-0.52, 0.0, WHEEL_M), (0.54, 0.0, WHEEL_M)
    crank, seat, neck = (0.0, 0.0, 0.30), (-0.22, 0.0, 0.86), (0.40, 0.0, 0.84)
    for start, end in ((rear, crank), (rear, seat), (crank, seat), (seat, neck), (crank, neck)):
        body.limb(start, end, (0.02, 0.02), body.paint)
    body.limb((0.42, 0.0, 0.98), front, (0.022, 0.02), _STEEL)
    body.limb((0.44, -0.26, 1.02), (0.44, 0.26, 1.02), (0.018, 0.018), _TYRE)
    body.limb((-0.32, 0.0, 0.92), (-0.12, 0.0, 0.92), (0.04, 0.025), _TYRE)


def _knee(
    hip: tuple[float, float], foot: tuple[Numbers, Numbers], thigh: float, shin: float
) -> tuple[Numbers, Numbers]:
    """Return the knee of a leg that is bent forward so that it reaches from hip to foot."""
    ahead, up = foot[0] - hip[0], foot[1] - hip[1]
    span = np.minimum(np.hypot(ahead, up), thigh + shin - 1e-3)
    part = (thigh**2 - shin**2 + span**2) / (2 * span)
    out = np.sqrt(np.maximum(0.0, thigh**2 - part**2))
    unit = (ahead / span, up / span)
    return hip[0] + unit[0] * part - unit[1] * out, hip[1] + unit[1] * part + unit[0] * out
