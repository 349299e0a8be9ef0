"""Stretches of videos, and the names of leases that cover them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Interval:
    """A stretch of one version of one video: the frames with start_pts <= pts < end_pts."""

    uri: str
    etag: str
    """The version; see `Source`."""
    start_pts: int
    """The first pts, in the stream's time base."""
    end_pts: int
    """The first pts past it."""

    def __post_init__(self) -> None:
        if self.start_pts >= self.end_pts:
            raise ValueError(f"an interval ends after it starts: {self}")


EPOCH_DIGITS = 6
"""So many hex digits in front of a lease's name are the epoch that it was planned in."""


@dataclass(frozen=True)
class LeaseNames:
    """How leases are named: by the job, the epoch of its output, and exactly what they cover.

    The same work under the same job in the same epoch has the same name, whichever worker does it.
    """

    job: str
    """The job's digest."""
    epoch: int = 0
    """The epoch of the output; 0 where its store cannot tell epochs apart."""

    def __call__(self, intervals: Iterable[Interval]) -> str:
        """Return the name of a lease, 32 hex digits, whatever order its intervals come in."""
        covered = sorted([i.uri, i.etag, i.start_pts, i.end_pts] for i in intervals)
        text = json.dumps([self.job, covered], separators=(",", ":"), ensure_ascii=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        return f"{self.epoch:0{EPOCH_DIGITS}x}{digest[EPOCH_DIGITS:]}" if self.epoch else digest


def epoch_of(lease: str) -> int:
    """Return the epoch in a lease's name; of a name without one, some number that means nothing."""
    return int(lease[:EPOCH_DIGITS], 16)
