"""How several jobs share the devices of a cluster: pure, so that each of them finds the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

TURN_S = 60.0
"""Where there are more jobs than devices, they take turns of so many seconds of a device."""
SETTLE_S = 5.0
"""A share that falls counts once it has been lower for so long: a device is given back at a price,
which is not to be paid where a job that has just ended is followed by another one."""

GIVE_BACK_S = 30.0
"""A device that is given back to others has so long to end its lease, or some of it."""


@dataclass(frozen=True)
class Claim:
    """What one job says of itself to those that it shares a cluster with."""

    job: str
    """Its name among them, by which ties are decided."""
    weight: float
    """Its devices are to those of another job as their weights are."""
    wants: int
    """How many devices it has work for."""
    holds: int = 0
    """How many it has."""
    spent_s: float = 0.0
    """Seconds of devices that it had, over its weight; see `first_spent_s`."""

    def __post_init__(self) -> None:
        if not (self.weight > 0 and math.isfinite(self.weight)):
            raise ValueError(f"a weight is above 0: {self}")
        if min(self.wants, self.holds) < 0 or not 0 <= self.spent_s < math.inf:
            raise ValueError(f"devices and their time are not below 0: {self}")


def shares(claims: Sequence[Claim], devices: int) -> dict[str, int]:
    """Return how many devices each job is to have, by name; together no more than there are.

    Each that wants any has one. The others go by weight, and what a job does not want goes to those
    that do, by weight again. What is left by rounding goes to the largest remainders. With more
    jobs than devices, one each goes to those that had the least so far.
    """
    asking = sorted((claim for claim in claims if claim.wants), key=lambda claim: claim.job)
    found = dict.fromkeys((claim.job for claim in claims), 0)
    if len(asking) >= devices:
        first = sorted(asking, key=lambda c: (c.spent_s // TURN_S, -c.weight, c.job))
        return found | dict.fromkeys((claim.job for claim in first[:devices]), 1)
    exact = _exact(asking, min(devices, sum(claim.wants for claim in asking)))
    found |= {job: math.floor(share) for job, share in exact.items()}
    left = int(sum(exact.values())) - sum(found.values())
    by_remainder = sorted(exact, key=lambda job: (found[job] - exact[job], job))
    return found | {job: found[job] + 1 for job in by_remainder[:left]}


def _exact(claims: Sequence[Claim], devices: int) -> dict[str, Fraction]:
    """Return shares by weight that add up to `devices`, from 1 to what each wants, not rounded.

    Shares that are out of these bounds are set to them, and the rest is shared out again. Only
    those on the side that weighs more are set in one round: the others may come to lie within.
    """
    fixed: dict[str, Fraction] = {}
    while free := [claim for claim in claims if claim.job not in fixed]:
        left = devices - sum(fixed.values())
        weights = sum(Fraction(claim.weight) for claim in free)
        plain = {claim.job: left * Fraction(claim.weight) / weights for claim in free}
        bound = {c.job: min(max(plain[c.job], Fraction(1)), Fraction(c.wants)) for c in free}
        excess = sum(bound.values()) - left
        fixed |= {
            job: share
            for job, share in bound.items()
            if not excess or (share - plain[job]) * excess > 0
        }
    return fixed


def first_spent_s(others: Iterable[Claim]) -> float:
    """Return what a job that comes counts as spent: as little as any of the others.

    With nothing, it would have every turn until it had caught up with jobs that have run for a day.
    """
    return min((claim.spent_s for claim in others), default=0.0)


@dataclass(frozen=True)
class Share:
    """What a job is to have of the devices that it shares."""

    devices: int
    """Its share."""
    of: int
    """How many devices there are for all."""
    weight: float
    """Its weight."""
    weights: float
    """The sum of all weights, its own included."""
    jobs: int
    """How many jobs there are."""
    others_wait: bool
    """Whether another one has less than its share."""


def share_of(own: Claim, others: Sequence[Claim], devices: int) -> Share:
    """Return the share of one job."""
    everybody = [own, *others]
    found = shares(everybody, devices)
    return Share(
        devices=found[own.job],
        of=devices,
        weight=own.weight,
        weights=math.fsum(claim.weight for claim in everybody),
        jobs=len(everybody),
        others_wait=any(claim.holds < found[claim.job] for claim in others),
    )


class Allowance:
    """How many devices a job may have or ask for, as time goes by; changed only by `look`.

    `grows`: more machines come for those who ask. So a job asks for more than its share, but only
    while no other one waits for a device, or it would be given what others have given back.
    """

    def __init__(self, *, grows: bool) -> None:
        self._grows = grows
        self._seen: list[tuple[float, int]] = []

    def look(self, share: Share, wants: int, now_s: float) -> int:
        """Return how many it may have now: a share that has just fallen does not count yet."""
        grown = wants if self._grows and not share.others_wait else 0
        most = max(share.devices, grown)
        # Older ones that are no larger will never count again.
        kept = [(since_s, seen) for since_s, seen in self._seen if seen > most]
        self._seen = [(s, n) for s, n in kept if now_s - s < SETTLE_S] + [(now_s, most)]
        return max(seen for _, seen in self._seen)
