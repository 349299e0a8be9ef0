"""Find the access units of raw H.264 and H.265 by their start codes and the bytes behind them.

A stream is cut where libav's parsers cut it, which is not everywhere where the standards do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fleet.core.access_unit import START_CODE
from fleet.video.containers.limits import MAX_PACKET_BYTES
from fleet.video.containers.reader import BlockFile
from fleet.video.containers.timestamps import NO_PTS
from fleet.video.slices.start_codes import find_codes
from fleet.video.walked.stretch import Stretch, UnusualError

_SEAM_BYTES = 16
"""What is looked at of a NAL unit: its start code, header, and the bytes behind that."""
_CODE_BYTES = len(START_CODE)
_H264_BEGINS, _H264_SLICES = frozenset({6, 7, 8, 9}), frozenset({1, 2, 5})
_H265_BEGINS = frozenset({*range(32, 38), 39, *range(41, 45), *range(48, 56)})
_H265_SLICES = frozenset({*range(10), *range(16, 22)})
# The address of a slice that is longer makes no sense.
_MOST_ZEROS = 20
_LONGEST_ADDRESS_BYTES = 6


class AccessUnits:
    """Goes from start code to start code; raises UnusualError for all that is not plain."""

    def __init__(self, file: BlockFile, codec: str) -> None:
        """Take a raw stream of `h264` or `hevc`."""
        self._file = file
        self._cuts = _H264Cuts() if codec == "h264" else _H265Cuts()
        self._begin = 0
        """Where the access unit begins that has not ended yet."""

    def stretches(self) -> Iterator[Stretch]:
        """Yield the access units, those that end in one block of the file at a time."""
        at, size = 0, self._file.size
        while at < size:
            data, base = self._file.block_at(at)
            at = base + len(data)
            codes = find_codes(np.frombuffer(data, np.uint8))
            whole = _within(codes, 1 if base else 0, len(data) - _SEAM_BYTES)
            ends = [base + end for end in self._cuts.of(data, whole)]
            # What begins near the end of a block is looked at with the beginning of the next one.
            first = max(at - _SEAM_BYTES - 1, 0)
            seam = self._file.peek(first, 3 * _SEAM_BYTES)
            begin = max(at - _SEAM_BYTES, base + bool(base)) - first
            stop = at - first + 1 if at < size else len(seam)
            rest = _within(find_codes(np.frombuffer(seam, np.uint8)), begin, stop)
            ends += [first + end for end in self._cuts.of(seam, rest)]
            ends += [size] if at >= size else []
            yield from self._together(data, base, ends, codes)

    def _together(
        self, data: bytes, base: int, ends: list[int], codes: NDArray[np.int64]
    ) -> Iterator[Stretch]:
        """Yield access units by their ends; the first one may begin in an earlier block."""
        begins = [self._begin, *ends[:-1]]
        if ends:
            self._begin = ends[-1]
        if ends and begins[0] < base:
            if ends[0] - begins[0] > MAX_PACKET_BYTES:
                raise UnusualError("an access unit is too large")
            earlier = self._file.peek(begins[0], ends[0] - begins[0])
            yield _stretch(earlier, begins[0], begins[:1], ends[:1])
            begins, ends = begins[1:], ends[1:]
        if ends:
            yield replace(_stretch(data, base, begins, ends), codes=codes)


def _stretch(data: bytes, base: int, begins: list[int], ends: list[int]) -> Stretch:
    position = np.array(begins, np.int64)
    size = np.array(ends, np.int64) - position
    if size.min() < 1:
        raise UnusualError("there is an empty access unit")
    pts = np.full(len(position), NO_PTS, np.int64)
    return Stretch(data, base, position, size, pts, np.zeros(len(position), np.bool_))


def _within(codes: NDArray[np.int64], begin: int, end: int) -> list[tuple[int, int]]:
    """Return those from `begin` up to `end`, each with how far the next one is at least."""
    away = np.append(np.diff(codes), _SEAM_BYTES)
    chosen = (codes >= begin) & (codes < end)
    return list(zip(codes[chosen].tolist(), away[: len(codes)][chosen].tolist(), strict=True))


class _H264Cuts:
    """Where libav's parser of H.264 ends an access unit."""

    def __init__(self) -> None:
        self._has_slice = False
        self._address = 0

    def of(self, data: bytes, codes: list[tuple[int, int]]) -> Iterator[int]:
        """Yield where access units end; `codes`: the next start codes in some bytes."""
        for at, away in codes:
            header = data[at + _CODE_BYTES] if at + _CODE_BYTES < len(data) else 0
            kind = header & 0x1F
            if not header:
                raise UnusualError("there is a NAL unit without a type")
            if kind in _H264_SLICES:
                address = _address(data, at + _CODE_BYTES + 1, away)
                ends = self._has_slice and address <= self._address
                self._has_slice, self._address = True, address
            elif kind in _H264_BEGINS:
                ends, self._has_slice = self._has_slice, False
            else:
                continue
            if ends:
                yield _with_zero(data, at)


def _address(data: bytes, begin: int, away: int) -> int:
    """Return the address that a slice's header begins with (7.3.3: first_mb_in_slice).

    `away`: how far the next start code is from the one before.
    """
    first = data[begin : begin + _LONGEST_ADDRESS_BYTES].ljust(_LONGEST_ADDRESS_BYTES, b"\0")
    bits, all_bits = int.from_bytes(first, "big"), 8 * _LONGEST_ADDRESS_BYTES
    zeros = all_bits - bits.bit_length()
    if zeros > _MOST_ZEROS:
        raise UnusualError("the address of a slice makes no sense")
    # In the bytes that it takes the parser looks for no start code.
    taken = (2 * zeros + 1) // 8 + 1
    if begin + taken > len(data) or away <= _CODE_BYTES + 1 + taken:
        raise UnusualError("there is a slice without more than its address")
    return (bits >> (all_bits - 2 * zeros - 1)) - 1


class _H265Cuts:
    """Where libav's parser of H.265 ends an access unit."""

    def __init__(self) -> None:
        self._has_slice = False

    def of(self, data: bytes, codes: list[tuple[int, int]]) -> Iterator[int]:
        """Yield where access units end; `codes`: the next start codes in some bytes."""
        for at, _ in codes:
            head = data[at + _CODE_BYTES : at + _CODE_BYTES + 3]
            if len(head) < 3 or not head[1]:
                raise UnusualError("there is a NAL unit without a whole header")
            kind = head[0] >> 1 & 0x3F
            if head[0] & 1 or head[1] >> 3:
                continue  # another layer
            if kind in _H265_SLICES and head[2] & 0x80:
                ends, self._has_slice = self._has_slice, True
            elif kind in _H265_BEGINS:
                ends, self._has_slice = self._has_slice, False
            else:
                continue
            if ends:
                yield _with_zero(data, at)


def _with_zero(data: bytes, at: int) -> int:
    """Return where a start code begins, with the zero that may belong to it."""
    return at - (at > 0 and data[at - 1] == 0)
