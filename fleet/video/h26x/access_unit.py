"""Access units as bytes: their NAL units, and what may be left out without harm.

Called for every packet that is fed to a decoder, so nothing here parses more than NAL headers.
"""

from __future__ import annotations

from collections.abc import Iterator

START_CODE = b"\0\0\0\1"
_H264_BESIDE = {*range(6, 14), 15}


def annexb(sample: bytes, nal_length_bytes: int, *, cut: bool = False) -> bytes:
    """A container's sample with start codes in place of length prefixes.

    `nal_length_bytes` 0 means that the sample has start codes already; `cut` that these are just
    its first bytes. Raises ValueError where the lengths do not add up to the sample.
    """
    if not nal_length_bytes:
        return sample
    parts: list[bytes] = []
    offset, end = 0, len(sample)
    while offset + nal_length_bytes <= end:
        start = offset + nal_length_bytes
        offset = start + int.from_bytes(sample[offset:start], "big")
        if offset > end and not cut:
            raise ValueError(f"a NAL unit ends {offset - end} bytes past its sample of {end} bytes")
        if offset > start:
            parts += START_CODE, sample[start:offset]
    return b"".join(parts)


def nal_offsets(unit: bytes) -> Iterator[int]:
    """Where each NAL unit's header stands in Annex-B bytes."""
    offset = unit.find(b"\0\0\1") + 3
    while 3 <= offset < len(unit):
        yield offset
        offset = unit.find(b"\0\0\1", offset) + 3


def nal_units(unit: bytes) -> Iterator[bytes]:
    """Each NAL unit of Annex-B bytes, header first, without start code and trailing zeros."""
    return (nal_at(unit, offset) for offset in nal_offsets(unit))


def nal_at(unit: bytes, offset: int) -> bytes:
    """The NAL unit whose header stands there, without trailing zeros."""
    stop = unit.find(b"\0\0\1", offset)
    return unit[offset : stop if stop >= 0 else None].rstrip(b"\0")


def is_reference(codec: str, unit: bytes) -> bool:
    """Whether other pictures may refer to this one (`unit` in Annex-B form).

    H.264: nal_ref_idc of a slice is not 0 (7.4.1). H.265: no sub-layer non-reference type
    (RSV_VCL_N14 and the even types below it, 7.4.2.2); such a picture may still serve higher
    sub-layers, see `is_droppable`. True for other codecs and for units without a slice.
    """
    sliced = False
    for offset in nal_offsets(unit):
        header = unit[offset]
        if codec == "h264" and 1 <= header & 0x1F <= 5:
            sliced = True
            if header & 0x60:
                return True
        elif codec == "hevc" and header >> 1 & 0x3F < 32:
            return not _is_sub_layer_non_reference(header >> 1 & 0x3F)
    return not sliced


def has_parameter_sets(codec: str, unit: bytes) -> bool:
    """Whether the unit carries all that a decoder needs to begin: SPS and PPS, in H.265 VPS too."""
    if codec == "h264":
        return {7, 8} <= {unit[offset] & 0x1F for offset in nal_offsets(unit)}
    return {32, 33, 34} <= {unit[offset] >> 1 & 0x3F for offset in nal_offsets(unit)}


def is_auxiliary(codec: str, unit: bytes) -> bool:
    """Whether the unit holds what belongs beside pictures, and nothing else: no slice, no noise.

    H.264: NAL types 6..13 and 15 (table 7-1); H.265: 32..40 (table 7-1): parameter sets, SEI,
    delimiters, ends, filler.
    """
    headers = [unit[offset] for offset in nal_offsets(unit)]
    if codec == "h264":
        return bool(headers) and all(h < 0x80 and h & 0x1F in _H264_BESIDE for h in headers)
    return bool(headers) and all(h < 0x80 and 32 <= h >> 1 <= 40 for h in headers)


def temporal_id(unit: bytes) -> int:
    """The sub-layer of an H.265 access unit in Annex-B form, 0..6; 0 where it has no slice."""
    for offset in nal_offsets(unit):
        if unit[offset] >> 1 & 0x3F < 32 and offset + 1 < len(unit):
            return max(0, (unit[offset + 1] & 7) - 1)
    return 0


def is_droppable(codec: str, unit: bytes, sub_layers: int = 1) -> bool:
    """Whether the pictures around this one decode alike without it.

    `sub_layers`: how many the stream has (`fleet.video.h26x.parameter_sets.sub_layers`). H.265's
    non-reference types speak of their own sub-layer only, so just the highest can be left out.
    """
    if is_reference(codec, unit):
        return False
    return codec != "hevc" or temporal_id(unit) >= sub_layers - 1


def _is_sub_layer_non_reference(nal_type: int) -> bool:
    return nal_type <= 14 and nal_type % 2 == 0
