"""Read the bits of H.264 and H.265 headers."""

from __future__ import annotations

LONGEST_HEADER_BYTES = 8192
"""Parameter sets take some dozen bytes, a few hundred with scaling lists; no more is read."""


def unescape(nal: bytes) -> bytes:
    """Return a NAL unit without its emulation prevention bytes (H.264 7.3.1, H.265 7.3.1.1).

    Of a longer one, only the first 8,192 bytes.
    """
    return nal[:LONGEST_HEADER_BYTES].replace(b"\0\0\3", b"\0\0")


_WINDOW_BYTES = 32
# The longest Exp-Golomb number, but for what follows its zeros and its one.
_LONGEST_ZEROS = 32


class BitReader:
    """Reads bytes from the most significant bit on; raises ValueError where they end too early.

    Only a window of the bytes is held as a number, so that a read takes no longer where more bytes
    follow.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._next = 0
        self._window = 0
        self._held_bits = 0

    def u(self, bits: int) -> int:
        """Return an unsigned number of that many bits."""
        if bits > self._held_bits:
            self._hold(bits)
            if bits > self._held_bits:
                raise ValueError(f"the header ends {bits - self._held_bits} bits too early")
        self._held_bits -= bits
        return self._window >> self._held_bits & (1 << bits) - 1

    def flag(self) -> bool:
        """Return whether the next bit is 1."""
        return bool(self.u(1))

    def ue(self, maximum: int = 2**32 - 2) -> int:
        """Return an unsigned Exp-Golomb number (H.264 9.1); raise ValueError above `maximum`."""
        if self._held_bits <= _LONGEST_ZEROS:
            self._hold(_LONGEST_ZEROS + 1)
        ahead = self._window & (1 << self._held_bits) - 1
        zeros = self._held_bits - ahead.bit_length()
        if zeros > _LONGEST_ZEROS:
            raise ValueError("an Exp-Golomb number takes more than 32 bits")
        self._held_bits -= zeros
        value = self.u(zeros + 1) - 1
        if value > maximum:
            raise ValueError(f"a header field is {value}, it can be {maximum} at most")
        return value

    def se(self) -> int:
        """Return a signed Exp-Golomb number (H.264 9.1.1)."""
        value = self.ue()
        return (value + 1) // 2 if value % 2 else -(value // 2)

    def skip(self, bits: int) -> None:
        """Pass over that many bits."""
        beyond = bits - self._held_bits
        if beyond > 0:
            missing = beyond - 8 * (len(self._data) - self._next)
            if missing > 0:
                raise ValueError(f"the header ends {missing} bits too early")
            self._next += beyond >> 3
            self._held_bits = 0
            bits = beyond & 7
        self.u(bits)

    def ues(self, count: int) -> list[int]:
        """Return that many unsigned Exp-Golomb numbers."""
        return [self.ue() for _ in range(count)]

    def _hold(self, bits: int) -> None:
        """Take further bytes into the window: so many bits, where there are as many."""
        more = self._data[self._next : self._next + max(_WINDOW_BYTES, bits + 7 >> 3)]
        self._next += len(more)
        held = self._window & (1 << self._held_bits) - 1
        self._window = held << 8 * len(more) | int.from_bytes(more, "big")
        self._held_bits += 8 * len(more)
