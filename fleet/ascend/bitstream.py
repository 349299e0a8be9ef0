"""The changes to an access unit before libav, which stands in for VDEC, decodes it."""

from __future__ import annotations

from fleet.core.access_unit import START_CODE, NalUnits

# An SEI message "recovery point, exact, 0 frames away": libav returns no picture before an IDR
# picture or such a message, but the key of an open GOP may lack one. One in the unit itself wins.
_RECOVERY_POINT = b"\0" + START_CODE + b"\x06\x06\x01\xc4\x80"

_SEI = frozenset({39, 40})  # H.265 NAL unit types: messages before and after a picture


def prepared(codec: str, nals: NalUnits, *, first: bool) -> bytes:
    """Return the bytes of an access unit for libav; `first`: whether decoding begins with it.

    The decoded samples do not change: the changes only satisfy or avoid checks of libav.
    """
    if codec == "hevc":
        return _without_sei(nals)
    return _RECOVERY_POINT + nals.data if first else nals.data


def _without_sei(nals: NalUnits) -> bytes:
    """Return an H.265 picture without its SEI messages.

    With damage to be reported, libav refuses a whole picture for a malformed message, which cameras
    do write, and which has no influence on the picture's samples.
    """
    data = nals.data
    is_message = [data[offset] >> 1 & 0x3F in _SEI for offset in nals.offsets]
    if not any(is_message) or all(is_message):
        return data
    starts = [offset - len(START_CODE) for offset in nals.offsets]
    ends = [*starts[1:], len(data)]
    spans = zip(starts, ends, is_message, strict=True)
    return b"".join(data[start:end] for start, end, message in spans if not message)
