"""Walkers and cyclists: bodies of limbs that swing, bend and pedal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet.street.actors import Actor, Colour, Look, Pose

Place = tuple[float, float, float]
"""A point of a body in metres: ahead, aside, up."""
_TYRE, _STEEL = (0.05, 0.05, 0.06), (0.40, 0.41, 0.43)
WHEELS = ((-0.52, 0.34), (0.54, 0.34))
"""The hubs of a bicycle, in metres: ahead, up."""
WHEEL_M = 0.34


@dataclass
class Body:
    """Limbs of one body: from where to where, how thick at both ends in metres, in which colour."""

    ends: list[tuple[Place, Place]] = field(default_factory=list)
    radii: list[tuple[float, float]] = field(default_factory=list)
    colours: list[Colour] = field(default_factory=list)

    def limb(self, start: Place, end: Place, radii: tuple[float, float], colour: Colour) -> None:
        """Add a limb."""
        self.ends.append((start, end))
        self.radii.append(radii)
        self.colours.append(colour)

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give all ends f64 [n, 2, 3], radii f64 [n, 2] and colours f64 [n, 3]."""
        return np.array(self.ends), np.array(self.radii), np.array(self.colours)


def walker(actor: Actor, pose: Pose) -> Body:
    """Pose somebody on foot: arms and legs swing against each other with the way walked."""
    look, tall = actor.look, actor.height_m
    swing = min(0.52, 0.36 * pose.speed_mps)
    turn = 2 * np.pi * pose.way_m / (0.82 * tall)
    wide = 0.08 * tall * (0.85 + 0.35 * look.build)
    body = Body()
    legs = [_leg(turn + np.pi * side, swing, tall) for side in (0, 1)]
    lift = 0.03 * tall - min(leg[1][1] for leg in legs)
    for side, aside in ((0, -wide * 0.55), (1, wide * 0.55)):
        _add_leg(body, legs[side], aside, lift, tall, look)
        _add_arm(body, turn + np.pi * (1 - side), swing, aside * 2.6, lift, tall, look)
    _add_trunk(body, wide, lift, tall, look)
    _add_head(body, (0.01 * tall, 0.0, 0.93 * tall + lift), tall, look)
    return body


def _leg(turn: float, swing: float, tall: float) -> tuple[tuple[float, float], ...]:
    thigh = swing * np.sin(turn)
    below = thigh - 0.06 - swing * (0.3 + 1.4 * max(0.0, np.cos(turn)))
    knee = (0.25 * tall * np.sin(thigh), (0.50 - 0.25 * np.cos(thigh)) * tall)
    ankle = (knee[0] + 0.22 * tall * np.sin(below), knee[1] - 0.22 * tall * np.cos(below))
    toe = (ankle[0] + 0.10 * tall * np.cos(below / 2), ankle[1] + 0.08 * tall * np.sin(below / 2))
    return knee, ankle, toe


def _add_leg(
    body: Body,
    leg: tuple[tuple[float, float], ...],
    aside: float,
    lift: float,
    tall: float,
    look: Look,
) -> None:
    hip = (0.0, aside, 0.50 * tall + lift)
    knee, ankle, toe = ((ahead, aside, up + lift) for ahead, up in leg)
    body.limb(ankle, toe, (0.028 * tall, 0.018 * tall), look.shoes)
    body.limb(knee, ankle, (0.036 * tall, 0.026 * tall), look.legs)
    body.limb(hip, knee, (0.050 * tall, 0.038 * tall), look.legs)


def _add_arm(
    body: Body, turn: float, swing: float, aside: float, lift: float, tall: float, look: Look
) -> None:
    angle = 0.95 * swing * np.sin(turn)
    shoulder = (0.0, aside, 0.79 * tall + lift)
    elbow = (0.16 * tall * np.sin(angle), aside * 1.1, shoulder[2] - 0.16 * tall * np.cos(angle))
    bent = angle + 0.2 + 0.6 * swing
    hand = (elbow[0] + 0.15 * tall * np.sin(bent), aside, elbow[2] - 0.15 * tall * np.cos(bent))
    body.limb(elbow, hand, (0.026 * tall, 0.020 * tall), look.coat)
    body.limb(hand, hand, (0.023 * tall, 0.023 * tall), look.skin)
    body.limb(shoulder, elbow, (0.034 * tall, 0.028 * tall), look.coat)


def _add_trunk(body: Body, wide: float, lift: float, tall: float, look: Look) -> None:
    chest, waist = 0.75 * tall + lift, 0.54 * tall + lift
    stout = 0.052 * tall * (0.9 + 0.4 * look.build)
    for aside in (-0.6 * wide, 0.6 * wide):
        body.limb((0, aside, chest), (0, aside * 0.8, waist), (stout * 1.1, stout), look.coat)
    if look.long_coat:
        hem = (0.0, 0.0, 0.36 * tall + lift)
        body.limb((0, 0, waist), hem, (stout * 1.35, stout * 1.6), look.coat)
    body.limb((0, -wide, 0.79 * tall + lift), (0, wide, 0.79 * tall + lift),
              (0.038 * tall, 0.038 * tall), look.coat)  # fmt: skip
    if look.bag:
        sack = tuple(0.6 * part for part in look.paint)
        behind = -0.085 * tall
        body.limb((behind, 0, 0.76 * tall + lift), (behind, 0, 0.62 * tall + lift),
                  (0.055 * tall, 0.062 * tall), (sack[0], sack[1], sack[2]))  # fmt: skip


