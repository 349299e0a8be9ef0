"""VPS, SPS and PPS from a container's codec configuration, or from the stream itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from fleet.core.access_unit import NalUnits
from fleet.video.h26x import annexb, h264, h265
from fleet.video.h26x.access_unit import PARAMETER_SETS
from fleet.video.h26x.sequence import Sequence

# libav's names of the codecs whose access units this package reads itself.
CODECS = ("h264", "hevc")

MOST_SETS = 512
"""A stream can number 16 VPS, 32 SPS and 256 PPS at most."""
MOST_BYTES = 64 << 10
"""Bytes of parameter sets that are kept of one stream."""
_SPS = {"h264": 7, "hevc": 33}
_USUAL_BYTES = 4 << 10
"""A codec configuration that is longer is not kept once it was read."""


@dataclass(frozen=True)
class ParameterSets:
    """The parameter sets of a stream, and how its samples are written."""

    nals: NalUnits
    """VPS, SPS and PPS; none where the header holds none."""
    nal_length_bytes: int
    """See `StreamInfo`."""


def from_configuration(codec: str, extradata: bytes) -> ParameterSets:
    """Read avcC (ISO/IEC 14496-15 5.3.3.1), hvcC (8.3.3.1) or Annex-B bytes.

    Raises ValueError where they contradict themselves, or are more than a stream can use.
    """
    read = _configuration if len(extradata) <= _USUAL_BYTES else _configuration.__wrapped__
    return read(codec, extradata)


@lru_cache(maxsize=64)
def _configuration(codec: str, extradata: bytes) -> ParameterSets:
    """Read what `from_configuration` does; the files of one camera mostly have the same."""
    if not extradata or annexb.begins_with_start_code(extradata):
        return ParameterSets(from_unit(codec, annexb.split(extradata)), 0)
    try:
        nals, length = (_avcc if codec == "h264" else _hvcc)(extradata)
    except IndexError:
        raise ValueError(
            f"the codec configuration of {len(extradata)} bytes is cut short"
        ) from None
    if length == 3:
        raise ValueError("its NAL units have length prefixes of 3 bytes, which no standard allows")
    return ParameterSets(_joined(codec, nals), length)


def from_unit(codec: str, nals: NalUnits) -> NalUnits:
    """Return the parameter sets that an access unit carries, all else left out.

    Raises ValueError for more than a stream can use.
    """
    return _joined(codec, nals)


def has_sequence(codec: str, nals: NalUnits) -> bool:
    """Return whether there is an SPS among them."""
    return any(_nal_type(codec, nal) == _SPS[codec] for nal in nals)


def sequence(codec: str, nals: NalUnits) -> Sequence | None:
    """Return what the first SPS of the base layer says; None without one.

    Raises ValueError where it cannot be read.
    """
    return next(_sequences(codec, nals), None)


def sub_layers(codec: str, nals: NalUnits) -> int:
    """Return how many temporal sub-layers pictures may have by some parameter sets, at most.

    Raises ValueError where an SPS cannot be read.
    """
    found = _sequences(codec, nals) if codec in CODECS else ()
    return max((sequence.sub_layers for sequence in found), default=1)


def _sequences(codec: str, nals: NalUnits) -> Iterator[Sequence]:
    for nal in nals:
        if _nal_type(codec, nal) == _SPS[codec]:
            yield (h264.parse_sps(nal) if codec == "h264" else h265.parse_sps(nal)).sequence


def _nal_type(codec: str, nal: bytes) -> int:
    """Return the NAL unit's type; -1 for another layer than the base, and for no bytes."""
    if codec == "h264":
        return nal[0] & 0x1F if nal else -1
    return nal[0] >> 1 if len(nal) > 2 and not (nal[0] & 0x81 or nal[1] >> 3) else -1


def _joined(codec: str, nals: Iterable[bytes]) -> NalUnits:
    kinds = PARAMETER_SETS[codec]
    kept = [nal for nal in nals if _nal_type(codec, nal) in kinds]
    size = sum(map(len, kept))
    if len(kept) > MOST_SETS or size > MOST_BYTES:
        raise ValueError(
            f"it has {len(kept):,} parameter sets of {size:,} bytes, more than any stream uses"
        )
    return annexb.join(kept)


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
    """Append `count` NAL units, each behind two bytes of length; return where the last one ends."""
    for _ in range(count):
        size = data[offset] << 8 | data[offset + 1]
        nals.append(data[offset + 2 : offset + 2 + size])
        offset += 2 + size
        if offset > len(data):
            raise IndexError
    return offset
