"""Reading H.264 and H.265 headers: exact on what encoders write, safe on anything else."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.access_unit import NO_NALS
from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.errors import BrokenVideoError
from fleet.video.h26x import h264, h265
from fleet.video.h26x.annexb import join, split
from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.h264_pictures import H264Pictures
from fleet.video.h26x.h265_pictures import H265Pictures
from fleet.video.h26x.parameter_sets import from_configuration, from_unit, has_sequence, sequence
from fleet.video.h26x.sequence import colour

START_CODE = b"\0\0\0\1"
# Of real streams: 1920x1080 High 4.0 by x264; 768x576 Main 3.0 by x265.
AVC_SPS = bytes.fromhex("67640028acd940780227e584000003000400000300c83c60c658")
AVC_PPS = bytes.fromhex("68ef8fcb")
HEVC_VPS = bytes.fromhex("40010c01ffff01600000030090000003000003005a959809")
HEVC_SPS = bytes.fromhex(
    "42010101600000030090000003000003005aa006020090596566924cae68080000030008000003005040"
)


def exp_golomb(value: int) -> str:
    """A number as bits (H.264 9.1)."""
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def packed(bits: str) -> bytes:
    """Bits as bytes, filled up with zeros."""
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


@given(st.lists(st.tuples(st.sampled_from("ues"), st.integers(0, 2**20))))
def test_what_is_written_is_read_back(fields: list[tuple[str, int]]) -> None:
    """Fixed numbers, and unsigned and signed Exp-Golomb ones, in any mixture."""
    coded: dict[str, Callable[[int], str]] = {
        "u": lambda value: f"{value:021b}",
        "e": exp_golomb,
        "s": lambda value: exp_golomb(2 * value - 1 if value else 0),
    }
    bits = BitReader(packed("".join(coded[kind](value) for kind, value in fields)))
    read = {"u": lambda: bits.u(21), "e": bits.ue, "s": bits.se}
    assert [read[kind]() for kind, _ in fields] == [value for _, value in fields]


def test_signed_numbers_alternate() -> None:
    """0, 1, -1, 2, -2 (H.264 table 9-3)."""
    bits = BitReader(packed("".join(map(exp_golomb, range(5)))))
    assert [bits.se() for _ in range(5)] == [0, 1, -1, 2, -2]


def test_reading_past_the_end_says_so() -> None:
    """A header that is cut short is no number."""
    with pytest.raises(ValueError, match="ends 3 bits too early"):
        BitReader(b"\0").u(11)


@given(st.binary(max_size=200))
def test_emulation_prevention_is_undone(payload: bytes) -> None:
    """An encoder's extra bytes, put in wherever three bytes would look like a start code."""
    escaped = bytearray()
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        zeros = zeros + 1 if not byte else 0
        escaped.append(byte)
    assert unescape(bytes(escaped)) == payload


def test_h264_sps_of_a_real_stream() -> None:
    """Every fact that the index shows."""
    found = h264.parse_sps(AVC_SPS).sequence
    assert (found.profile, found.level, found.size) == ("High", "4.0", Size(1920, 1080))
    assert (found.chroma, found.bit_depth, found.interlaced) == ("4:2:0", 8, False)
    assert (found.reference_frames, found.reorder_frames) == (4, 2)
    assert (found.frame_rate, found.colour) == (Fraction(25), Colour())


def test_h265_sps_of_a_real_stream() -> None:
    """Every fact that the index shows."""
    found = h265.parse_sps(HEVC_SPS).sequence
    assert (found.profile, found.level, found.size) == ("Main", "3.0", Size(768, 576))
    assert (found.chroma, found.bit_depth, found.interlaced) == ("4:2:0", 8, False)
    assert (found.reference_frames, found.sub_layers) == (4, 1)
    assert found.frame_rate == Fraction(10)


