"""Reading the bits of H.264 and H.265 headers."""

from __future__ import annotations

# Parameter sets take some dozen bytes, a few hundred with scaling lists; what follows is not read.
LONGEST_HEADER_BYTES = 8192


def unescape(nal: bytes) -> bytes:
    """A NAL unit without its emulation prevention bytes (H.264 7.3.1, H.265 7.3.1.1)."""
    return nal[:LONGEST_HEADER_BYTES].replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Reads bytes most significant bit first; ValueError where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, bits: int) -> int:
        """An unsigned number of so many bits."""
        if bits > self._left:
            raise ValueError(f"the header ends {bits - self._left} bits too early")
        self._left -= bits
        return self._value >> self._left & (1 << bits) - 1

    def flag(self) -> bool:
        """One bit."""
        return bool(self.u(1))

    def ue(self, most: int = 2**32 - 2) -> int:
        """An unsigned Exp-Golomb number (H.264 9.1), at most `most`."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("an Exp-Golomb number takes more than 32 bits")
        value = (1 << zeros) - 1 + self.u(zeros)
        if value > most:
            raise ValueError(f"a header field is {value}, it can be {most} at most")
        return value

    def se(self) -> int:
        """A signed Exp-Golomb number (H.264 9.1.1)."""
        value = self.ue()
        return (value + 1) // 2 if value % 2 else -(value // 2)

    def skip(self, bits: int) -> None:
        """Leave out so many bits."""
        self.u(bits)

    def ues(self, count: int) -> list[int]:
        """So many unsigned Exp-Golomb numbers."""
        return [self.ue() for _ in range(count)]
