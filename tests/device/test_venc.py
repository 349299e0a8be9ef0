"""VENC: streams that VDEC takes back, and the chip's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from elementary import moving_picture, samples
from refusals import code_of as code_of_any

from fleet.ascend.soc import Ascend310, Ascend310P3, Ascend910A, Soc
from fleet.ascend.surface import frame_of, in_memory
from fleet.ascend.vdec_settings import EnType
from fleet.ascend.venc import EncodeSettings
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device
from fleet.errors import DeviceOutOfMemoryError

SIZE = Size(192, 128)
ENCODERS = pytest.mark.parametrize("chip", [Ascend310, Ascend310P3], ids=["310", "310P3"])
FRAMES = 20


def code_of(call: Callable[[], object]) -> int:
    """Return the number of a refusal, by a row about the engine."""
    return code_of_any(call, "venc")


def picture(device: Device, number: int, pixel_format: P = P.NV12, size: Size = SIZE) -> Picture:
    """Picture `number` of a moving scene."""
    frame = moving_picture(number, size)
    args = (device.soc, device.memory, frame, Colour(), number, "test picture", pixel_format)
    return in_memory(*args)


def encoded(device: Device, **told: Any) -> list[tuple[int, bytes]]:
    """A stream of the moving scene."""
    settings = EncodeSettings(**{"en_type": 3, "size": SIZE, "key_interval": 8, **told})
    channel = device.open_venc(settings)
    units = []
    for number in range(FRAMES):
        shown = picture(device, number, settings.input_format)
        units += channel.send(shown)
        shown.release()
    units += channel.drain()
    channel.close()
    return units


def decoded(units: list[tuple[int, bytes]], codec: str) -> list[av.VideoFrame]:
    """What libav makes of the stream by itself."""
    decoder = CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    frames = [frame for _, data in units for frame in decoder.decode(av.Packet(data))]
    return [*frames, *decoder.decode(None)]


@ENCODERS
@pytest.mark.parametrize("en_type", EnType)
def test_a_stream_decodes_to_the_pictures(chip: Soc, en_type: EnType) -> None:
    """Every picture once, in order, in Annex-B units of their own, close to what was sent."""
    with Device(chip) as device:
        units = encoded(device, en_type=en_type, max_bit_rate=4000)
        assert [row for row, _ in units] == list(range(FRAMES))
        assert all(data.startswith((b"\0\0\1", b"\0\0\0\1")) for _, data in units)
        frames = decoded(units, "hevc" if en_type is EnType.H265_MAIN else "h264")
        assert len(frames) == FRAMES
        for number, frame in enumerate(frames):
            sent = samples(moving_picture(number, SIZE))[0].astype(int)
            assert np.abs(samples(frame)[0] - sent).mean() < 12
        assert device.memory.by_holder().keys() == {"vpc channel"}


@ENCODERS
def test_keys_come_at_their_interval_and_where_asked(chip: Soc) -> None:
    """Each 8th, and the one that is told."""
    with Device(chip) as device:
        frames = decoded(encoded(device), "h264")
        assert [n for n, frame in enumerate(frames) if frame.key_frame] == [0, 8, 16]
        settings = EncodeSettings(en_type=3, size=SIZE, key_interval=100)
        channel, units = device.open_venc(settings), []
        for number in range(10):
            shown = picture(device, number)
            units += channel.send(shown, key=number == 5)
            shown.release()
        frames = decoded([*units, *channel.drain()], "h264")
        assert [n for n, frame in enumerate(frames) if frame.key_frame] == [0, 5]


@ENCODERS
def test_a_higher_bit_rate_makes_a_larger_stream(chip: Soc) -> None:
    """And the default is the chip's: 300 kbit/s on the 310, 2000 on the 310P."""
    with Device(chip) as device:
        sizes = [
            sum(len(data) for _, data in encoded(device, max_bit_rate=rate))
            for rate in (100, 0, 8000)
        ]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2]
        rate = 300 if chip is Ascend310 else 2000
        assert encoded(device) == encoded(device, max_bit_rate=rate)


