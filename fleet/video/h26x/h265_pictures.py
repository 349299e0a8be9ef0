"""H.265's slice headers and picture order (ITU-T H.265 7.3.6.1, 7.4.2.2 and 8.3.1)."""

from __future__ import annotations

from typing import NamedTuple

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.coded_picture import CodedPicture
from fleet.video.h26x.parameter_set_store import H265Store, h265_store

RASL = (8, 9)
_RADL = (6, 7)
_BLA, _IDR, _CRA = (16, 17, 18), (19, 20), 21
_FIRST_NON_SLICE, _END_OF_SEQUENCE, _END_OF_BITSTREAM = 32, 36, 37
# Enough for a slice header up to its order count.
_LONGEST_HEADER_BYTES = 64


class SliceHead(NamedTuple):
    """What is needed of the header of a picture's first slice segment (7.3.6.1)."""

    lsb: int
    """The order count's low bits."""
    modulus: int
    """What the order count counts up to in them."""
    output: bool
    """pic_output_flag."""
    drops_waiting: bool
    """no_output_of_prior_pics_flag."""
    reorder_frames: int
    """How many pictures may wait for display, by the SPS."""


class H265Pictures:
    """Reads the pictures of one stream, in decode order; see `PictureReader`."""

    def __init__(self) -> None:
        self._sets = h265_store()
        self._sequence = 0
        self._previous_count = 0
        self._at_start = True
        self._skips_leading = True

    def learn(self, parameter_sets: NalUnits) -> None:
        """Take parameter sets from the container's header."""
        self._sets.learn_all(parameter_sets)

    def read(self, nals: NalUnits) -> CodedPicture | None:
        """Return the picture of a packet, or of its beginning; see `PictureReader`."""
        picture = None
        for number, offset in enumerate(nals.offsets):
            head = nals.data[offset : offset + _LONGEST_HEADER_BYTES]
            if len(head) < 2 or head[0] & 1 or head[1] >> 3:
                continue  # a NAL unit of another layer than the base
            nal_type = head[0] >> 1
            if nal_type in {_END_OF_SEQUENCE, _END_OF_BITSTREAM}:
                self._at_start = True
            elif nal_type >= _FIRST_NON_SLICE:
                self._sets.learn(nals[number])
            elif picture is None:
                picture = self._picture(head)
        return picture

    @property
    def sets(self) -> H265Store:
        """The parameter sets that were sent so far."""
        return self._sets

    def _picture(self, nal: bytes) -> CodedPicture:
        kind = nal[0] >> 1
        return self.follow(self._read_slice(nal, kind), kind, (nal[1] & 7) - 1)

    def follow(self, head: SliceHead, kind: int, temporal_id: int) -> CodedPicture:
        """Return the next packet's picture, by its first slice: header, NAL type and sub-layer."""
        is_random_access = 16 <= kind <= 23
        restarts = is_random_access and (self._at_start or kind in _BLA or kind in _IDR)
        # Behind an end of sequence a CRA picture drops them whatever it says (C.5.2.2).
        after_end = self._at_start and self._sequence > 0 and kind == _CRA
        if is_random_access:
            self._skips_leading = restarts
            self._sequence += restarts
            self._at_start = False
        return CodedPicture(
            is_random_access=is_random_access,
            is_idr=kind in _BLA or kind in _IDR,
            not_output=not head.output or (kind in RASL and self._skips_leading),
            second_field=False,
            sequence=self._sequence,
            order_count=self._order_count(head, kind, temporal_id, restarts=restarts),
            drops_waiting=restarts and self._sequence > 1 and (head.drops_waiting or after_end),
            reorder_frames=head.reorder_frames,
        )

    def _order_count(self, head: SliceHead, kind: int, temporal_id: int, *, restarts: bool) -> int:
        """Return the picture order count (8.3.1)."""
        lsb, modulus = head.lsb, head.modulus
        previous_lsb = self._previous_count % modulus
        msb = 0 if restarts else self._previous_count - previous_lsb
        if not restarts and lsb < previous_lsb and previous_lsb - lsb >= modulus // 2:
            msb += modulus
        elif not restarts and lsb > previous_lsb and lsb - previous_lsb > modulus // 2:
            msb -= modulus
        order_count = msb + lsb
        leading_or_unreferenced = kind in RASL or kind in _RADL or (kind <= 14 and kind % 2 == 0)
        if temporal_id == 0 and not leading_or_unreferenced:
            self._previous_count = order_count
        return order_count

    def _read_slice(self, nal: bytes, kind: int) -> SliceHead:
        bits = BitReader(unescape(nal[2:]))
        if not bits.flag():
            raise ValueError("the picture's first slice segment is missing")
        drops_waiting = 16 <= kind <= 23 and bits.flag()
        sps, pps = self._sets.of_slice(bits.ue(63))
        bits.skip(pps.extra_slice_bits)
        bits.ue(2)
        output = not pps.output_flag or bits.flag()
        bits.skip(2 * sps.separate_planes)
        return SliceHead(
            lsb=0 if kind in _IDR else bits.u(sps.poc_lsb_bits),
            modulus=1 << sps.poc_lsb_bits,
            output=output,
            drops_waiting=drops_waiting,
            reorder_frames=sps.sequence.reorder_frames or 0,
        )
