"""AV1: keys. Each temporal unit shows one picture (the bitstream specification 5.3, 5.9, 7.5)."""

from __future__ import annotations

from fleet.video.other_codecs.facts import PacketFacts

_FRAME_HEADER, _FRAME = 3, 6
_LONGEST_SIZE_BYTES = 8


class Av1Reader:
    """Reads temporal units."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the first frame of a unit says; see `PacketReader`.

        A key that is hidden at first is none here: pictures after it refer to those before it.
        """
        at = 0
        while at < len(data):
            kind, has_extension, has_size = data[at] >> 3 & 15, data[at] & 4, data[at] & 2
            at += 2 if has_extension else 1
            size = len(data) - at
            if has_size:
                size, at = _leb128(data, at)
            if kind in {_FRAME_HEADER, _FRAME}:
                # show_existing_frame, frame_type (2 bits, 0 for a key), show_frame.
                return PacketFacts(key=data[at] >> 4 == 1)
            at += size
        raise ValueError("there is no frame in it")


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where what follows it begins."""
    value = 0
    for number in range(_LONGEST_SIZE_BYTES):
        byte = data[at + number]
        value |= (byte & 0x7F) << 7 * number
        if not byte & 0x80:
            return value, at + number + 1
    raise ValueError("a size takes more than 8 bytes")
