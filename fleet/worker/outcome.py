"""What comes back from a worker for a lease: counts, never pixels."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.receipt import Receipt
from fleet.plan.partial import Rest


@dataclass(frozen=True)
class Cancelled:
    """A lease was put down, as its worker was told to; `wall_s`: what had been spent on it."""

    lease: str
    wall_s: float


@dataclass(frozen=True)
class Truncated:
    """A lease was ended early, as its worker was told to; `receipt`: of its front."""

    receipt: Receipt
    remainder: Rest
