"""Read the bits of many headers side by side; see `fleet.video.h26x.bits` for one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Numbers = NDArray[np.int64]

_WINDOW_BYTES = 8
_LONGEST_ZEROS = 28
"""Of an Exp-Golomb number that is read: both its halves and the one lie in a window."""
_MOST_BYTES = 64
"""Of a header: more are not looked at."""
FEWEST_BYTES = _MOST_BYTES + _WINDOW_BYTES
"""Of less than so many, none can be read; headers among the last so many fail."""

_NONE: Numbers = np.zeros(0, np.int64)
_NONE.flags.writeable = False


class ManyBits:
    """Reads one header a row, from its most significant bit on.

    Each method takes the rows of those headers that it is to read, and returns a number for each. A
    header that cannot be read, or is not certain to be read as one by one, is put into `failed`:
    what is returned of it means nothing.
    """

    def __init__(self, data: bytes, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Take bytes, and where in them each header begins and the NAL unit that it is in ends.

        They are `FEWEST_BYTES` at least.
        """
        # An overlapping window begins at each byte; nothing is copied.
        count = len(data) - _WINDOW_BYTES + 1
        self._windows = np.ndarray(count, ">u8", data, strides=(1,))
        self._begins = begins
        self._at = begins * 8
        self._limits = np.minimum(ends, begins + _MOST_BYTES) * 8
        self.failed = begins + FEWEST_BYTES > len(data)
        """bool [rows]; complete after `finish`."""
        self._bytes = np.frombuffer(data, np.uint8)

    def _ahead(self, rows: Rows) -> NDArray[np.uint64]:
        """Return the bits from where each row is, 57 of them at least, at the top of a number."""
        at = self._at[rows]
        place = np.minimum(at >> 3, len(self._windows) - 1)
        window: NDArray[np.uint64] = self._windows[place].astype(np.uint64)
        return window << (at & 7).astype(np.uint64)

    def u(self, bits: int, rows: Rows) -> Numbers:
        """Return unsigned numbers of that many bits, 1 to 32."""
        if not len(rows):
            return _NONE
        value: Numbers = (self._ahead(rows) >> np.uint64(64 - bits)).astype(np.int64)
        self._at[rows] += bits
        return value

    def flag(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether the next bit is 1."""
        return np.equal(self.u(1, rows), 1)

    def ue(self, rows: Rows, maximum: int = 2**_LONGEST_ZEROS) -> Numbers:
        """Return unsigned Exp-Golomb numbers; those above `maximum` fail."""
        if not len(rows):
            return _NONE
        ahead = self._ahead(rows)
        # 32 bits are exact in a float, whose exponent is where the first 1 is.
        _, exponent = np.frexp((ahead >> np.uint64(32)).astype(np.float64))
        zeros = np.minimum(32 - exponent.astype(np.int64), _LONGEST_ZEROS)
        value = (ahead >> (63 - 2 * zeros).astype(np.uint64)).astype(np.int64) - 1
        self._at[rows] += 2 * zeros + 1
        self.failed[rows[(zeros >= _LONGEST_ZEROS) | (value > maximum)]] = True
        return value

    def se(self, rows: Rows) -> Numbers:
        """Return signed Exp-Golomb numbers."""
        value = self.ue(rows)
        return np.where(value % 2, (value + 1) // 2, -(value // 2))

    def finish(self) -> NDArray[np.bool_]:
        """Return which headers failed: bool [rows]; nothing is read of them afterwards.

        Among them are those that were read past their NAL unit, or past bytes that are put in to
        prevent a start code.
        """
        failed = self.failed | (self._at > self._limits)
        rows = np.flatnonzero(~failed)
        lengths = (self._at[rows] + 7 >> 3) - self._begins[rows]
        for distance in range(2, int(lengths.max(initial=0))):
            at = self._begins[rows] + distance
            escape = (
                (self._bytes[at] == 3) & (self._bytes[at - 1] == 0) & (self._bytes[at - 2] == 0)
            )
            failed[rows[escape & (distance < lengths)]] = True
        return failed
