"""Videos made by hand to cost much: headers of a few bytes that take a reader long."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from handmade import BitWriter, Coded, Shape, access_unit, parameter_sets

SHAPE = Shape()
FIRST = parameter_sets(SHAPE) + access_unit(SHAPE, Coded(10, 0, idr=True))
LONG = 2**31
"""A number that takes 63 bits as Exp-Golomb code."""


def tiny_picture(number: int) -> bytes:
    """A slice with nothing behind its header: a picture to the demuxer, and damage to a decoder."""
    slice_ = BitWriter().ue(0, 7, 0).u(number % 16, 4).u(2 * number % 64, 6).u(0, 1)
    return slice_.u(0xFFFF, 16).nal(0x41)


def filled(piece: Iterator[bytes], size: int) -> bytes:
    """A raw H.264 stream of that many bytes, of one whole picture and pieces."""
    made, total = [FIRST], len(FIRST)
    while total < size:
        made.append(next(piece))
        total += len(made[-1])
    return b"".join(made)


def long_sets(size: int) -> bytes:
    """SPS of 8 KB each, no two alike, full of the longest numbers; each before a tiny picture."""
    return filled((long_sps(n) + tiny_picture(n) for n in count()), size)


def long_sps(number: int) -> bytes:
    """An SPS with scaling lists and an order cycle of long numbers, padded to 8 KB."""
    sps = BitWriter().u(100, 8).u(0, 8).u(30, 8).ue(0, 1, 0, 0).u(0, 1).u(1, 1)
    for table in range(8):
        # Differences of whole multiples of 256 leave each list as it began, and so going on.
        sps.u(1, 1).se(*(256 * (2**21 + number + n) for n in range(16 if table < 6 else 64)))
    sps.ue(0, 1).u(1, 1).se(LONG - 1, 1).ue(255).se(*(LONG // 2 + n for n in range(255)))
    sps.ue(4).u(0, 1).ue(7, 7).u(0b110, 3).u(0, 1)
    nal = sps.nal(0x67)
    return nal + b"\x55" * (8192 - len(nal))


def many_sets(size: int) -> bytes:
    """SPS of some 20 bytes, no two alike, 64 before each tiny picture."""
    return filled(
        (b"".join(map(short_sps, range(64 * n, 64 * n + 64))) + tiny_picture(n) for n in count()),
        size,
    )


def short_sps(number: int) -> bytes:
    """An SPS whose clock is its number."""
    sps = BitWriter().u(77, 8).u(0, 8).u(30, 8).ue(0, 0, 0, 2, 4).u(0, 1).ue(7, 7).u(0b110, 3)
    sps.u(1, 1).u(0, 4).u(1, 1).u(number + 1, 32).u(50, 32).u(0, 5)
    return sps.nal(0x67)


def long_slices(size: int) -> bytes:
    """Pictures whose headers mark thousands of others as no longer referred to."""
    return filled(map(marking, count()), size)


def marking(number: int) -> bytes:
    """A slice of a reference picture with 2,000 memory management operations."""
    slice_ = BitWriter().ue(0, 7, 0).u(number % 16, 4).u(2 * number % 64, 6).u(1, 1)
    return slice_.ue(*[1, 0] * 2000).nal(0x61)


def reordering_slices(size: int) -> bytes:
    """Pictures whose headers reorder thousands of references."""
    return filled(map(reordering, count()), size)


def reordering(number: int) -> bytes:
    """A P slice with 2,000 reordering commands."""
    slice_ = BitWriter().ue(0, 5, 0).u(number % 16, 4).u(2 * number % 64, 6).u(0, 1).u(1, 1)
    return slice_.ue(*[0, 0] * 3500).nal(0x61)


def many_messages(size: int) -> bytes:
    """SEI of 4,000 empty messages before each tiny picture."""
    sei = b"\0\0\0\1\x06" + b"\x05\x00" * 4000 + b"\x80"
    return filled((sei + tiny_picture(n) for n in count()), size)


def with_box(movie: bytes, kind: bytes, body: bytes) -> bytes:
    """Put another body into a box of an MP4 whose index lies at its end."""
    at = movie.index(kind) - 4
    old_size = int.from_bytes(movie[at : at + 4], "big")
    data = bytearray(movie)
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1", b"hev1", b"hvc1"):
        start = movie.rfind(parent, 0, at) - 4
        if start >= 0:
            size = int.from_bytes(movie[start : start + 4], "big")
            data[start : start + 4] = (size + len(body) + 8 - old_size).to_bytes(4, "big")
    data[at : at + old_size] = (len(body) + 8).to_bytes(4, "big") + kind + body
    return bytes(data)


def configuration(nal_type: int, nals: list[bytes], head: bytes) -> bytes:
    """An hvcC box's body of one array of NAL units behind the 22 bytes that it begins with."""
    listed = b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
    return head + b"\1" + bytes([nal_type]) + len(nals).to_bytes(2, "big") + listed
