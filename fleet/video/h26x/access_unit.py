"""What the NAL headers of an access unit tell: what it holds, and whether it may be left out.

Called for every packet that is fed to a decoder, so nothing here parses more than NAL headers.
"""

from __future__ import annotations

from fleet.core.access_unit import NalUnits

PARAMETER_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}
"""The NAL types of SPS and PPS, in H.265 of VPS too, by libav's name of the codec."""
_H264_AUXILIARY = {*range(6, 14), 15}


def is_reference(codec: str, nals: NalUnits) -> bool:
    """Return whether other pictures may refer to this one.

    H.264: nal_ref_idc of a slice is not 0 (7.4.1). H.265: no sub-layer non-reference type
    (RSV_VCL_N14 and the even types below it, 7.4.2.2); such a picture may still serve higher
    sub-layers, see `needed_pictures`. True for other codecs and for units without a slice.
    """
    has_slice = False
    for offset in nals.offsets:
        header = nals.data[offset]
        if codec == "h264" and 1 <= header & 0x1F <= 5:
            has_slice = True
            if header & 0x60:
                return True
        elif codec == "hevc" and header >> 1 & 0x3F < 32:
            return not is_non_reference_type(header >> 1 & 0x3F)
    return not has_slice


def has_parameter_sets(codec: str, nals: NalUnits) -> bool:
    """Return whether the unit holds all that a decoder needs to begin: see `PARAMETER_SETS`."""
    headers = (nals.data[offset] for offset in nals.offsets)
    if codec == "h264":
        return PARAMETER_SETS[codec] <= {header & 0x1F for header in headers}
    return PARAMETER_SETS["hevc"] <= {header >> 1 & 0x3F for header in headers}


def has_any_set(codec: str, nals: NalUnits) -> bool:
    """Return whether the unit holds a parameter set."""
    return bool(_numbers_of_sets(codec, nals))


def set_units(codec: str, nals: NalUnits) -> list[bytes]:
    """Return the parameter sets of a unit, header first."""
    return [nals[number] for number in _numbers_of_sets(codec, nals)]


def _numbers_of_sets(codec: str, nals: NalUnits) -> list[int]:
    """Return which of the NAL units of a unit are parameter sets, counted from 0."""
    kinds, data = PARAMETER_SETS.get(codec, frozenset()), nals.data
    shift, mask = (0, 0x1F) if codec == "h264" else (1, 0x3F)
    headers = enumerate(data[offset] for offset in nals.offsets)
    return [number for number, header in headers if header >> shift & mask in kinds]


def is_auxiliary(codec: str, nals: NalUnits) -> bool:
    """Return whether the unit holds NAL units that accompany pictures, and no others.

    H.264: NAL types 6..13 and 15 (table 7-1); H.265: 32..40 (table 7-1): parameter sets, SEI,
    delimiters, ends, filler. False for slices, for damage, and for no NAL unit at all.
    """
    headers = [nals.data[offset] for offset in nals.offsets]
    if codec == "h264":
        return bool(headers) and all(h < 0x80 and h & 0x1F in _H264_AUXILIARY for h in headers)
    return bool(headers) and all(h < 0x80 and 32 <= h >> 1 <= 40 for h in headers)


def is_droppable(codec: str, nals: NalUnits) -> bool:
    """Return whether all other pictures decode to the same samples without this one.

    H.265: of a stream of one sub-layer, as its non-reference types speak of their own one only; see
    `fleet.video.h26x.sub_layers`. A unit with parameter sets stays, which others may need.
    """
    return not is_reference(codec, nals) and not has_any_set(codec, nals)


def is_non_reference_type(nal_type: int) -> bool:
    """Return whether no picture of its own sub-layer refers to an H.265 picture of this type."""
    return nal_type <= 14 and nal_type % 2 == 0
