"""A lease as the scheduler knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LeaseSummary:
    """A lease as the ledger knows it: how many GOPs it has, their cost, the video it begins with.

    Where a lease is cut, its pieces are leases too.
    """

    lease: str
    gops: int
    cost_s: float = 0.0
    uri: str = ""
