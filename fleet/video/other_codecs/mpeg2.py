"""MPEG-1 and MPEG-2 video: picture types, second fields, closed GOPs (ISO/IEC 13818-2 6.2.2)."""

from __future__ import annotations

from fleet.video.h26x.annexb import find_offsets
from fleet.video.h26x.bits import BitReader
from fleet.video.other_codecs.facts import PacketFacts

_PICTURE, _EXTENSION, _GROUP = 0x00, 0xB5, 0xB8
_PICTURE_CODING = 8
_INTRA, _BETWEEN = 1, 3
_FRAME_STRUCTURE = 3


class Mpeg2Reader:
    """Reads packets of one picture each; two packets where each holds one field."""

    def __init__(self) -> None:
        self.awaits_field = False
        """Whether the last packet holds the first field of a frame alone."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the picture headers of a packet say; see `PacketReader`."""
        kinds, fields, closed = [], 0, False
        for offset in find_offsets(data):
            code, bits = data[offset], BitReader(data[offset + 1 : offset + 9])
            if code == _GROUP:
                bits.u(25)
                closed = bits.flag()
            elif code == _PICTURE:
                bits.u(10)
                kinds.append(bits.u(3))
            elif code == _EXTENSION and bits.u(4) == _PICTURE_CODING:
                bits.u(18)
                fields += bits.u(2) != _FRAME_STRUCTURE
            elif 0 < code < 0xB0 and fields != 1 and kinds:
                break  # slices; only behind those of a first field there may be more
        if not kinds:
            raise ValueError("there is no picture in it")
        is_second = self.awaits_field and fields == 1
        self.awaits_field = fields == 1 and not is_second
        between = kinds[0] == _BETWEEN
        return PacketFacts(kinds[0] == _INTRA and not is_second, not is_second, between, closed)


def sequence_header(data: bytes) -> bytes:
    """Return what a packet begins with before its GOP or picture: headers of the sequence."""
    ends = (offset - 3 for offset in find_offsets(data) if data[offset] in {_PICTURE, _GROUP})
    return data[: next(ends, 0)]
