"""The display orientation that a stream itself asks for (H.264 D.1.27, H.265 D.2.17)."""

from __future__ import annotations

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.messages import messages

_SEI = {"h264": 6, "hevc": 39}
_DISPLAY_ORIENTATION = 47


def display_orientation(codec: str, picture: NalUnits) -> tuple[float, bool] | None:
    """Return how the messages of a picture have it turned; None where they ask for nothing.

    Degrees clockwise, 0 to 360, and whether left and right change places before. Other codecs than
    h264 and hevc ask for nothing.
    """
    if codec not in _SEI:
        return None
    header_bytes = 1 if codec == "h264" else 2
    for number, offset in enumerate(picture.offsets):
        header = picture.data[offset]
        if (header & 0x1F if codec == "h264" else header >> 1 & 0x3F) != _SEI[codec]:
            continue
        for kind, body in messages(unescape(picture[number][header_bytes:])):
            if kind == _DISPLAY_ORIENTATION:
                return _read(body)
    return None


def _read(body: bytes) -> tuple[float, bool] | None:
    bits = BitReader(body)
    try:
        if bits.flag():
            return None
        left_right, upside_down, anticlockwise = bits.flag(), bits.flag(), bits.u(16)
    except ValueError:  # a message that is cut short says nothing
        return None
    if not (left_right or upside_down or anticlockwise):
        return None
    # To stand a picture on its head is to mirror it and turn it by a half.
    degrees = (180 * upside_down - anticlockwise * 360 / (1 << 16)) % 360
    return degrees, left_right != upside_down
