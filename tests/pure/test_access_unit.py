"""Access units as bytes: start codes for lengths, and what may be left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.video.h26x.access_unit import (
    START_CODE,
    annexb,
    has_parameter_sets,
    is_droppable,
    is_reference,
    nal_units,
    temporal_id,
)

# NAL units as encoders make them: no start code inside, no zero at the end.
NALS = st.lists(
    st.binary(min_size=1, max_size=60).filter(lambda nal: b"\0\0" not in nal and nal[-1] != 0),
    min_size=1,
    max_size=6,
)


def h264(*headers: int) -> bytes:
    """An access unit of NAL units with these headers."""
    return b"".join(START_CODE + bytes([header, 0x88, 0x80]) for header in headers)


def h265(*types: int, layer: int = 0) -> bytes:
    """An access unit of NAL units of these types, in a temporal sub-layer."""
    return b"".join(START_CODE + bytes([kind << 1, layer + 1, 0x80]) for kind in types)


@given(NALS, st.sampled_from([1, 2, 4]))
def test_lengths_become_start_codes(nals: list[bytes], width: int) -> None:
    """Whatever the width of the prefix; the NAL units stay as they are."""
    sample = b"".join(len(nal).to_bytes(width, "big") + nal for nal in nals)
    unit = annexb(sample, width)
    assert unit == b"".join(START_CODE + nal for nal in nals)
    assert list(nal_units(unit)) == nals


@given(NALS)
def test_start_codes_of_three_bytes_are_start_codes_too(nals: list[bytes]) -> None:
    """Streams mix both kinds."""
    assert list(nal_units(b"".join(b"\0\0\1" + nal for nal in nals))) == nals


def test_units_with_start_codes_are_left_alone() -> None:
    """A length of 0 bytes says so."""
    assert annexb(h264(0x65), 0) == h264(0x65)


def test_lengths_that_do_not_add_up_are_refused() -> None:
    """A NAL unit cannot end past its sample, unless only its beginning was asked for."""
    sample = (9).to_bytes(4, "big") + b"\x65\x88"
    with pytest.raises(ValueError, match="7 bytes past"):
        annexb(sample, 4)
    assert annexb(sample, 4, cut=True) == START_CODE + b"\x65\x88"


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
def test_h264_reference_is_read_from_the_slices(unit: bytes, reference: bool) -> None:
    """nal_ref_idc; messages do not count, and a unit without slices is kept."""
    assert is_reference("h264", unit) is reference
    assert is_droppable("h264", unit) is not reference


@pytest.mark.parametrize("kind", range(32))
def test_h265_reference_is_read_from_the_type(kind: int) -> None:
    """The even types up to 14 are sub-layer non-reference pictures (H.265 table 7-1)."""
    assert is_reference("hevc", h265(35, kind)) is not (kind <= 14 and kind % 2 == 0)


def test_h265_lower_sub_layers_are_not_dropped() -> None:
    """Non-reference within its sub-layer says nothing of the sub-layers above."""
    assert is_droppable("hevc", h265(0, layer=0), sub_layers=1)
    assert not is_droppable("hevc", h265(0, layer=0), sub_layers=2)
    assert is_droppable("hevc", h265(0, layer=1), sub_layers=2)
    assert not is_droppable("hevc", h265(1, layer=1), sub_layers=2)


def test_other_codecs_are_never_dropped() -> None:
    """What is not understood is kept."""
    assert is_reference("vp9", b"\x82\x49\x83")


@given(st.integers(0, 6))
def test_temporal_id_is_read_from_the_first_slice(layer: int) -> None:
    """nuh_temporal_id_plus1, less one."""
    assert temporal_id(h265(35, 1, layer=layer)) == layer


def test_parameter_sets_are_whole_or_wanting() -> None:
    """A decoder needs all of them to begin."""
    assert has_parameter_sets("h264", h264(0x67, 0x68, 0x65))
    assert not has_parameter_sets("h264", h264(0x67, 0x65))
    assert has_parameter_sets("hevc", h265(32, 33, 34, 19))
    assert not has_parameter_sets("hevc", h265(33, 34, 19))


@given(st.binary(max_size=100), st.sampled_from(["h264", "hevc"]))
def test_any_bytes_are_answered(data: bytes, codec: str) -> None:
    """Damaged units are judged too, without an error."""
    assert is_reference(codec, data) in {True, False}
    assert 0 <= temporal_id(data) <= 6
    assert all(nal in data for nal in nal_units(data))
