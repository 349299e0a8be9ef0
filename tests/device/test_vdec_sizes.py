"""VDEC: sizes, strides, depths, and the memory that they take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import av
import numpy as np
import pytest
from decodes import Pixels, decode, libav_alone, pixels, same, send_until_error
from elementary import (
    SMALL,
    Elementary,
    encoded,
    samples,
    stream_info,
)

from fleet.ascend.surface import frame_of
from fleet.ascend.vdec import VdecChannel
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import download
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.errors import DeviceError


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


SMALL_THEN_LARGE = Size(1920, 1088)


def grown(params: str = "keyint=12:bframes=0") -> tuple[Elementary, list[AccessUnit]]:
    """Six small pictures, six large ones, and six small ones again."""
    small, large = encoded("h264", params, 6), encoded("h264", params, 6, SMALL_THEN_LARGE)
    units = [
        replace(unit, row=unit.row + number * 6)
        for number, clip in enumerate((small, large, small))
        for unit in clip.units
    ]
    return small, units


@contextmanager
def crowded(device: Device, free_bytes: int) -> Iterator[None]:
    """Leave so many bytes of a device's memory, and no more than 64 beside them."""
    left = device.memory.budget_bytes - device.memory.used_bytes
    others = device.memory.allocate(left - free_bytes - 64, "others")
    try:
        yield
    finally:
        others.free()


@pytest.mark.parametrize("params", ["keyint=12:bframes=0", "keyint=12:bframes=3:b-adapt=0"])
def test_a_size_for_which_there_is_no_memory_is_refused_when_it_comes(
    device: Device, params: str
) -> None:
    """0x10006; what came before is given, and small pictures decode again after a reset."""
    small, units = grown(params)
    channel = device.open_vdec(small.stream)
    held = device.memory.by_holder()["vdec channel"]
    with crowded(device, 1 << 20):
        before, error = send_until_error(channel, units)
    assert error is not None
    assert error.code == 0x10006
    assert f"changes from {SMALL} to {SMALL_THEN_LARGE}" in str(error)
    assert "others" in str(error)
    assert set(range(6)) <= set(pixels([*before, *channel.drain()])) | {channel.damaged_row}
    assert device.memory.by_holder()["vdec channel"] == held
    channel.reset()
    assert len(decode(channel, [replace(unit, row=unit.row - 12) for unit in units[12:]])) == 6
    channel.close()
    assert device.memory.by_holder().keys() == {"vpc channel"}


def test_a_picture_for_which_there_is_no_memory_costs_none_before_it(device: Device) -> None:
    """207001 at the picture; those that had come are given, once somebody makes room for them."""
    clip = encoded("h264", "keyint=40:bframes=0", 12)
    whole = libav_alone(clip)
    channel = device.open_vdec(clip.stream)
    with crowded(device, 3 * (192 * 128 * 3 // 2 + 32)):
        held, error = send_until_error(channel, clip.units)
    assert error is not None
    assert (error.code, channel.damaged_row, len(held)) == (207001, 3, 3)
    got = pixels([*held, *channel.drain()])
    assert same(got, whole, range(3))
    channel.reset()
    assert len(decode_one_by_one(channel, clip.units)) == 12


@pytest.mark.parametrize("free", range(6))
def test_of_pictures_that_come_together_none_is_leaked(device: Device, free: int) -> None:
    """A unit whose pictures do not all fit returns none; the drain returns those that do."""
    clip = encoded("h264", "keyint=40:bframes=7:b-pyramid=normal:b-adapt=0", 9)
    whole = libav_alone(clip)
    channel = device.open_vdec(clip.stream)
    left = len(whole) - sum(len(pixels(channel.send(unit))) for unit in clip.units)
    assert left > 1
    with crowded(device, free * (192 * 128 * 3 // 2 + 32)):
        if free < left:
            with pytest.raises(DeviceError) as caught:
                channel.drain()
            assert caught.value.code == 207001
            assert "vdec picture" not in device.memory.by_holder()
        given = channel.drain()
    assert same(pixels(given), whole, [picture.row for picture in given])


def decode_one_by_one(channel: VdecChannel, units: Iterable[AccessUnit]) -> Pixels:
    """Decode, and release each picture before the next unit is sent."""
    got: Pixels = {}
    for unit in units:
        got |= pixels(channel.send(unit))
    return got | pixels(channel.drain())