@pytest.mark.parametrize(
    ("profile_idc", "constraints", "name"),
    [
        (66, 0x00, "Baseline"),
        (66, 0x40, "Constrained Baseline"),
        (77, 0x40, "Main"),
        (88, 0x00, "Extended"),
        (100, 0x00, "High"),
        (100, 0x0C, "High"),
        (110, 0x00, "High 10"),
        (110, 0x10, "High 10 Intra"),
        (122, 0x00, "High 4:2:2"),
        (244, 0x00, "High 4:4:4 Predictive"),
        (71, 0x00, "profile 71"),
    ],
)
def test_h264_profiles_have_the_standards_names(
    profile_idc: int, constraints: int, name: str
) -> None:
    """By number and constraint flags (annex A)."""
    assert h264.profile_name(profile_idc, constraints) == name


@pytest.mark.parametrize(
    ("profile_idc", "constraints", "level_idc", "name"),
    [(100, 0, 40, "4.0"), (77, 0x10, 11, "1b"), (100, 0x10, 11, "1.1"), (100, 0, 9, "1b")],
)
def test_h264_levels_are_written_as_people_do(
    profile_idc: int, constraints: int, level_idc: int, name: str
) -> None:
    """Tenths, and the odd one."""
    assert h264.level_name(profile_idc, constraints, level_idc) == name


@pytest.mark.parametrize(
    ("profile_idc", "constraints", "name"),
    [
        (1, 0, "Main"),
        (2, 0, "Main 10"),
        (3, 0, "Main Still Picture"),
        (4, 0b111110101, "Main Intra"),
        (4, 0b110110100, "Main 10 Intra"),
        (4, 0b100110001, "Main 12"),
        (4, 0b110100001, "Main 4:2:2 10"),
        (4, 0b111000001, "Main 4:4:4"),
        (4, 0b111000011, "Main 4:4:4 Still Picture"),
        (4, 0b111111001, "Monochrome"),
        (4, 0b000000101, "Main 4:4:4 16 Intra"),
        (9, 0, "Screen-Extended Main"),
        (31, 0, "profile 31"),
    ],
)
def test_h265_profiles_have_the_standards_names(
    profile_idc: int, constraints: int, name: str
) -> None:
    """By number, and the range extensions by their constraint flags (table A.2)."""
    assert h265.profile_name(profile_idc, constraints) == name


@pytest.mark.parametrize(
    ("coefficients", "full", "expected"),
    [
        (1, False, Colour(Matrix.BT709, Range.NARROW, declared=True)),
        (5, False, Colour(Matrix.BT601, Range.NARROW, declared=True)),
        (6, True, Colour(Matrix.BT601, Range.WIDE, declared=True)),
        (2, False, Colour(Matrix.BT601, Range.NARROW, declared=False)),
        (2, True, Colour(Matrix.BT601, Range.WIDE, declared=False)),
        (9, False, Colour(Matrix.BT709, Range.NARROW, declared=True)),
        (7, False, Colour(Matrix.BT709, Range.NARROW, declared=True)),
        (4, False, Colour(Matrix.BT601, Range.NARROW, declared=True)),
        (200, False, Colour(Matrix.BT601, Range.NARROW, declared=False)),
    ],
)
def test_colour_is_the_nearest_that_the_chip_knows(
    coefficients: int, full: bool, expected: Colour
) -> None:
    """Matrix coefficients of ITU-T H.273 table 4."""
    assert colour(coefficients, full) == expected


def avcc(length_bytes: int, sps: bytes = AVC_SPS, pps: bytes = AVC_PPS) -> bytes:
    """An avcC of one SPS and one PPS."""
    head = bytes([1, 100, 0, 40, 0xFC | length_bytes - 1, 0xE1])
    return head + len(sps).to_bytes(2, "big") + sps + b"\1" + len(pps).to_bytes(2, "big") + pps


