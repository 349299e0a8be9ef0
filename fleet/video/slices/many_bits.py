"""Read the bits of many headers side by side; see `fleet.video.h26x.bits` for one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Numbers = NDArray[np.int64]

_WINDOW_BYTES = 8
_KNOWN_BITS = 49
"""Of a window, those that are there wherever in its first byte a read begins, but for one byte."""
_SHORT_BITS = 11
"""Exp-Golomb numbers of so many bits at most are looked up: most are."""
_LARGEST_SHORT = 2 ** (_SHORT_BITS // 2 + 1) - 2
"""The largest number that is looked up."""
_LONGEST_ZEROS = 24
"""Of an Exp-Golomb number that is read: both its halves and the one lie in `_KNOWN_BITS`."""
_MOST_BYTES = 64
"""Of a header: more are not looked at."""
FEWEST_BYTES = _MOST_BYTES + _WINDOW_BYTES
"""Of less than so many, none can be read; headers among the last so many fail."""

_NONE: Numbers = np.zeros(0, np.int64)
_NONE.flags.writeable = False


def _short_numbers() -> tuple[Numbers, Numbers]:
    """Return the number that some bits begin with, and its length, 0 for a longer one."""
    bits = np.arange(1 << _SHORT_BITS)
    zeros = _SHORT_BITS - np.frexp(bits.astype(np.float64))[1].astype(np.int64)
    length = 2 * zeros + 1
    is_short = length <= _SHORT_BITS
    number = (bits >> np.where(is_short, _SHORT_BITS - length, 0)) - 1
    return np.where(is_short, number, 0), np.where(is_short, length, 0)


_NUMBER, _LENGTH = _short_numbers()


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
        self.failed = begins + FEWEST_BYTES > len(data)
        """bool [rows]; complete after `finish`."""
        held = np.minimum(begins, len(data) - FEWEST_BYTES)[:, None] + np.arange(FEWEST_BYTES)
        self._heads = np.frombuffer(data, np.uint8)[held]
        # A window of 56 bits, as numbers with a sign are, begins at each byte of each header.
        shape, strides = (len(begins), _MOST_BYTES), (FEWEST_BYTES, 1)
        windows = np.ndarray(shape, ">u8", self._heads.data, strides=strides)
        self._windows = (windows >> np.uint64(8)).astype(np.int64).reshape(-1)
        self._starts = np.arange(len(begins)) * (_MOST_BYTES * 8)
        self._at = self._starts.copy()
        self._limits = self._starts + np.minimum(ends - begins, _MOST_BYTES) * 8

    def _ahead(self, at: Numbers, bits: int) -> Numbers:
        """Return so many bits from places on."""
        # Behind its last byte, a header reads as what lies there; it has failed by then.
        window = self._windows.take(at >> 3, mode="clip")
        ahead: Numbers = window >> ((56 - bits) - (at & 7)) & ((1 << bits) - 1)
        return ahead

    def u(self, bits: int, rows: Rows) -> Numbers:
        """Return unsigned numbers of that many bits, 1 to 32."""
        if not len(rows):
            return _NONE
        at = self._at[rows]
        self._at[rows] = at + bits
        return self._ahead(at, bits)

    def flag(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether the next bit is 1."""
        return np.equal(self.u(1, rows), 1)

    def ue(self, rows: Rows, maximum: int = 2**_LONGEST_ZEROS) -> Numbers:
        """Return unsigned Exp-Golomb numbers; those above `maximum` fail."""
        if not len(rows):
            return _NONE
        at = self._at[rows]
        ahead = self._ahead(at, _SHORT_BITS)
        value, length = _NUMBER.take(ahead), _LENGTH.take(ahead)
        is_short = length.all()
        if not is_short:
            value, length = self._long(at)
        self._at[rows] = at + length
        if maximum < _LARGEST_SHORT or not is_short:
            self.failed[rows[value > maximum]] = True
        return value

    def _long(self, at: Numbers) -> tuple[Numbers, Numbers]:
        """Return Exp-Golomb numbers of any length and their lengths; too large where too long."""
        ahead = self._ahead(at, _KNOWN_BITS)
        # So many bits are exact in a float, whose exponent is where the first 1 is.
        exponent = np.frexp(ahead.astype(np.float64))[1].astype(np.int64)
        zeros = np.minimum(_KNOWN_BITS - exponent, _LONGEST_ZEROS)
        length = 2 * zeros + 1
        value = (ahead >> (_KNOWN_BITS - length)) - 1
        return np.where(zeros < _LONGEST_ZEROS, value, 1 << 32), length

    def se(self, rows: Rows) -> Numbers:
        """Return signed Exp-Golomb numbers."""
        value = self.ue(rows)
        return np.where(value % 2, (value + 1) // 2, -(value // 2))

    def finish(self) -> NDArray[np.bool_]:
        """Return which headers failed: bool [rows]; nothing is read of them afterwards.

        Among them are those that were read past their NAL unit, or past bytes that are put in to
        prevent a start code.
        """
        failed: NDArray[np.bool_] = self.failed | (self._at > self._limits)
        lengths = (self._at - self._starts + 7) >> 3
        most = int(lengths[~failed].max(initial=0))
        if most > 2:
            heads = self._heads[:, :most]
            escape = (heads[:, 2:] == 3) & (heads[:, 1:-1] == 0) & (heads[:, :-2] == 0)
            failed |= (escape & (np.arange(2, most) < lengths[:, None])).any(axis=1)
        return failed
