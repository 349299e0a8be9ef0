"""H.264's parameter sets (ITU-T H.264 7.3.2.1, 7.3.2.2 and annexes A and E)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from fleet.core.frames import Colour
from fleet.core.geometry import Size
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
    44: "CAVLC 4:4:4 Intra",
    66: "Baseline",
    77: "Main",
    83: "Scalable Baseline",
    86: "Scalable High",
    88: "Extended",
    100: "High",
    110: "High 10",
    118: "Multiview High",
    122: "High 4:2:2",
    128: "Stereo High",
    244: "High 4:4:4 Predictive",
}
_INTRA = {110: "High 10 Intra", 122: "High 4:2:2 Intra", 244: "High 4:4:4 Intra"}
_WITH_CHROMA_FORMAT = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}


@dataclass(frozen=True)
class PocCycle:
    """What pictures add to order counts of type 1 (7.4.2.1.1)."""

    fixed: bool
    """Whether slices add nothing (delta_pic_order_always_zero_flag)."""
    unreferenced: int
    """What a non-reference picture adds (offset_for_non_ref_pic)."""
    bottom: int
    """What a bottom field adds (offset_for_top_to_bottom_field)."""
    steps: tuple[int, ...]
    """What each reference picture of a cycle adds (offset_for_ref_frame)."""


@dataclass(frozen=True)
class Sps:
    """A sequence parameter set, and what is needed of it to read slice headers."""

    id: int
    sequence: Sequence
    """What it says of the pictures."""
    chroma_format: int
    """chroma_format_idc, 0..3."""
    separate_planes: bool
    """Whether each colour plane is coded as luma."""
    frame_num_bits: int
    """How many bits a frame number takes."""
    gaps_allowed: bool
    """Whether frame numbers may be left out on purpose."""
    poc_type: int
    """How order counts are coded, 0..2."""
    poc_lsb_bits: int
    """Of type 0: how many low bits of an order count a slice carries; else 0."""
    poc_cycle: PocCycle
    """Of type 1: what pictures add to order counts."""
    frames_only: bool
    """Whether no picture is a field."""

    @property
    def chroma_array_type(self) -> int:
        """Return the chroma format, 0 where each colour plane is coded as luma (7.4.2.1.1)."""
        return 0 if self.separate_planes else self.chroma_format


@dataclass(frozen=True)
class Pps:
    """What is needed of a picture parameter set to read slice headers."""

    id: int
    sps_id: int
    """The sequence parameter set that it belongs to."""
    bottom_field_order: bool
    """Whether slices of frames carry the order count of the bottom field."""
    references: tuple[int, int]
    """How many pictures each of the two reference lists has, unless a slice says otherwise."""
    weighted_p: bool
    """Whether P slices carry weights."""
    weighted_b: bool
    """Whether B slices carry weights."""
    redundant_pictures: bool
    """Whether slices carry redundant_pic_cnt."""


def profile_name(profile_idc: int, constraints: int) -> str:
    """Return the standard's name; `constraints`: the byte of constraint_set flags (A.2).

    Constrained High and Progressive High are called High, whose decoders take them.
    """
    if profile_idc == 66 and constraints & 0x40:
        return "Constrained Baseline"
    if constraints & 0x10 and profile_idc in _INTRA:
        return _INTRA[profile_idc]
    return PROFILES.get(profile_idc, f"profile {profile_idc}")


def level_name(profile_idc: int, constraints: int, level_idc: int) -> str:
    """Return the level in its usual form: 4.0, 1b (A.3)."""
    if level_idc == 9 or (level_idc == 11 and constraints & 0x10 and profile_idc in {66, 77, 88}):
        return "1b"
    return f"{level_idc // 10}.{level_idc % 10}"


@lru_cache(MOST_KEPT)
def parse_sps(nal: bytes) -> Sps:
    """Read an SPS, NAL header first; raise ValueError where it is not one."""
    bits = BitReader(unescape(nal[1:]))
    profile_idc, constraints, level_idc = bits.u(8), bits.u(8), bits.u(8)
    sps_id = bits.ue(31)
    chroma, separate, depth = 1, False, 8
    if profile_idc in _WITH_CHROMA_FORMAT:
        chroma, separate, depth = _chroma_format(bits)
    frame_num_bits = bits.ue(12) + 4
    poc_type, poc_lsb_bits, cycle = _order_count(bits)
    references, gaps_allowed = bits.ue(16), bits.flag()
    size, frames_only = _frame_size(bits, CROP_STEPS[0 if separate else chroma])
    colour, sample_aspect, frame_rate, reorder_frames = _vui(bits)
    sequence = Sequence(
        profile=profile_name(profile_idc, constraints),
        level=level_name(profile_idc, constraints, level_idc),
        size=size,
        chroma=CHROMA[chroma],
        bit_depth=depth,
        interlaced=not frames_only,
        reference_frames=references,
        colour=colour,
        frame_rate=frame_rate,
        reorder_frames=0 if poc_type == 2 else reorder_frames,
        sample_aspect=sample_aspect,
    )
    return Sps(
        id=sps_id,
        sequence=sequence,
        chroma_format=chroma,
        separate_planes=separate,
        frame_num_bits=frame_num_bits,
        gaps_allowed=gaps_allowed,
        poc_type=poc_type,
        poc_lsb_bits=poc_lsb_bits,
        poc_cycle=cycle,
        frames_only=frames_only,
    )


@lru_cache(MOST_KEPT)
def parse_pps(nal: bytes) -> Pps:
    """Read a PPS, NAL header first; raise ValueError where it is not one, or has slice groups."""
    bits = BitReader(unescape(nal[1:]))
    pps_id, sps_id = bits.ue(255), bits.ue(31)
    bits.skip(1)
    bottom_field_order = bits.flag()
    if bits.ue(7):
        raise ValueError(
            "the picture parameter set has slice groups, which no common encoder makes"
        )
    references = bits.ue(31) + 1, bits.ue(31) + 1
    weighted_p, weighted_b = bits.flag(), bits.u(2) == 1
    bits.ues(3)
    bits.skip(2)
    return Pps(pps_id, sps_id, bottom_field_order, references, weighted_p, weighted_b, bits.flag())


def _frame_size(bits: BitReader, steps: tuple[int, int]) -> tuple[Size, bool]:
    columns, map_units = bits.ue(1 << 14) + 1, bits.ue(1 << 14) + 1
    frames_only = bits.flag()
    if not frames_only:
        bits.skip(1)
    bits.skip(1)
    fields = 1 if frames_only else 2
    crop = bits.ues(4) if bits.flag() else [0] * 4
    size = cropped(columns * 16, map_units * 16 * fields, crop, (steps[0], steps[1] * fields))
    return size, frames_only


def _chroma_format(bits: BitReader) -> tuple[int, bool, int]:
    chroma = bits.ue(3)
    separate = chroma == 3 and bits.flag()
    depth = max(bits.ue(6), bits.ue(6)) + 8
    bits.skip(1)
    if bits.flag():
        for number in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    return chroma, separate, depth


def _skip_scaling_list(bits: BitReader, entries: int) -> None:
    last = following = 8
    for _ in range(entries):
        if following:
            following = (last + bits.se()) % 256
            last = following or last


def _order_count(bits: BitReader) -> tuple[int, int, PocCycle]:
    poc_type, lsb_bits = bits.ue(2), 0
    cycle = PocCycle(fixed=True, unreferenced=0, bottom=0, steps=())
    if poc_type == 0:
        lsb_bits = bits.ue(12) + 4
    elif poc_type == 1:
        fixed, unreferenced, bottom = bits.flag(), bits.se(), bits.se()
        cycle = PocCycle(fixed, unreferenced, bottom, tuple(bits.se() for _ in range(bits.ue(255))))
    return poc_type, lsb_bits, cycle


def _vui(bits: BitReader) -> tuple[Colour, Fraction, Fraction, int | None]:
    colour, sample_aspect, rate = Colour(), Fraction(0), Fraction(0)
    try:
        if not bits.flag():
            return colour, sample_aspect, rate, None
        colour, sample_aspect = read_picture_signal(bits)
        if bits.flag():
            ticks, scale = bits.u(32), bits.u(32)
            rate = Fraction(scale, ticks * 2) if ticks else rate
            bits.skip(1)
        has_hrd = [_skip_hrd(bits), _skip_hrd(bits)]
        bits.skip(1 + any(has_hrd))
        return colour, sample_aspect, rate, _reorder_frames(bits)
    except ValueError:  # some cameras cut the VUI short, and every decoder accepts that
        return colour, sample_aspect, rate, None


def _skip_hrd(bits: BitReader) -> bool:
    present = bits.flag()
    if present:
        count = bits.ue(31) + 1
        bits.skip(8)
        for _ in range(count):
            bits.ues(2)
            bits.skip(1)
        bits.skip(20)
    return present


def _reorder_frames(bits: BitReader) -> int | None:
    if not bits.flag():
        return None
    bits.skip(1)
    bits.ues(4)
    return bits.ue(16)
