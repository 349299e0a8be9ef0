"""Read elements of EBML (RFC 8794), of which Matroska is made."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.video.walked.stretch import UnusualError

UNKNOWN = -1
"""The size of an element that ends where one begins that cannot lie in it."""
HEADER_BYTES = 12
"""The longest header of an element: an identifier of 4 bytes, a size of 8."""
_LONGEST_ID_BYTES, _LONGEST_SIZE_BYTES, _LONGEST_NUMBER_BYTES = 4, 8, 8


def _length_of(first: int) -> int:
    return 9 - first.bit_length()


LENGTHS = bytes(_length_of(first) for first in range(256))
"""By its first byte, how many bytes a number of variable length takes; 9 where it is none."""


def number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length without its marker, and where it ends.

    Its bits are all 1 where it is a size that is not known: `UNKNOWN` is returned then. Raises
    UnusualError where there is none.
    """
    length = LENGTHS[data[at]] if at < len(data) else 9
    end = at + length
    if length > _LONGEST_SIZE_BYTES or end > len(data):
        raise UnusualError("a number of EBML makes no sense")
    ones = (1 << 7 * length) - 1
    value = int.from_bytes(data[at:end], "big") & ones
    return (UNKNOWN if value == ones else value), end


def element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return an element's identifier, marker included, its size, and where its header ends.

    Raises UnusualError where there is none.
    """
    length = LENGTHS[data[at]] if at < len(data) else 9
    if length > _LONGEST_ID_BYTES:
        raise UnusualError("an identifier of EBML makes no sense")
    size, end = number(data, at + length)
    return int.from_bytes(data[at : at + length], "big"), size, end


def children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield identifier and content of the elements that some bytes are made of.

    Raises UnusualError where they are not made of whole ones.
    """
    at = 0
    while at < len(data):
        kind, size, begin = element(data, at)
        at = begin + size
        if size == UNKNOWN or at > len(data):
            raise UnusualError("an element of EBML does not end where what holds it does")
        yield kind, data[begin:at]


def unsigned(data: bytes) -> int:
    """Return the number that an element holds; raise UnusualError where that makes no sense."""
    if not 1 <= len(data) <= _LONGEST_NUMBER_BYTES:
        raise UnusualError(f"a number of EBML has {len(data)} bytes")
    return int.from_bytes(data, "big")
