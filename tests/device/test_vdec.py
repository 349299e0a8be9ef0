"""VDEC: exact from any key, each picture once, in display order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from decodes import decode, libav_alone, pixels, same
from elementary import (
    Elementary,
    annex_b,
    changed,
    demuxed,
    encoded,
    nal_units,
    parameter_sets,
    without_nal,
    without_vui,
)

from fleet.device import Device

OPEN = "keyint=12:min-keyint=12:scenecut=0:open-gop=1:bframes=3:b-pyramid=normal:b-adapt=0:ref=4"

SHAPES = [
    ("h264", "keyint=1"),
    ("h264", "keyint=10:bframes=0"),
    ("h264", "keyint=12:bframes=3:b-pyramid=none"),
    ("h264", OPEN),
    ("h264", OPEN.replace("bframes=3", "bframes=7").replace("ref=4", "ref=1")),
    ("h264", OPEN + ":slices=4:cabac=0"),
    ("h264", "keyint=16:bframes=3:interlaced=1"),
    ("hevc", "keyint=1"),
    ("hevc", "keyint=12:bframes=3:b-adapt=0:open-gop=0"),
    ("hevc", "keyint=12:bframes=4:b-adapt=0:open-gop=1"),
    ("hevc", "keyint=12:bframes=3:b-adapt=0:open-gop=0:radl=2"),
    ("hevc", "keyint=12:bframes=3:b-adapt=0:open-gop=1:temporal-layers=2"),
]


@pytest.mark.parametrize(("codec", "params"), SHAPES)
def test_a_stream_decodes_whole_and_in_display_order(
    device: Device, codec: str, params: str
) -> None:
    """Pictures come once, in display order, as libav alone has them (docs/chip.md#vdec-order)."""
    clip = encoded(codec, params)
    got = decode(device.open_vdec(clip.stream), clip.units)
    assert [clip.pts[row] for row in got] == sorted(clip.pts)
    assert same(got, libav_alone(clip), range(len(clip)))


def assert_exact_from_every_key(device: Device, clip: Elementary) -> None:
    """Each GOP, after reset in one channel and in a fresh one, equals the sequential decode."""
    whole = decode(device.open_vdec(clip.stream), clip.units)
    channel = device.open_vdec(clip.stream)
    covered: set[int] = set()
    for key in clip.keys:
        channel.reset()
        again = decode(channel, clip.gop(key))
        newly = device.open_vdec(clip.stream)
        fresh = decode(newly, clip.gop(key))
        newly.close()
        assert same(again, whole, clip.owned(key))
        assert same(fresh, whole, clip.owned(key))
        covered |= clip.owned(key)
    assert covered == set(range(len(clip)))


@pytest.mark.parametrize(("codec", "params"), SHAPES)
def test_decoding_is_exact_from_every_key(device: Device, codec: str, params: str) -> None:
    """After reset a channel is as good as new, at IDR and other keys, closed and open GOPs."""
    assert_exact_from_every_key(device, encoded(codec, params))


@pytest.mark.parametrize(
    ("clip", "packets"), [("town", 101), ("town_hevc", 100), ("town_mkv", 100)]
)
def test_decoding_real_clips_is_exact_from_every_key(
    device: Device, request: pytest.FixtureRequest, clip: str, packets: int
) -> None:
    """The same on real pictures: H.264 with closed, H.265 and H.264 with open GOPs."""
    path: Path = request.getfixturevalue(clip)
    assert_exact_from_every_key(device, demuxed(path, packets))


def test_decoding_begins_at_keys_without_a_recovery_point(device: Device) -> None:
    """A key that the container marks is enough: no IDR picture, no SEI message."""
    clip = encoded("h264", OPEN)
    bare = tuple(changed(unit, without_nal(unit.nals.data, 6)) for unit in clip.units)
    assert_exact_from_every_key(device, replace(clip, units=bare))


def test_no_picture_is_lost_where_the_stream_hides_its_reordering(device: Device) -> None:
    """Without bitstream_restriction in the SPS a plain decoder drops pictures that come late."""
    params = "keyint=60:bframes=7:b-pyramid=normal:b-adapt=0:8x8dct=0:profile=main"
    clip = encoded("h264", params)
    units = tuple(changed(unit, _with_plain_sps(unit.nals.data)) for unit in clip.units)
    got = decode(device.open_vdec(clip.stream), units)
    assert [clip.pts[row] for row in got] == sorted(clip.pts)
    assert len(libav_alone(replace(clip, units=units))) < len(clip)


def _with_plain_sps(data: bytes) -> bytes:
    return annex_b(without_vui(nal) if nal[0] & 31 == 7 else nal for nal in nal_units(data))


@pytest.mark.parametrize(
    ("codec", "params", "most"),
    [("h264", "keyint=20:bframes=0", 0), ("h264", OPEN, 5), ("hevc", "keyint=20:bframes=0", 0)],
)
def test_pictures_come_without_needless_delay(
    device: Device, codec: str, params: str, most: int
) -> None:
    """A stream that says how far it reorders is not held back further."""
    clip = encoded(codec, params)
    channel, given, held = device.open_vdec(clip.stream), 0, 0
    for unit in clip.units:
        given += len(pixels(channel.send(unit)))
        held = max(held, unit.row + 1 - given)
    assert held <= most


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_unwanted_units_are_decoded_but_not_given(device: Device, codec: str) -> None:
    """A skipped unit is a reference; the others' pixels stay the same (docs/chip.md#vdec-skip)."""
    clip = encoded(codec, "keyint=12:bframes=3")
    whole = decode(device.open_vdec(clip.stream), clip.units)
    units = [replace(unit, wanted=unit.row % 5 == 2) for unit in clip.units]
    got = decode(device.open_vdec(clip.stream), units)
    assert set(got) == set(range(2, len(clip), 5))
    assert same(got, whole, got)


def test_parameter_sets_may_come_from_the_container(device: Device) -> None:
    """Units without SPS and PPS decode when the stream's description has them."""
    clip = encoded("h264", "keyint=50:bframes=0", 10)
    first = clip.units[0].nals.data
    bare = without_nal(without_nal(first, 7), 8)
    stream = replace(clip.stream, parameter_sets=parameter_sets("h264", first))
    units = [changed(clip.units[0], bare), *clip.units[1:]]
    assert len(bare) < len(first)
    assert same(decode(device.open_vdec(stream), units), libav_alone(clip), range(10))
