"""Many of H.264's pictures in a row, followed at once: the same as one after another.

See `H264Pictures.follow` and `FrameNumbers.continues`. None of them is a field, counts by a cycle
(order counts of type 1), or ends references.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.video.h26x.h264 import Sps

NO_RECOVERY = -1


@dataclass(frozen=True, eq=False)
class Run:
    """Slice headers of pictures in decode order, which refer to one SPS."""

    sps: Sps
    idr: NDArray[np.bool_]
    reference: NDArray[np.bool_]
    """True for all IDR pictures."""
    intra: NDArray[np.bool_]
    frame_num: NDArray[np.int64]
    order_lsb: NDArray[np.int64]
    delta: NDArray[np.int64]
    """What is added to the order count of the bottom field."""
    recovery: NDArray[np.int64]
    """After how many frames pictures are right; NO_RECOVERY: unsaid."""

    def __len__(self) -> int:
        return len(self.idr)

    def part(self, begin: int, end: int) -> Run:
        """Return some of them."""
        rows = slice(begin, end)
        return Run(
            sps=self.sps,
            idr=self.idr[rows],
            reference=self.reference[rows],
            intra=self.intra[rows],
            frame_num=self.frame_num[rows],
            order_lsb=self.order_lsb[rows],
            delta=self.delta[rows],
            recovery=self.recovery[rows],
        )

    @property
    def is_random_access(self) -> NDArray[np.bool_]:
        """Return whether decoding may begin at each one: bool [n]."""
        found: NDArray[np.bool_] = self.idr | ((self.recovery == 0) & self.intra)
        return found

    @property
    def begins(self) -> NDArray[np.bool_]:
        """Return whether pictures become right behind each one: bool [n]."""
        found: NDArray[np.bool_] = self.idr | (self.recovery != NO_RECOVERY)
        return found


def since_idr(run: Run, before: int) -> NDArray[np.int64]:
    """Return which picture each one is, counted from 1 at an IDR picture: int64 [n].

    `before`: how many pictures there were since the last one before them.
    """
    rows = np.arange(len(run))
    latest = np.maximum.accumulate(np.where(run.idr, rows, -1))
    return rows + 1 + np.where(latest < 0, before, -latest)


def counts_by_lsb(run: Run, before: tuple[int, int]) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """Return order counts of type 0 (8.2.1.1), and high and low bits of the last reference.

    int64 [n]. `before`: high and low bits of the last reference before them.
    """
    modulus = 1 << run.sps.poc_lsb_bits
    anchors = np.flatnonzero(run.reference)
    starts = run.idr[anchors]
    lsb = run.order_lsb[anchors]
    previous = np.concatenate(([before[1]], lsb))[: len(lsb)]
    carried = _carry(lsb, np.where(starts, 0, previous), modulus)
    total = np.cumsum(carried)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), -1))
    lost = (total - carried)[np.maximum(first, 0)] if len(first) else total
    msb = total - np.where(first < 0, -before[0], lost)
    # Each other picture is counted from the last reference before it.
    msbs, lsbs = np.concatenate(([before[0]], msb)), np.concatenate(([before[1]], lsb))
    behind = np.cumsum(run.reference)
    counts = msbs[behind] + run.order_lsb
    others = ~run.reference
    counts[others] += _carry(run.order_lsb[others], lsbs[behind[others]], modulus)
    return counts + np.minimum(0, run.delta), (int(msbs[-1]), int(lsbs[-1]))


def _carry(lsb: NDArray[np.int64], previous: NDArray[np.int64], modulus: int) -> NDArray[np.int64]:
    """Return by how much high bits change where low bits follow others: int64 [n]."""
    half = modulus // 2
    up = (lsb < previous) & (previous - lsb >= half)
    down = (lsb > previous) & (lsb - previous > half)
    return modulus * (up.astype(np.int64) - down)


def steps_of(run: Run, before: int | None) -> tuple[NDArray[np.int64], int]:
    """Return how far frame numbers step to each picture, and what the next one counts from.

    int64 [n]; 0 where it cannot be known. `before`: what the first one counts from.
    """
    modulus = 1 << run.sps.frame_num_bits
    after = np.where(run.idr, 0, (run.frame_num - ~run.reference) % modulus)
    previous = np.concatenate(([before or 0], after[:-1]))
    steps = np.where(run.idr, 0, (run.frame_num - previous) % modulus)
    if run.sps.gaps_allowed:
        steps[:] = 0
    if before is None:
        steps[0] = 0
    return steps, int(after[-1])
