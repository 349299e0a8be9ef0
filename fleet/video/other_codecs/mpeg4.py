"""MPEG-4 Part 2: picture types, pictures that are not coded, packed B pictures.

ISO/IEC 14496-2 6.2.3 (VOL) and 6.2.5 (VOP). In AVI, encoders of the DivX family put a B picture
into the packet of the reference picture before it, and fill the packet that it would have had with
a picture that is "not coded". A decoder that knows of it returns the B picture for that packet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from fleet.video.h26x.annexb import find_offsets
from fleet.video.h26x.bits import BitReader
from fleet.video.other_codecs.facts import PacketFacts

_USER_DATA, _GROUP, _VOP = 0xB2, 0xB3, 0xB6
_INTRA, _BETWEEN = 0, 2
_PACKED = re.compile(rb"DivX\d+(Build|b)\d+p")
_EXTENDED_ASPECT = 15
_GRAYSCALE = 3
_VBV_BITS = 79


@dataclass(frozen=True)
class _Vop:
    start: int
    """Where its start code begins."""
    kind: int
    coded: bool


class Mpeg4Reader:
    """Reads packets; it must be given all of a stream's that are decoded."""

    def __init__(self, configuration: bytes) -> None:
        """Take what the container says of the stream, as far as it makes sense."""
        self._time_bits = 1
        self.packed = False
        """Whether the stream says that B pictures share a packet with the picture before them."""
        self._held: tuple[_Vop, bytes] | None = None
        with suppress(ValueError):
            list(self._vops(configuration))

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the picture says that libav returns for a packet; see `PacketReader`."""
        vop, _ = self._next(data)
        return PacketFacts(vop.kind == _INTRA and vop.coded, vop.coded, vop.kind == _BETWEEN)

    def unpacked(self, data: bytes) -> bytes:
        """Return the packet with one picture: its own first one, or the one that waited for it."""
        return self._next(data)[1]

    def _next(self, data: bytes) -> tuple[_Vop, bytes]:
        vops = list(self._vops(data))
        if not vops:
            self._held = None
            raise ValueError("there is no picture in it")
        held, self._held = self._held, None
        if self.packed and len(vops) > 1 and vops[1].kind in {_INTRA, _BETWEEN}:
            self._held = vops[1], data[vops[1].start :]
            data = data[: vops[1].start]
        if held is not None and not vops[0].coded:
            return held
        return vops[0], data

    def _vops(self, data: bytes) -> Iterator[_Vop]:
        for offset in find_offsets(data):
            code = data[offset]
            if code == _VOP:
                yield self._vop(data, offset)
            elif 0x20 <= code < 0x30:
                self._time_bits = _time_bits(BitReader(data[offset + 1 : offset + 40]))
            elif code == _USER_DATA:
                self.packed |= bool(_PACKED.match(data, offset + 1))

    def _vop(self, data: bytes, offset: int) -> _Vop:
        bits = BitReader(data[offset + 1 : offset + 65])
        kind = bits.u(2)
        while bits.flag():  # modulo_time_base
            pass
        bits.u(1)
        bits.u(self._time_bits)
        bits.u(1)
        return _Vop(offset - 3, kind, bits.flag())


def has_b_pictures(configuration: bytes) -> bool:
    """Return whether there may be B pictures, unless an object layer excludes them (low_delay)."""
    for offset in find_offsets(configuration):
        if 0x20 <= configuration[offset] < 0x30:
            bits = BitReader(configuration[offset + 1 : offset + 40])
            try:
                _version(bits)
                return not (bits.flag() and bits.u(3) & 1)
            except ValueError:
                return True
    return True


def _version(bits: BitReader) -> int:
    """Return the version of a VOL, read up to its vol_control_parameters."""
    bits.u(9)
    version = 1
    if bits.flag():
        version = bits.u(4)
        bits.u(3)
    if bits.u(4) == _EXTENDED_ASPECT:
        bits.u(16)
    return version


def _time_bits(bits: BitReader) -> int:
    """Return how many bits a VOP's time takes, from a VOL behind its start code."""
    version = _version(bits)
    if bits.flag():  # vol_control_parameters
        bits.u(3)
        if bits.flag():
            bits.u(_VBV_BITS)
    if bits.u(2) == _GRAYSCALE and version != 1:
        bits.u(4)
    bits.u(1)
    return max(1, (bits.u(16) - 1).bit_length())


def is_interlaced(configuration: bytes) -> bool:
    """Return whether the object layer of a rectangular picture says so, or nothing can be read."""
    for offset in find_offsets(configuration):
        if 0x20 <= configuration[offset] < 0x30:
            bits = BitReader(configuration[offset + 1 : offset + 40])
            try:
                time_bits = _time_bits(bits)
                bits.u(1)
                if bits.flag():  # fixed_vop_rate
                    bits.u(time_bits)
                bits.u(29)  # width and height, with markers around them
                return bits.flag()
            except ValueError:
                return True
    return True


def holds_between(data: bytes) -> bool:
    """Return whether the first picture in a packet is a B picture."""
    starts = (offset for offset in find_offsets(data) if data[offset] == _VOP)
    start = next(starts, len(data))
    return data[start + 1 : start + 2] != b"" and data[start + 1] >> 6 == _BETWEEN


def object_layer(data: bytes) -> bytes:
    """Return what a packet begins with before its group or picture: headers of the stream."""
    ends = (offset - 3 for offset in find_offsets(data) if data[offset] in {_GROUP, _VOP})
    return data[: next(ends, 0)]
