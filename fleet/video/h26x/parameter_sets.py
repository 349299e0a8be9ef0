"""VPS, SPS and PPS out of a container's codec configuration, or out of the stream itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.video.h26x import h264, h265
from fleet.video.h26x.access_unit import START_CODE, nal_units
from fleet.video.h26x.sequence import Sequence

# libav's names of the codecs whose access units this package reads itself.
CODECS = ("h264", "hevc")

_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}
_SPS = {"h264": 7, "hevc": 33}


@dataclass(frozen=True)
class ParameterSets:
    """`annexb`: VPS, SPS and PPS with start codes, empty where the header holds none.

    `nal_length_bytes`: see `StreamInfo`.
    """

    annexb: bytes
    nal_length_bytes: int


def from_configuration(codec: str, extradata: bytes) -> ParameterSets:
    """Read avcC (ISO/IEC 14496-15 5.3.3.1), hvcC (8.3.3.1) or Annex-B bytes.

    Raises ValueError where they contradict themselves.
    """
    if not extradata or extradata.startswith((b"\0\0\1", b"\0\0\0\1")):
        return ParameterSets(from_unit(codec, extradata), 0)
    try:
        nals, length = (_avcc if codec == "h264" else _hvcc)(extradata)
    except IndexError:
        raise ValueError(
            f"the codec configuration of {len(extradata)} bytes is cut short"
        ) from None
    if length == 3:
        raise ValueError("its NAL units have length prefixes of 3 bytes, which no standard allows")
    return ParameterSets(_joined(codec, nals), length)


def from_unit(codec: str, unit: bytes) -> bytes:
    """The parameter sets that an access unit in Annex-B form carries, with start codes."""
    return _joined(codec, nal_units(unit))


def has_sequence(codec: str, annexb: bytes) -> bool:
    """Whether there is an SPS among them."""
    return any(_nal_type(codec, nal) == _SPS[codec] for nal in nal_units(annexb))


def sequence(codec: str, annexb: bytes) -> Sequence | None:
    """What the first SPS of the base layer says; None without one.

    Raises ValueError where it cannot be read.
    """
    for nal in nal_units(annexb):
        if _nal_type(codec, nal) == _SPS[codec]:
            return (h264.parse_sps(nal) if codec == "h264" else h265.parse_sps(nal)).sequence
    return None


def sub_layers(codec: str, annexb: bytes) -> int:
    """How many temporal sub-layers the stream may have (see `access_unit.is_droppable`)."""
    found = sequence(codec, annexb) if codec in CODECS else None
    return found.sub_layers if found else 1


def _nal_type(codec: str, nal: bytes) -> int:
    """The NAL unit's type; -1 for another layer than the base, and for none."""
    if codec == "h264":
        return nal[0] & 0x1F if nal else -1
    return nal[0] >> 1 if len(nal) > 2 and not (nal[0] & 0x81 or nal[1] >> 3) else -1


def _joined(codec: str, nals: Iterable[bytes]) -> bytes:
    return b"".join(START_CODE + nal for nal in nals if _nal_type(codec, nal) in _SETS[codec])


def _avcc(data: bytes) -> tuple[list[bytes], int]:
    nals: list[bytes] = []
    offset = _take(data, 6, data[5] & 0x1F, nals)
    _take(data, offset + 1, data[offset], nals)
    return nals, (data[4] & 3) + 1


def _hvcc(data: bytes) -> tuple[list[bytes], int]:
    nals: list[bytes] = []
    offset = 23
    for _ in range(data[22]):
        count = data[offset + 1] << 8 | data[offset + 2]
        offset = _take(data, offset + 3, count, nals)
    return nals, (data[21] & 3) + 1


def _take(data: bytes, offset: int, count: int, nals: list[bytes]) -> int:
    """Append `count` NAL units, each behind two bytes of length; where the next thing stands."""
    for _ in range(count):
        size = data[offset] << 8 | data[offset + 1]
        nals.append(data[offset + 2 : offset + 2 + size])
        offset += 2 + size
        if offset > len(data):
            raise IndexError
    return offset
