"""VDEC: exact from any key, honest about damage, and strict about its life cycle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from elementary import (
    SMALL,
    Elementary,
    annex_b,
    changed,
    demuxed,
    encoded,
    nal_units,
    parameter_sets,
    samples,
    stream_info,
    without_nal,
    without_vui,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.ascend.surface import frame_of
from fleet.ascend.vdec import VdecChannel
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Picture, download
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.errors import DeviceError

Pixels = dict[int, list[NDArray[np.uint8]]]

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


def decode(channel: VdecChannel, units: Iterable[AccessUnit]) -> Pixels:
    """Send units, drain, and give the pixels by row; pictures are released at once."""
    pictures = [picture for unit in units for picture in channel.send(unit)]
    return pixels([*pictures, *channel.drain()])


def send_until_error(
    channel: VdecChannel, units: Iterable[AccessUnit]
) -> tuple[list[Picture], DeviceError | None]:
    """Send units while they are taken: the pictures that came, and what ended it."""
    pictures: list[Picture] = []
    try:
        for unit in units:
            pictures += channel.send(unit)
    except DeviceError as error:
        return pictures, error
    return pictures, None


def pixels(pictures: Iterable[Picture]) -> Pixels:
    """Copy pictures by row, in the order they came, and release them."""
    copies: Pixels = {}
    for picture in pictures:
        assert picture.row not in copies
        copies[picture.row] = samples(frame_of(picture))
        picture.release()
    return copies


def same(left: Pixels, right: Pixels, rows: Iterable[int]) -> bool:
    """Whether the pictures of these rows are there on both sides, sample for sample."""
    return all(
        np.array_equal(a, b) for row in rows for a, b in zip(left[row], right[row], strict=True)
    )


def libav_alone(clip: Elementary) -> Pixels:
    """The whole clip as a plain libav decoder gives it."""
    decoder = av.CodecContext.create(clip.stream.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = []
    for unit in clip.units:
        packet = av.Packet(unit.nals.data)
        packet.pts = unit.row
        frames += decoder.decode(packet)
    return {frame.pts or 0: samples(frame) for frame in [*frames, *decoder.decode(None)]}


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


def test_ten_bits_come_out_as_eight(device: Device) -> None:
    """They are accepted and come out as NV12 of 8 bits (docs/chip.md#vdec-ten-bit)."""
    clip = encoded("hevc", "keyint=12", 10, pixels="yuv420p10le")
    decoder = av.CodecContext.create("hevc", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    packets = [av.Packet(unit.nals.data) for unit in clip.units]
    deep = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    got = decode(device.open_vdec(clip.stream), clip.units)
    for planes, frame in zip(got.values(), deep, strict=True):
        luma = frame.to_ndarray()[: SMALL.height].astype(int)
        assert np.abs(planes[0].astype(int) * 4 - luma).max() <= 8


def test_a_picture_lies_in_strides_with_zeros_between(device: Device) -> None:
    """136x130 lies in rows of 144, with zeros to the right (docs/chip.md#memory-padding)."""
    clip = encoded("h264", "keyint=12", 3, size=Size(136, 130))
    channel = device.open_vdec(clip.stream)
    pictures = [*(p for unit in clip.units for p in channel.send(unit)), *channel.drain()]
    buffer = download(pictures[0])
    luma, first_u, first_v = samples(frame_of(pictures[0]))
    assert (pictures[0].width_stride, pictures[0].height_stride) == (144, 130)
    assert buffer.shape == (195, 144)
    assert np.array_equal(buffer[:130, :136], luma)
    assert np.array_equal(buffer[130:, 0:136:2], first_u)
    assert np.array_equal(buffer[130:, 1:136:2], first_v)
    assert not buffer[:, 136:].any()
    pixels(pictures)


def test_memory_is_held_by_channel_and_pictures(device: Device) -> None:
    """A picture takes ws * hs * 3/2 until it is released (docs/chip.md#vdec-stride)."""
    before = device.memory.used_bytes
    clip = encoded("h264", "keyint=12:bframes=0", 5)
    channel = device.open_vdec(clip.stream)
    pictures = [picture for unit in clip.units for picture in channel.send(unit)]
    held = device.memory.by_holder()
    assert held["vdec picture"] == len(pictures) * (192 * 128 * 3 // 2 + 32)
    assert held["vdec channel"] > 16 << 20
    pixels(pictures)
    channel.close()
    channel.close()
    assert device.memory.used_bytes == before


def test_the_size_may_change_within_the_stream(device: Device) -> None:
    """Pictures carry their own size, and the channel's memory follows the larger one."""
    small, large = encoded("h264", "keyint=12", 6), encoded("h264", "keyint=12", 6, Size(320, 256))
    joined = [*small.units, *(replace(unit, row=unit.row + 6) for unit in large.units)]
    channel = device.open_vdec(small.stream)
    before = device.memory.by_holder()["vdec channel"]
    got = decode(channel, joined)
    assert [planes[0].shape for planes in got.values()] == [(128, 192)] * 6 + [(256, 320)] * 6
    assert device.memory.by_holder()["vdec channel"] > before


def test_a_size_outside_the_range_is_refused_when_it_comes(device: Device) -> None:
    """It answers 0x10006 below 128x128, whatever the header said (docs/chip.md#vdec-size-error)."""
    tiny = encoded("h264", "keyint=12:bframes=0", 3, Size(64, 64))
    with pytest.raises(DeviceError, match="row 0 is of 64x64") as caught:
        decode(device.open_vdec(stream_info()), tiny.units)
    assert caught.value.code == 0x10006


def test_deep_h264_is_refused_when_it_comes(device: Device) -> None:
    """High 10 is refused in the picture if no header told it (docs/chip.md#vdec-refused)."""
    deep = encoded("h264", "keyint=12:bframes=0", 3, pixels="yuv420p10le")
    with pytest.raises(DeviceError, match="yuv420p10le") as caught:
        decode(device.open_vdec(stream_info()), deep.units)
    assert caught.value.code == 0x10004


def test_data_without_a_start_code_is_refused(device: Device) -> None:
    """Nothing but Annex-B is decoded (docs/chip.md#vdec-input)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    length_prefixed = len(clip.units[0].nals.data).to_bytes(4, "big") + clip.units[0].nals.data[4:]
    with pytest.raises(DeviceError, match=r"row 0 .* start code") as caught:
        channel.send(changed(clip.units[0], length_prefixed))
    assert caught.value.code == 0x10008
    assert channel.drain() == []
    channel.reset()
    assert len(decode(channel, clip.units)) == 3


def test_the_end_comes_once_and_not_first(device: Device) -> None:
    """An end that is repeated, or comes first, is answered with 0x10008 (docs/chip.md#vdec-end)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    with pytest.raises(DeviceError) as first:
        channel.drain()
    decode(channel, clip.units)
    with pytest.raises(DeviceError) as repeated:
        channel.drain()
    assert (first.value.code, repeated.value.code) == (0x10008, 0x10008)


def test_a_drained_channel_says_to_reset_it(device: Device) -> None:
    """0x10001 says that the decoder is in the wrong state (docs/chip.md#vdec-state)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    decode(channel, clip.units)
    with pytest.raises(DeviceError, match="Reset it first") as caught:
        channel.send(clip.units[0])
    assert caught.value.code == 0x10001
    channel.reset()
    assert len(decode(channel, clip.units)) == 3


def test_a_closed_channel_refuses_everything(device: Device) -> None:
    """The channel must be alive (docs/chip.md#vdec-alive)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    channel.close()
    for call in (lambda: channel.send(clip.units[0]), channel.drain, channel.reset):
        with pytest.raises(DeviceError, match="closed"):
            call()


@pytest.mark.parametrize(
    ("codec", "nal"),
    [
        ("h264", b"\x06\x05\xff\x10\x80"),
        ("h264", b"\x06\x80"),
        ("hevc", b"\x4e\x01\x80"),
        ("hevc", b"\x4e\x01\x89\xc8\x01\x02\x80"),
        ("hevc", b"\x4e\x01\x04\x02\xb5\x00\x80"),
        ("hevc", b"\x50\x01\x84\x03\x01\x80"),
    ],
)
def test_a_malformed_message_costs_no_picture(device: Device, codec: str, nal: bytes) -> None:
    """SEI messages say nothing about samples: cut off or empty ones, as cameras write them."""
    clip = encoded(codec, "keyint=12:bframes=2:open-gop=1")
    whole = decode(device.open_vdec(clip.stream), clip.units)
    for shape in (annex_b([nal]) + b"%b", b"%b" + annex_b([nal])):
        units = [changed(unit, shape % unit.nals.data) for unit in clip.units]
        got = decode(device.open_vdec(clip.stream), units)
        assert same(got, whole, range(len(clip)))


@pytest.mark.parametrize(("codec", "params"), [("h264", "crf=4"), ("hevc", "wpp=1:pools=1:ctu=16")])
@pytest.mark.parametrize("row", [0, 3, 7, 13, 16])
def test_a_truncated_unit_costs_only_what_depends_on_it(
    device: Device, codec: str, params: str, row: int
) -> None:
    """The chip does not conceal; the sound part stands (docs/chip.md#vdec-damage)."""
    clip = encoded(codec, f"keyint=20:min-keyint=20:bframes=3:b-adapt=0:open-gop=0:{params}")
    whole = decode(device.open_vdec(clip.stream), clip.units)
    data = clip.units[row].nals.data
    units = list(clip.units)
    units[row] = changed(units[row], data[: max(8, len(data) * 2 // 3)])
    channel = device.open_vdec(clip.stream)
    good, error = send_until_error(channel, units)
    assert error is not None
    assert (error.code, f"of row {row} " in str(error)) == (0x10004, True)
    with pytest.raises(DeviceError, match="Reset it first"):
        channel.send(units[row + 1])
    got = pixels([*good, *channel.drain()])
    assert set(got) == set(range(row))
    assert same(got, whole, got)
    channel.reset()
    assert same(decode(channel, clip.gop(20)), whole, clip.owned(20))


@given(
    codec=st.sampled_from(["h264", "hevc"]),
    row=st.integers(0, 39),
    start=st.floats(0, 1),
    noise=st.binary(min_size=1, max_size=60),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_damage_reaches_a_picture_before_it(
    device: Device, codec: str, row: int, start: float, noise: bytes
) -> None:
    """Whatever bytes come: pictures of earlier units are right, and only DeviceError is raised."""
    clip = encoded(codec, "keyint=20:bframes=3:b-adapt=0")
    whole = libav_alone(clip)
    data = clip.units[row].nals.data
    at = 4 + round(start * (len(data) - 4))
    units = list(clip.units)
    units[row] = changed(units[row], data[:at] + noise + data[at + len(noise) :])
    channel = device.open_vdec(clip.stream)
    good, error = send_until_error(channel, units)
    if error is None:
        try:
            good += channel.drain()
        except DeviceError as late:
            error = late
    if error is not None:
        good += channel.drain()
        assert error.code in {0x10004, 0x10006}
    got = pixels(good)
    channel.close()
    assert set(range(row)) <= set(got)
    assert same(got, whole, range(row))
