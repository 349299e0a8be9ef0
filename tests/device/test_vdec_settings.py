"""A channel does what it was told, or refuses it with the chip's number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from elementary import encoded, samples, stream_info

from fleet.ascend.soc import CHIPS, Ascend310, Ascend310P3, Soc
from fleet.ascend.surface import frame_of, planes
from fleet.ascend.vdec_settings import ChannelSettings, EnType
from fleet.core.frames import Picture, download
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device
from fleet.errors import DeviceError

EVERYWHERE = pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
PLAIN = encoded("h264", "keyint=12:bframes=0:ref=2", 14)
REORDERED = encoded("h264", "keyint=12:bframes=3:b-adapt=0", 14)


def decoded(device: Device, clip: Any = PLAIN, **settings: Any) -> list[Picture]:
    """All pictures of a clip, from a channel that was told the settings."""
    channel = device.open_vdec(clip.stream, ChannelSettings(**settings))
    pictures = [picture for unit in clip.units for picture in channel.send(unit)]
    pictures += channel.drain()
    channel.close()
    return pictures


def code_of(call: Callable[[], object]) -> int:
    """The number of a refusal, which cites its row and says a way out."""
    with pytest.raises(DeviceError) as caught:
        call()
    assert caught.value.way_out
    return caught.value.code


@EVERYWHERE
def test_nv21_is_nv12_with_pairs_exchanged(chip: Soc) -> None:
    """The same samples, V first in the buffer (docs/chip.md#vdec-output-format)."""
    with Device(chip) as device:
        plain, other = decoded(device), decoded(device, output_format=P.NV21)
        for one, two in zip(plain, other, strict=True):
            assert (one.row, two.pixel_format) == (two.row, P.NV21)
            first, second = download(one), download(two)
            height = one.height_stride
            assert np.array_equal(first[:height], second[:height])
            assert np.array_equal(first[height:, 0::2], second[height:, 1::2])
            assert np.array_equal(first[height:, 1::2], second[height:, 0::2])
        for picture in (*plain, *other):
            picture.release()


@pytest.mark.parametrize("pixel_format", [P.RGB_888, P.BGR_888])
def test_rgb_is_for_the_second_generation(pixel_format: P) -> None:
    """Rows of 3 x 16 pixels; 100000 on the others (docs/chip.md#vdec-output-format)."""
    with Device(Ascend310P3) as device:
        pictures = decoded(device, output_format=pixel_format, csc_matrix=1)
        plain = decoded(device)
        for picture, yuv in zip(pictures, plain, strict=True):
            assert picture.width_stride == 192 * 3
            own = planes(frame_of(picture))[0].reshape(128, 192, 3)
            assert np.abs(own.astype(int) - yuv.rgb()).mean() < 3
            assert download(picture).shape == (128, 576)
        for picture in (*pictures, *plain):
            picture.release()
    with Device(Ascend310) as device:
        told = ChannelSettings(output_format=pixel_format)
        assert code_of(lambda: device.open_vdec(PLAIN.stream, told)) == 100000


@EVERYWHERE
def test_pictures_are_scaled_behind_the_decoder(chip: Soc) -> None:
    """The size that was told, and its strides (docs/chip.md#vdec-output-sizes)."""
    with Device(chip) as device:
        pictures = decoded(device, output_size=Size(100, 66))
        plain = decoded(device)
        assert {picture.size for picture in pictures} == {Size(100, 66)}
        assert {picture.width_stride for picture in pictures} == {112}
        means = [samples(frame_of(picture))[0].mean() for picture in pictures]
        assert means == pytest.approx([samples(frame_of(p))[0].mean() for p in plain], abs=1.5)
        for picture in (*pictures, *plain):
            picture.release()


@EVERYWHERE
def test_mode_1_gives_each_picture_at_once(chip: Soc) -> None:
    """One picture a send, the same as in mode 0 (docs/chip.md#vdec-mode)."""
    with Device(chip) as device:
        channel = device.open_vdec(PLAIN.stream, ChannelSettings(out_mode=1))
        at_once = [channel.send(unit) for unit in PLAIN.units]
        assert [len(pictures) for pictures in at_once] == [1] * len(PLAIN)
        plain = decoded(device)
        for (one,), two in zip(at_once, plain, strict=True):
            assert np.array_equal(download(one), download(two))
            one.release()
            two.release()


@EVERYWHERE
def test_mode_1_is_not_for_b_frames(chip: Soc) -> None:
    """The first one is refused (docs/chip.md#vdec-mode)."""
    with Device(chip) as device:
        assert code_of(lambda: decoded(device, REORDERED, out_mode=1)) == 0x10004


@EVERYWHERE
@pytest.mark.parametrize("en_type", EnType)
@pytest.mark.parametrize(
    ("codec", "profile"),
    [
        *(("h264", profile) for profile in ("Baseline", "Constrained Baseline", "Main", "High")),
        *(("hevc", profile) for profile in ("Main", "Main 10", "Main Intra")),
    ],
)
def test_the_kind_of_stream_is_the_streams(
    chip: Soc, codec: str, en_type: EnType, profile: str
) -> None:
    """Another kind is answered with 0x10009 (docs/chip.md#vdec-entype)."""
    takes = {
        EnType.H265_MAIN: codec == "hevc",
        EnType.H264_BASELINE: codec == "h264" and "Baseline" in profile,
        EnType.H264_MAIN: codec == "h264" and profile in {"Constrained Baseline", "Main"},
        EnType.H264_HIGH: codec == "h264" and profile in {"Constrained Baseline", "Main", "High"},
    }
    stream = stream_info(codec, profile=profile)
    with Device(chip) as device:
        told = ChannelSettings(en_type=en_type)
        if takes[en_type]:
            device.open_vdec(stream, told).close()
        else:
            assert code_of(lambda: device.open_vdec(stream, told)) == 0x10009


@EVERYWHERE
@pytest.mark.parametrize(
    "wrong",
    [
        {"en_type": 4},
        {"en_type": -1},
        {"out_mode": 2},
        {"output_format": P.YUV_400},
        {"output_size": Size(8, 6)},
        {"output_size": Size(101, 66)},
        {"output_size": Size(4098, 66)},
        {"channel_id": -1},
        {"channel_id": 256},
    ],
)
def test_values_out_of_range_are_100000(chip: Soc, wrong: dict[str, Any]) -> None:
    """At the call, before anything is held."""
    with Device(chip) as device:
        assert code_of(lambda: device.open_vdec(stream_info(), ChannelSettings(**wrong))) == 100000
        assert device.memory.by_holder().keys() == {"vpc channel"}


@pytest.mark.parametrize(
    ("setting", "good", "bad"),
    [("ref_frame_num", 16, 17), ("bit_depth", 1, 2), ("csc_matrix", 5, 6)],
)
def test_some_settings_are_the_310ps(setting: str, good: int, bad: int) -> None:
    """200006 on the others, 100000 for another value (docs/chip.md#vdec-settings)."""
    for chip in CHIPS.values():
        with Device(chip) as device:
            numbers = []
            for value in (good, bad):
                told = ChannelSettings(**{setting: value})  # type: ignore[arg-type]
                try:
                    device.open_vdec(stream_info(), told).close()
                except DeviceError as error:
                    numbers.append(error.code)
            assert numbers == ([100000] if chip is Ascend310P3 else [200006, 200006])


def test_a_stream_has_to_keep_to_what_its_channel_was_told() -> None:
    """References 0x20001, size 0x20002, depth 0x10004."""
    with Device(Ascend310P3) as device:
        cases: list[tuple[dict[str, Any], dict[str, Any], int]] = [
            ({"ref_frame_num": 3}, {"reference_frames": 4}, 0x20001),
            ({"largest": Size(1280, 720)}, {"size": Size(1920, 1080)}, 0x20002),
            ({"bit_depth": 0}, {"codec": "hevc", "bit_depth": 10, "profile": "Main 10"}, 0x10004),
        ]
        for told, facts, number in cases:
            opening = partial(device.open_vdec, stream_info(**facts), ChannelSettings(**told))
            assert code_of(opening) == number


def test_channels_are_numbered_from_the_lowest_free_number() -> None:
    """A number in use is answered with 0xA0058004 (docs/chip.md#vdec-ids)."""
    with Device(Ascend310) as device:
        first, second, far = (
            device.open_vdec(stream_info(), ChannelSettings(channel_id=told))
            for told in (None, None, 31)
        )
        assert [first.id, second.id, far.id] == [0, 1, 31]
        first.close()
        again = device.open_vdec(stream_info())
        assert again.id == 0
        taken = ChannelSettings(channel_id=31)
        assert code_of(lambda: device.open_vdec(stream_info(), taken)) == 0xA0058004


def test_a_closed_device_says_what_leaked() -> None:
    """By holder, and what was held at the peak (docs/chip.md#memory-leak)."""
    device = Device(Ascend310)
    pictures = decoded(device)
    held = sum(device.memory.by_holder().values())
    assert device.memory.peak_bytes > held
    assert sum(device.memory.peak_by_holder().values()) == device.memory.peak_bytes
    assert "vdec channel" in device.memory.peak_by_holder()
    for picture in pictures[1:]:
        picture.release()
    device.close()
    assert device.memory.leaked == {"vdec picture": 192 * 128 * 3 // 2 + 32}
    pictures[0].release()
    device.close()
    assert device.memory.leaked
    clean = Device(Ascend310)
    clean.close()
    assert clean.memory.leaked == {}
