"""Whether a picture is missing from an H.264 stream before another one, told by frame_num (7.4.3).

A decoder that meets such a gap makes something up in place of what is missing, and says nothing:
all pictures up to the next key may then be wrong.
"""

from __future__ import annotations

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.access_unit import PARAMETER_SETS
from fleet.video.h26x.h264 import Sps
from fleet.video.h26x.h264_slice import LONGEST_HEADER_BYTES, SLICES, Slice, read_slice
from fleet.video.h26x.parameter_set_store import h264_store

# Nearly every header fits; with weights for many reference pictures it is longer.
_USUAL_HEADER_BYTES = 64


class ReferenceChain:
    """Follows the pictures of one stream as they are fed to a decoder, in decode order."""

    def __init__(self, parameter_sets: NalUnits) -> None:
        self._sets = h264_store()
        self._sets.learn_all(parameter_sets)
        self._before: int | None = None

    def reset(self) -> None:
        """Note that the decoder starts afresh: the next picture follows on none."""
        self._before = None

    def continues(self, nals: NalUnits, left_out: int) -> bool:
        """Whether a picture follows on the one before, as far as can be told.

        `left_out`: how many pictures between the two are known of, and were not fed.
        """
        try:
            head, sps = self._read(nals)
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

    def _read(self, nals: NalUnits) -> tuple[Slice, Sps]:
        for number, offset in enumerate(nals.offsets):
            nal_type = nals.data[offset] & 0x1F
            if nal_type in SLICES:
                return self._slice(nals.data, offset)
            if nal_type in PARAMETER_SETS["h264"]:
                self._sets.learn(nals[number])
        raise ValueError("there is no slice in it")

    def _slice(self, data: bytes, offset: int) -> tuple[Slice, Sps]:
        try:
            return read_slice(data[offset : offset + _USUAL_HEADER_BYTES], self._sets)
        except ValueError:
            return read_slice(data[offset : offset + LONGEST_HEADER_BYTES], self._sets)