def hvcc() -> bytes:
    """An hvcC of a VPS, an SPS, and an SEI message, which is no parameter set."""
    arrays = [(32, HEVC_VPS), (33, HEVC_SPS), (39, b"\x4e\1\5\1\0\x80")]
    body = b"".join(
        bytes([kind]) + b"\0\1" + len(nal).to_bytes(2, "big") + nal for kind, nal in arrays
    )
    return b"\1" + bytes(20) + b"\xf3" + bytes([len(arrays)]) + body


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
def test_avcc_gives_parameter_sets_and_length(length_bytes: int) -> None:
    """In start-code form, with the width of the samples' prefixes."""
    found = from_configuration("h264", avcc(length_bytes))
    assert found.nals == join([AVC_SPS, AVC_PPS])
    assert found.nal_length_bytes == length_bytes


def test_hvcc_gives_parameter_sets_and_no_messages() -> None:
    """VPS and SPS; SEI stays out."""
    found = from_configuration("hevc", hvcc())
    assert found.nals == join([HEVC_VPS, HEVC_SPS])
    assert found.nal_length_bytes == 4


def test_start_codes_mean_no_lengths() -> None:
    """Extradata in Annex-B form, as MPEG-TS and AVI have it."""
    units = b"\0\0\1" + AVC_SPS + START_CODE + AVC_PPS
    found = from_configuration("h264", units)
    assert found.nals == join([AVC_SPS, AVC_PPS])
    assert found.nal_length_bytes == 0
    assert from_configuration("h264", b"").nals == NO_NALS


def test_lengths_of_three_bytes_are_refused() -> None:
    """No standard allows them."""
    with pytest.raises(ValueError, match="3 bytes"):
        from_configuration("h264", avcc(3))


def test_parameter_sets_are_found_among_pictures() -> None:
    """Streams without a header carry them in front of their keys."""
    unit = join([b"\x09\xf0", AVC_SPS, AVC_PPS, b"\x65\x88"])
    assert from_unit("h264", unit) == join([AVC_SPS, AVC_PPS])
    assert has_sequence("h264", unit)
    assert not has_sequence("h264", join([b"\x65\x88"]))


HOSTILE = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda seed, at, byte: seed[:at] + bytes([byte]) + seed[at + 1 :],
        st.sampled_from([AVC_SPS, AVC_PPS, HEVC_VPS, HEVC_SPS, avcc(4), hvcc()]),
        st.integers(0, 80),
        st.integers(0, 255),
    ),
    st.builds(
        lambda seed, end: seed[:end],
        st.sampled_from([AVC_SPS, AVC_PPS, HEVC_SPS, avcc(4), hvcc()]),
        st.integers(0, 80),
    ),
)


@given(HOSTILE, st.sampled_from(["h264", "hevc"]))
def test_hostile_headers_are_value_errors(data: bytes, codec: str) -> None:
    """Cut short, changed, or anything at all: read, or refused, never another error."""
    parsers = (
        h264.parse_sps,
        h264.parse_pps,
        h265.parse_sps,
        h265.parse_pps,
        lambda nal: from_configuration(codec, nal),
        lambda nal: sequence(codec, split(START_CODE + nal)),
        lambda unit: H264Pictures().read(split(unit)),
        lambda unit: H265Pictures().read(split(unit)),
    )
    for parse in parsers:
        try:
            parse(data)
        except ValueError as error:
            assert not isinstance(error, BrokenVideoError)  # noqa: PT017 - either outcome is right


@given(HOSTILE, HOSTILE)
def test_hostile_pictures_are_value_errors(sets: bytes, picture: bytes) -> None:
    """Slices behind good or bad parameter sets."""
    good = join([AVC_SPS, AVC_PPS]).data
    for reader in (H264Pictures(), H265Pictures()):
        for unit in (good, START_CODE + sets, START_CODE + b"\x41" + picture, picture):
            try:
                reader.read(split(unit))
            except ValueError as error:
                assert not isinstance(error, BrokenVideoError)  # noqa: PT017
