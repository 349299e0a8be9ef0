"""Find start codes in many bytes at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# As two bytes that begin at an even place are read, lowest first.
_BOTH_ZERO, _ZERO_ONE = 0x0000, 0x0100
_EITHER = ~_ZERO_ONE & 0xFFFF


def find_codes(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return where the bytes 0, 0, 1 lie, in order: int64 [n].

    Where they begin at an even place, two zeros do; else a zero and a one begin behind it. Both are
    rare, and found two bytes at a time.
    """
    pairs = data[: len(data) // 2 * 2].view("<u2")
    found = np.flatnonzero((pairs & np.uint16(_EITHER)) == 0)
    at = 2 * found - (pairs[found] == _ZERO_ONE)
    at = at[(at >= 0) & (at + 2 < len(data))]
    codes: NDArray[np.int64] = at[(data[at] == 0) & (data[at + 1] == 0) & (data[at + 2] == 1)]
    return codes
