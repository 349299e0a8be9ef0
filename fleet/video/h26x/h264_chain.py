"""Whether a picture is missing from an H.264 stream before another one, told by frame_num (7.4.3).

A decoder that meets such a gap makes something up in place of what is missing, and says nothing:
all pictures up to the next key may then be wrong.
"""

from __future__ import annotations

from fleet.video.h26x.access_unit import nal_at, nal_offsets, nal_units
from fleet.video.h26x.h264 import Pps, Sps, parse_pps, parse_sps
from fleet.video.h26x.h264_slice import LONGEST_HEADER_BYTES, Slice, read_slice

_SLICES = {1, 2, 5}
_SPS, _PPS = 7, 8
# Nearly every header fits; with weights for many reference pictures it is longer.
_USUAL_HEADER_BYTES = 64


class ReferenceChain:
    """Follows the pictures of one stream as they are fed to a decoder, in decode order."""

    def __init__(self, parameter_sets: bytes) -> None:
        self._sps: dict[int, Sps] = {}
        self._pps: dict[int, Pps] = {}
        self._before: int | None = None
        for nal in nal_units(parameter_sets):
            self._learn(nal)

    def reset(self) -> None:
        """Note that the decoder starts afresh: the next picture follows on none."""
        self._before = None

    def continues(self, unit: bytes, left_out: int) -> bool:
        """Whether a picture, in Annex-B form, follows on the one before, as far as can be told.

        `left_out`: how many pictures between the two are known of, and were not fed.
        """
        try:
            head, sps = self._read(unit)
        except ValueError:
            # No matter of order: the decoder will have its say about it.
            self._before = None
            return True
        modulus = 1 << sps.frame_num_bits
        missing = 0
        if self._before is not None and not head.idr and not sps.gaps_allowed:
            missing = max(0, (head.frame_num - self._before) % modulus - 1)
        if head.idr or head.forgets:
            self._before = 0
        else:
            self._before = (head.frame_num - (not head.reference)) % modulus
        return missing <= left_out

    def _read(self, unit: bytes) -> tuple[Slice, Sps]:
        for offset in nal_offsets(unit):
            kind = unit[offset] & 0x1F
            if kind in _SLICES:
                return self._slice(unit, offset)
            if kind in {_SPS, _PPS}:
                self._learn(nal_at(unit, offset))
        raise ValueError("there is no slice in it")

    def _slice(self, unit: bytes, offset: int) -> tuple[Slice, Sps]:
        try:
            return read_slice(unit[offset : offset + _USUAL_HEADER_BYTES], self._sps, self._pps)
        except ValueError:
            return read_slice(unit[offset : offset + LONGEST_HEADER_BYTES], self._sps, self._pps)

    def _learn(self, nal: bytes) -> None:
        kind = nal[0] & 0x1F if nal else 0
        if kind == _SPS:
            sps = parse_sps(nal)
            self._sps[sps.id] = sps
        elif kind == _PPS:
            pps = parse_pps(nal)
            self._pps[pps.id] = pps
