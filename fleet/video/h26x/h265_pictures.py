"""H.265's slice headers and picture order (ITU-T H.265 7.3.6.1, 7.4.2.2 and 8.3.1)."""

from __future__ import annotations

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.coded_picture import CodedPicture
from fleet.video.h26x.parameter_set_store import h265_store

RASL = (8, 9)
_RADL = (6, 7)
_BLA, _IDR = (16, 17, 18), (19, 20)
_FIRST_NON_SLICE, _END_OF_SEQUENCE, _END_OF_BITSTREAM = 32, 36, 37
# Enough for a slice header up to its order count.
_LONGEST_HEADER_BYTES = 64


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

    def _picture(self, nal: bytes) -> CodedPicture:
        kind = nal[0] >> 1
        lsb, modulus, output = self._read_slice(nal, kind)
        is_random_access = 16 <= kind <= 23
        restarts = is_random_access and (self._at_start or kind in _BLA or kind in _IDR)
        if is_random_access:
            self._skips_leading = restarts
            self._sequence += restarts
            self._at_start = False
        return CodedPicture(
            is_random_access=is_random_access,
            is_idr=kind in _BLA or kind in _IDR,
            not_output=not output or (kind in RASL and self._skips_leading),
            second_field=False,
            sequence=self._sequence,
            order_count=self._order_count(nal, lsb, modulus, restarts),
        )

    def _order_count(self, nal: bytes, lsb: int, modulus: int, restarts: bool) -> int:
        """Return the picture order count (8.3.1)."""
        kind = nal[0] >> 1
        previous_lsb = self._previous_count % modulus
        msb = 0 if restarts else self._previous_count - previous_lsb
        if not restarts and lsb < previous_lsb and previous_lsb - lsb >= modulus // 2:
            msb += modulus
        elif not restarts and lsb > previous_lsb and lsb - previous_lsb > modulus // 2:
            msb -= modulus
        order_count = msb + lsb
        leading_or_unreferenced = kind in RASL or kind in _RADL or (kind <= 14 and kind % 2 == 0)
        if nal[1] & 7 == 1 and not leading_or_unreferenced:
            self._previous_count = order_count
        return order_count

    def _read_slice(self, nal: bytes, kind: int) -> tuple[int, int, bool]:
        """Return the order count's low bits, their modulus, and pic_output_flag."""
        bits = BitReader(unescape(nal[2:]))
        if not bits.flag():
            raise ValueError("the picture's first slice segment is missing")
        if 16 <= kind <= 23:
            bits.skip(1)
        sps, pps = self._sets.of_slice(bits.ue(63))
        bits.skip(pps.extra_slice_bits)
        bits.ue(2)
        output = not pps.output_flag or bits.flag()
        bits.skip(2 * sps.separate_planes)
        return 0 if kind in _IDR else bits.u(sps.poc_lsb_bits), 1 << sps.poc_lsb_bits, output
