"""Access units as bytes: start codes for lengths, and what may be left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.access_unit import AccessUnit, NalUnits
from fleet.video.h26x.access_unit import (
    has_parameter_sets,
    is_auxiliary,
    is_droppable,
    is_reference,
)
from fleet.video.h26x.annexb import find_offsets, from_sample, join, split

START_CODE = b"\0\0\0\1"

# NAL units as encoders make them: no start code inside, no zero at the end.
NALS = st.lists(
    st.binary(min_size=1, max_size=60).filter(lambda nal: b"\0\0" not in nal and nal[-1] != 0),
    min_size=1,
    max_size=6,
)


def h264(*headers: int) -> NalUnits:
    """Return an access unit of NAL units with these headers."""
    return join(bytes([header, 0x88, 0x80]) for header in headers)


def h265(*types: int, layer: int = 0) -> NalUnits:
    """Return an access unit of NAL units of these types, in a temporal sub-layer."""
    return join(bytes([kind << 1, layer + 1, 0x80]) for kind in types)


def prefixed(nals: list[bytes], width: int) -> bytes:
    """Return NAL units as a container's sample, each behind its length in `width` bytes."""
    return b"".join(len(nal).to_bytes(width, "big") + nal for nal in nals)


@given(NALS, st.sampled_from([1, 2, 4]))
def test_lengths_become_start_codes(nals: list[bytes], width: int) -> None:
    """Whatever the width of the prefix; the NAL units stay as they are."""
    unit = from_sample(prefixed(nals, width), width)
    assert unit.data == b"".join(START_CODE + nal for nal in nals)
    assert list(unit) == nals


@given(NALS, st.sampled_from([1, 2, 4]))
def test_offsets_from_lengths_are_those_that_a_search_finds(nals: list[bytes], width: int) -> None:
    """What is known while start codes are written need not be searched for."""
    unit = from_sample(prefixed(nals, width), width)
    assert unit.offsets == find_offsets(unit.data)


@given(NALS, NALS)
def test_units_are_put_behind_one_another(front: list[bytes], back: list[bytes]) -> None:
    """Parameter sets before a picture: the offsets of both go on."""
    unit = join(front) + split(b"".join(b"\0\0\1" + nal for nal in back))
    assert list(unit) == [*front, *back]
    assert unit.offsets == find_offsets(unit.data)


@pytest.mark.parametrize("offsets", [(3,), (4, 4), (8, 4), (4, 99), (0,)])
def test_offsets_lie_behind_start_codes(offsets: tuple[int, ...]) -> None:
    """In rising order, within the data: changed bytes do not keep the offsets of others."""
    with pytest.raises(ValueError, match="no NAL unit begins at byte"):
        NalUnits(h264(0x41).data, offsets)


def test_a_start_code_at_the_very_end_begins_nothing() -> None:
    """It is no NAL unit, nor part of the one before."""
    unit = split(h264(0x41).data + b"\0\0\0\1")
    assert list(unit) == [b"\x41\x88\x80"]


def test_an_access_unit_is_not_empty() -> None:
    """A decoder would take it for the end of the stream."""
    with pytest.raises(ValueError, match="access unit 7 is empty"):
        AccessUnit(split(b""), 7, key=False, wanted=True)


@given(NALS)
def test_start_codes_of_three_bytes_are_start_codes_too(nals: list[bytes]) -> None:
    """Streams mix both kinds."""
    assert list(split(b"".join(b"\0\0\1" + nal for nal in nals))) == nals


def test_units_with_start_codes_are_left_alone() -> None:
    """A length of 0 bytes says so."""
    assert from_sample(h264(0x65).data, 0) == h264(0x65)


def test_lengths_that_do_not_add_up_are_refused() -> None:
    """A NAL unit cannot end past its sample, unless only its beginning was asked for."""
    sample = (9).to_bytes(4, "big") + b"\x65\x88"
    with pytest.raises(ValueError, match="7 bytes past"):
        from_sample(sample, 4)
    assert from_sample(sample, 4, cut=True).data == START_CODE + b"\x65\x88"


@pytest.mark.parametrize(
    ("unit", "reference"),
    [
        (h264(0x67, 0x68, 0x65), True),
        (h264(0x41), True),
        (h264(0x06, 0x01), False),
        (h264(0x01, 0x01), False),
        (h264(0x01, 0x41), True),
        (h264(0x09), True),
    ],
)
def test_h264_reference_is_read_from_the_slices(unit: NalUnits, reference: bool) -> None:
    """nal_ref_idc; messages do not count, and a unit without slices is kept."""
    assert is_reference("h264", unit) is reference
    assert is_droppable("h264", unit) is not reference


@pytest.mark.parametrize("kind", range(32))
def test_h265_reference_is_read_from_the_type(kind: int) -> None:
    """The even types up to 14 are sub-layer non-reference pictures (H.265 table 7-1)."""
    assert is_reference("hevc", h265(35, kind)) is not (kind <= 14 and kind % 2 == 0)


def test_other_codecs_are_never_dropped() -> None:
    """What is not understood is kept."""
    assert is_reference("vp9", split(b"\x82\x49\x83"))


def test_parameter_sets_are_whole_or_wanting() -> None:
    """A decoder needs all of them to begin."""
    assert has_parameter_sets("h264", h264(0x67, 0x68, 0x65))
    assert not has_parameter_sets("h264", h264(0x67, 0x65))
    assert has_parameter_sets("hevc", h265(32, 33, 34, 19))
    assert not has_parameter_sets("hevc", h265(33, 34, 19))


@given(st.binary(max_size=100), st.sampled_from(["h264", "hevc"]))
def test_any_bytes_are_answered(data: bytes, codec: str) -> None:
    """Damaged units are judged too, without an error."""
    unit = split(data)
    assert is_reference(codec, unit) in {True, False}
    assert is_auxiliary(codec, unit) in {True, False}
    assert all(nal in data for nal in unit)