def test_the_chips_defaults_differ_in_rate_control() -> None:
    """0 is CBR on the 310 and VBR on the 310P, each with its share for keys."""
    told: dict[str, Any] = {"max_bit_rate": 300, "source_rate": 30}
    with Device(Ascend310) as device:
        constant = encoded(device, rate_control=2, ip_ratio=70, **told)
        assert encoded(device, **told) == constant
        assert encoded(device, rate_control=1, **told) != constant
    with Device(Ascend310P3) as device:
        variable = encoded(device, rate_control=1, ip_ratio=80, **told)
        assert encoded(device, **told) == variable


def test_nv21_gives_the_same_stream() -> None:
    """Only the buffer's order differs."""
    with Device(Ascend310) as device:
        assert encoded(device) == encoded(device, input_format=P.NV21)


@ENCODERS
@pytest.mark.parametrize(
    "wrong",
    [
        {"en_type": 4},
        {"size": Size(126, 128)},
        {"size": Size(1922, 128)},
        {"size": Size(129, 128)},
        {"input_format": P.RGB_888},
        {"key_interval": 0},
        {"key_interval": 65537},
        {"rate_control": 3},
        {"source_rate": 241},
        {"max_bit_rate": 1},
        {"max_bit_rate": 614401},
        {"ip_ratio": 101},
    ],
)
def test_settings_have_ranges(chip: Soc, wrong: dict[str, Any]) -> None:
    """100000, and nothing is held (docs/chip.md#venc)."""
    told = EncodeSettings(**{"en_type": 3, "size": SIZE, "key_interval": 8, **wrong})
    with Device(chip) as device:
        assert code_of(lambda: device.open_venc(told)) == 100000
        assert device.memory.by_holder().keys() == {"vpc channel"}


def test_the_training_chip_has_no_encoder() -> None:
    """200006 (docs/chip.md#venc)."""
    told = EncodeSettings(en_type=3, size=SIZE, key_interval=8)
    with Device(Ascend910A) as device:
        assert code_of(lambda: device.open_venc(told)) == 200006


@ENCODERS
def test_pictures_are_those_that_the_channel_was_told(chip: Soc) -> None:
    """Another size 100000, another format 100027, twice the bytes 100000, after the end 100000."""
    with Device(chip) as device:
        channel = device.open_venc(EncodeSettings(en_type=3, size=SIZE, key_interval=8))
        small = picture(device, 0, size=Size(160, 128))
        other = picture(device, 0, P.NV21)
        own = picture(device, 0)
        args = (device.soc, device.memory, frame_of(own), Colour(), 0, "test picture", P.NV12)
        loose = in_memory(*args, (384, 128))
        assert code_of(lambda: channel.send(small)) == 100000
        assert code_of(lambda: channel.send(other)) == 100027
        assert code_of(lambda: channel.send(loose)) == 100000
        units = [*channel.send(own), *channel.drain()]
        assert [row for row, _ in units] == [0]
        assert code_of(lambda: channel.send(own)) == 100000
        assert code_of(channel.drain) == 100000
        for shown in (small, other, own, loose):
            shown.release()


@pytest.mark.parametrize(("chip", "bytes_"), [(Ascend310, 3_686_400), (Ascend310P3, 8 << 20)])
def test_a_channel_takes_its_output_buffer(chip: Soc, bytes_: int) -> None:
    """And 1/30 s a picture at 1080p (docs/chip.md#clock-venc)."""
    told = EncodeSettings(en_type=3, size=SIZE, key_interval=8)
    with Device(chip) as device:
        device.open_venc(told)
        assert device.memory.by_holder()["venc channel"] == bytes_ + 32
        device.memory.allocate(device.memory.budget_bytes - device.memory.used_bytes - 64, "full")
        with pytest.raises(DeviceOutOfMemoryError):
            device.open_venc(told)