def _add_head(body: Body, centre: Place, tall: float, look: Look) -> None:
    ahead, aside, up = centre
    round_m = 0.052 * tall
    body.limb((ahead - 0.01, aside, up - 0.1 * tall), centre, (0.03 * tall, 0.03 * tall), look.skin)
    chin = (ahead + 0.012 * tall, aside, up - 0.022 * tall)
    body.limb(chin, (ahead + 0.01 * tall, aside, up + 0.01 * tall),
              (0.040 * tall, round_m), look.skin)  # fmt: skip
    crown = (ahead - 0.014 * tall, aside, up + 0.018 * tall)
    low = -0.03 * tall if look.style else -0.075 * tall
    body.limb(crown, (ahead - 0.022 * tall, aside, up + low), (round_m, 0.044 * tall), look.hair)


def cyclist(actor: Actor, pose: Pose) -> Body:
    """Pose a bicycle and who rides it: legs follow the pedals, which turn with the way."""
    look, scale = actor.look, actor.height_m / 1.75
    body = Body()
    _add_frame(body, look.paint)
    hip, shoulder = (-0.24, 0.0, 0.98), (0.10, 0.0, 0.98 + 0.46 * scale)
    turn = -pose.way_m / 0.75
    for side, aside in ((0, -0.1), (1, 0.1)):
        angle = turn + np.pi * side
        pedal = (0.0 + 0.17 * np.cos(angle), aside, 0.30 + 0.17 * np.sin(angle))
        knee = _knee((hip[0], hip[2]), (pedal[0], pedal[2] + 0.08), 0.46, 0.46)
        knee_at = (knee[0], aside, knee[1])
        body.limb(pedal, (pedal[0] + 0.12, aside, pedal[2]), (0.045, 0.035), look.shoes)
        body.limb(knee_at, (pedal[0], aside, pedal[2] + 0.08), (0.062, 0.045), look.legs)
        body.limb((hip[0], aside, hip[2]), knee_at, (0.088, 0.066), look.legs)
        wide, hand = aside * 1.9, (0.46, aside * 2.4, 1.04)
        elbow = (0.28, aside * 2.8, 1.14)
        body.limb((shoulder[0], wide, shoulder[2]), elbow, (0.058, 0.048), look.coat)
        body.limb(elbow, hand, (0.045, 0.035), look.coat)
        body.limb((hip[0], aside * 0.6, hip[2] + 0.04), (shoulder[0], aside, shoulder[2] - 0.04),
                  (0.115, 0.105), look.coat)  # fmt: skip
    head = (shoulder[0] + 0.09, 0.0, shoulder[2] + 0.22)
    _add_head(body, head, 1.72, look)
    if look.style == 2:
        helmet = (head[0] - 0.02, 0.0, head[2] + 0.05)
        body.limb(helmet, (head[0] + 0.03, 0.0, head[2] + 0.06), (0.105, 0.09), look.paint)
    return body


def _add_frame(body: Body, paint: Colour) -> None:
    rear, front = (-0.52, 0.0, WHEEL_M), (0.54, 0.0, WHEEL_M)
    crank, seat, neck = (0.0, 0.0, 0.30), (-0.22, 0.0, 0.86), (0.40, 0.0, 0.84)
    for start, end in ((rear, crank), (rear, seat), (crank, seat), (seat, neck), (crank, neck)):
        body.limb(start, end, (0.02, 0.02), paint)
    body.limb((0.42, 0.0, 0.98), front, (0.022, 0.02), _STEEL)
    body.limb((0.44, -0.26, 1.02), (0.44, 0.26, 1.02), (0.018, 0.018), _TYRE)
    body.limb((-0.32, 0.0, 0.92), (-0.12, 0.0, 0.92), (0.04, 0.025), _TYRE)


def _knee(
    hip: tuple[float, float], foot: tuple[float, float], thigh: float, shin: float
) -> tuple[float, float]:
    """Bend a leg forward so that it reaches from hip to foot."""
    ahead, up = foot[0] - hip[0], foot[1] - hip[1]
    span = min(np.hypot(ahead, up), thigh + shin - 1e-3)
    part = (thigh**2 - shin**2 + span**2) / (2 * span)
    out = np.sqrt(max(0.0, thigh**2 - part**2))
    unit = (ahead / span, up / span)
    return hip[0] + unit[0] * part - unit[1] * out, hip[1] + unit[1] * part + unit[0] * out
