"""Hollow pictures: what a decoder is given in place of a picture of H.264 that nobody looks at.

A picture to which no wanted one refers, not even through others, need not have the right samples.
But it cannot be left out: frame numbers would have a gap, and the pictures that are kept, by whose
order later ones name theirs, would be others. A hollow picture is one that is kept and shown as it
would be, with the same number, order and commands; its samples are those of the picture before,
which takes a decoder a fraction of the time.

It needs a picture parameter set of its own, without CABAC and without weights, under a number that
the stream does not use.
"""

from __future__ import annotations

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.annexb import evenly, join
from fleet.video.references.h264_header import Commands, Head

PPS_ID = 255
"""The number of the parameter set of hollow pictures; encoders count from 0."""
_PPS, _SLICE = 0x68, 0x01
_P_ONLY = 5


def hollow(head: Head) -> NalUnits:
    """Return a picture that takes the place of one with this header, in Annex-B form."""
    return evenly(join((_parameter_set(head), _slice(head))))


def _parameter_set(head: Head) -> bytes:
    bits = BitWriter()
    bits.ue(PPS_ID)
    bits.ue(head.sps.id)
    bits.u(0, 1)  # no CABAC
    bits.u(head.pps.bottom_field_order, 1)
    bits.ue(0)
    bits.ue(0)
    bits.ue(0)
    bits.u(0, 3)  # no weights
    for _ in range(3):
        bits.ue(0)
    bits.u(0b100, 3)  # slices say whether their edges are filtered; no redundant ones
    return bits.nal(_PPS)


def _slice(head: Head) -> bytes:
    bits = BitWriter()
    bits.ue(0)
    bits.ue(_P_ONLY)
    bits.ue(PPS_ID)
    bits.u(head.frame_num, head.sps.frame_num_bits)
    if head.sps.poc_type == 0:
        bits.u(head.order_lsb, head.sps.poc_lsb_bits)
    for delta in head.order_deltas:
        bits.se(delta)
    bits.u(0, 2)  # as many references as the parameter set says, in the order in which they are
    if head.nal_ref_idc:
        _mark(bits, head.marking)
    bits.se(0)
    bits.ue(1)  # no edge is filtered
    bits.ue(head.sps.macroblocks)  # all of them are skipped
    return bits.nal(_SLICE | head.nal_ref_idc << 5)


def _mark(bits: BitWriter, marking: Commands | None) -> None:
    bits.u(marking is not None, 1)
    if marking is not None:
        for command in marking:
            for value in command:
                bits.ue(value)
        bits.ue(0)


class BitWriter:
    """Writes the fields of a header, from the most significant bit on."""

    def __init__(self) -> None:
        self._value = 0
        self._bits = 0

    def u(self, value: int, bits: int) -> None:
        """Write an unsigned number of that many bits."""
        self._value = self._value << bits | value
        self._bits += bits

    def ue(self, value: int) -> None:
        """Write an unsigned Exp-Golomb number (H.264 9.1)."""
        self.u(value + 1, 2 * (value + 1).bit_length() - 1)

    def se(self, value: int) -> None:
        """Write a signed Exp-Golomb number (H.264 9.1.1)."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def nal(self, header: int) -> bytes:
        """Return a NAL unit of what was written, with emulation prevention bytes (7.4.1)."""
        self.u(1, 1)
        self.u(0, -self._bits % 8)
        escaped, zeros = bytearray([header]), 0
        for byte in self._value.to_bytes(self._bits // 8, "big"):
            if zeros >= 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            escaped.append(byte)
            zeros = 0 if byte else zeros + 1
        return bytes(escaped)
