"""A lease as the scheduler knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LeaseSummary:
    """A lease, or a piece of one that was split: pieces are leases too."""

    lease: str
    """Its name."""
    gops: int
    """How many GOPs it covers."""
    cost_s: float = 0.0
    """Estimated seconds of one device's time."""
    uri: str = ""
    """The video that it begins with."""
