"""The changes to an access unit before libav, which stands in for VDEC, decodes it."""

from __future__ import annotations

from contextlib import suppress

from fleet.core.access_unit import START_CODE, NalUnits
from fleet.video.h26x.bits import BitReader

# An SEI message "recovery point, exact, 0 frames away": libav returns no picture before an IDR
# picture or such a message, but the key of an open GOP may lack one. One in the unit itself wins.
# The zero behind it keeps the unit at an even distance, see `fleet.video.h26x.annexb.evenly`.
_RECOVERY_POINT = b"\0" + START_CODE + b"\x06\x06\x01\xc4\x80\0"

_SEI = frozenset({39, 40})  # H.265 NAL unit types: messages before and after a picture
_RESERVED = 41
_SLICES = frozenset({1, 2, 5})  # H.264 NAL unit types with a slice header
_INTRA = frozenset({2, 4})  # H.264 slice types I and SI
_SLICE_TYPE_BYTES = 16


def prepared(codec: str, nals: NalUnits, *, first: bool) -> bytes:
    """Return the bytes of an access unit for libav; `first`: whether decoding begins with it.

    The decoded samples do not change: the changes only satisfy or avoid checks of libav.
    """
    if codec == "hevc":
        return _without_sei(nals)
    return _RECOVERY_POINT + nals.data if first and _is_intra(nals) else nals.data


def _is_intra(nals: NalUnits) -> bool:
    """Return whether an H.264 picture's first slice is one of an I picture.

    With another one only a stream begins that is refreshed bit by bit, and says from when on its
    pictures are right.
    """
    for offset in nals.offsets:
        if nals.data[offset] & 0x1F in _SLICES:
            bits = BitReader(nals.data[offset + 1 : offset + _SLICE_TYPE_BYTES])
            with suppress(ValueError):
                bits.ue()
                return bits.ue() % 5 in _INTRA
    return True


def _without_sei(nals: NalUnits) -> bytes:
    """Return an H.265 picture with its SEI messages as NAL units of a type that nobody reads.

    With damage to be reported, libav refuses a whole picture for a malformed message, which cameras
    do write, and which has no influence on the picture's samples. They keep their places: where a
    slice is cut short, libav reads on behind it, and what it makes of that depends on whether the
    slice lies at an even address.
    """
    found = [offset for offset in nals.offsets if nals.data[offset] >> 1 & 0x3F in _SEI]
    if not found or len(found) == len(nals):
        return nals.data
    data = bytearray(nals.data)
    for offset in found:
        data[offset] = data[offset] & 0x81 | _RESERVED << 1
    return bytes(data)
