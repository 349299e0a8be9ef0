"""Some frames of a video, by number, in as many bits as it has frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frame numbers; an archive's are held whole, where a list of them would be too large."""

    bits: NDArray[np.uint8] = field(repr=False)
    """A bit a frame, up to the last one that is in it."""
    count: int
    """How many frames are in it."""

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> FrameSet:
        """Return a set of frame numbers, none of which is below 0."""
        inside = np.zeros(int(numbers.max()) + 1 if len(numbers) else 0, np.bool_)
        inside[numbers] = True
        return cls(np.packbits(inside), int(inside.sum()))

    def numbers(self) -> NDArray[np.int64]:
        """Return the numbers, rising: int64 [count]."""
        return np.flatnonzero(np.unpackbits(self.bits)).astype(np.int64)

    def wanted(self, frames: int) -> NDArray[np.bool_]:
        """Return which of so many frames are in it: bool [frames].

        Raises ValueError where one lies behind them.
        """
        numbers = self.numbers()
        if len(numbers) and numbers[-1] >= frames:
            raise ValueError(f"frame {numbers[-1]} is none of {frames}")
        found = np.zeros(frames, np.bool_)
        found[numbers] = True
        return found
