"""Read the bits of H.264 and H.265 headers."""

from __future__ import annotations

# Parameter sets take some dozen bytes, a few hundred with scaling lists; later bytes are not read.
LONGEST_HEADER_BYTES = 8192


def unescape(nal: bytes) -> bytes:
    """Return a NAL unit without its emulation prevention bytes (H.264 7.3.1, H.265 7.3.1.1).

    Of a longer one, only the first 8,192 bytes.
    """
    return nal[:LONGEST_HEADER_BYTES].replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Reads bytes from the most significant bit on; raises ValueError where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left_bits = len(data) * 8

    def u(self, bits: int) -> int:
        """Return an unsigned number of that many bits."""
        if bits > self._left_bits:
            raise ValueError(f"the header ends {bits - self._left_bits} bits too early")
        self._left_bits -= bits
        return self._value >> self._left_bits & (1 << bits) - 1

    def flag(self) -> bool:
        """Return whether the next bit is 1."""
        return bool(self.u(1))

    def ue(self, maximum: int = 2**32 - 2) -> int:
        """Return an unsigned Exp-Golomb number (H.264 9.1); raise ValueError above `maximum`."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("an Exp-Golomb number takes more than 32 bits")
        value = (1 << zeros) - 1 + self.u(zeros)
        if value > maximum:
            raise ValueError(f"a header field is {value}, it can be {maximum} at most")
        return value

    def se(self) -> int:
        """Return a signed Exp-Golomb number (H.264 9.1.1)."""
        value = self.ue()
        return (value + 1) // 2 if value % 2 else -(value // 2)

    def skip(self, bits: int) -> None:
        """Pass over that many bits."""
        self.u(bits)

    def ues(self, count: int) -> list[int]:
        """Return that many unsigned Exp-Golomb numbers."""
        return [self.ue() for _ in range(count)]
