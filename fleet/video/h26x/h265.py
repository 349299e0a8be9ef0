"""H.265's parameter sets (ITU-T H.265 7.3.2.2, 7.3.2.3 and annexes A and E)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from fleet.core.frames import Colour
from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.sequence import (
    CHROMA,
    CROP_STEPS,
    MOST_KEPT,
    Sequence,
    cropped,
    read_picture_signal,
)

PROFILES = {
    1: "Main",
    2: "Main 10",
    3: "Main Still Picture",
    5: "High Throughput",
    6: "Multiview Main",
    7: "Scalable Main",
    8: "3D Main",
    9: "Screen-Extended Main",
    10: "Scalable Format Range Extensions",
    11: "High Throughput Screen-Extended",
}
_FORMAT_RANGE_EXTENSIONS = 4


@dataclass(frozen=True)
class Sps:
    """A sequence parameter set, and what is needed of it to read slice headers."""

    id: int
    sequence: Sequence
    """What it says of the pictures."""
    separate_planes: bool
    """Whether each colour plane is coded as luma."""
    poc_lsb_bits: int
    """How many low bits of an order count a slice carries."""


@dataclass(frozen=True)
class Pps:
    """What is needed of a picture parameter set to read slice headers."""

    id: int
    sps_id: int
    """The sequence parameter set that it belongs to."""
    output_flag: bool
    """Whether slices carry pic_output_flag."""
    extra_slice_bits: int
    """How many reserved bits a slice header begins with."""


@dataclass(frozen=True)
class _ProfileTierLevel:
    profile: str
    level_idc: int
    interlaced: bool


def profile_name(profile_idc: int, constraints: int = 0) -> str:
    """Return the standard's name; `constraints`: the 9 flags of range extensions (table A.2).

    From the highest bit: at most 12, 10, 8 bits, at most 4:2:2, 4:2:0, monochrome, intra pictures
    only, one picture only, lower bit rate.
    """
    if profile_idc != _FORMAT_RANGE_EXTENSIONS:
        return PROFILES.get(profile_idc, f"profile {profile_idc}")
    bits12, bits10, bits8, half, quarter, monochrome, intra, still, _ = (
        bool(constraints >> bit & 1) for bit in range(8, -1, -1)
    )
    depth = 8 if bits8 else 10 if bits10 else 12 if bits12 else 16
    if monochrome:
        base, minimum = "Monochrome", 8
    elif quarter:
        base, minimum = "Main", 8 if intra else 12
    else:
        base, minimum = ("Main 4:2:2", 10) if half else ("Main 4:4:4", 8)
    depth = max(depth, minimum)
    kind = " Still Picture" if still else " Intra" if intra else ""
    return f"{base}{f' {depth}' if depth > 8 else ''}{kind}"


@lru_cache(MOST_KEPT)
def parse_sps(nal: bytes) -> Sps:
    """Read an SPS, NAL header first; raise ValueError where it is not one."""
    bits = BitReader(unescape(nal[2:]))
    bits.skip(4)
    top_layer = bits.u(3)
    bits.skip(1)
    tier = _profile_tier_level(bits, top_layer)
    sps_id, chroma = bits.ue(15), bits.ue(3)
    separate = chroma == 3 and bits.flag()
    width, height = bits.ue(1 << 16), bits.ue(1 << 16)
    crop = bits.ues(4) if bits.flag() else [0] * 4
    depth = max(bits.ue(8), bits.ue(8)) + 8
    poc_lsb_bits = bits.ue(12) + 4
    references, reorder_frames = _picture_buffer(bits, top_layer)
    colour, sample_aspect, frame_rate, fields = _from_tools_to_vui(bits, poc_lsb_bits)
    sequence = Sequence(
        profile=tier.profile,
        level=f"{tier.level_idc / 30:.1f}",
        size=cropped(width, height, crop, CROP_STEPS[0 if separate else chroma]),
        chroma=CHROMA[chroma],
        bit_depth=depth,
        interlaced=tier.interlaced or fields,
        reference_frames=references,
        colour=colour,
        frame_rate=frame_rate,
        reorder_frames=reorder_frames,
        sub_layers=top_layer + 1,
        sample_aspect=sample_aspect,
    )
    return Sps(sps_id, sequence, separate, poc_lsb_bits)


@lru_cache(MOST_KEPT)
def parse_pps(nal: bytes) -> Pps:
    """Read a PPS, NAL header first; raise ValueError where it is not one."""
    bits = BitReader(unescape(nal[2:]))
    pps_id, sps_id = bits.ue(63), bits.ue(15)
    bits.skip(1)
    return Pps(pps_id, sps_id, bits.flag(), bits.u(3))


def _profile_tier_level(bits: BitReader, top_layer: int) -> _ProfileTierLevel:
    bits.skip(3)
    profile_idc = bits.u(5)
    compatible = bits.u(32)
    if not profile_idc:  # the stream names only the profiles whose decoders can decode it
        profile_idc = next((i for i in range(1, 32) if compatible >> (31 - i) & 1), 0)
    progressive, interlaced = bits.flag(), bits.flag()
    bits.skip(2)
    profile = profile_name(profile_idc, bits.u(9))
    bits.skip(35)
    level_idc = bits.u(8)
    present = [(bits.flag(), bits.flag()) for _ in range(top_layer)]
    bits.skip(2 * (8 - top_layer) if top_layer else 0)
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    return _ProfileTierLevel(profile, level_idc, interlaced and not progressive)


def _picture_buffer(bits: BitReader, top_layer: int) -> tuple[int, int]:
    rows = [bits.ues(3) for _ in range(top_layer + 1 if bits.flag() else 1)]
    return rows[-1][0], rows[-1][1]


def _from_tools_to_vui(
    bits: BitReader, poc_lsb_bits: int
) -> tuple[Colour, Fraction, Fraction, bool]:
    bits.ues(6)
    if bits.flag() and bits.flag():
        _skip_scaling_lists(bits)
    bits.skip(2)
    if bits.flag():
        bits.skip(8)
        bits.ues(2)
        bits.skip(1)
    _skip_reference_sets(bits)
    if bits.flag():
        bits.skip(bits.ue(32) * (poc_lsb_bits + 1))
    bits.skip(2)
    return _vui(bits)


def _skip_scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for _ in range(6 if size < 3 else 2):
            if not bits.flag():
                bits.ue()
                continue
            entries = min(64, 1 << (4 + (size << 1)))
            bits.ues(entries + (size > 1))


def _skip_reference_sets(bits: BitReader) -> None:
    pictures = 0
    for number in range(bits.ue(64)):
        if number and bits.flag():
            bits.skip(1)
            bits.ue()
            pictures = sum(_is_used(bits) for _ in range(pictures + 1))
        else:
            pictures = bits.ue(16) + bits.ue(16)
            for _ in range(pictures):
                bits.ue()
                bits.skip(1)


def _is_used(bits: BitReader) -> bool:
    return bits.flag() or bits.flag()


def _vui(bits: BitReader) -> tuple[Colour, Fraction, Fraction, bool]:
    colour, sample_aspect, rate, fields = Colour(), Fraction(0), Fraction(0), False
    try:
        if not bits.flag():
            return colour, sample_aspect, rate, fields
        colour, sample_aspect = read_picture_signal(bits)
        bits.skip(1)
        fields = bits.flag()
        bits.skip(1)
        if bits.flag():
            bits.ues(4)
        if bits.flag():
            ticks, scale = bits.u(32), bits.u(32)
            rate = Fraction(scale, ticks) if ticks else rate
    except ValueError:  # a VUI that is cut short says nothing more
        pass
    return colour, sample_aspect, rate, fields
