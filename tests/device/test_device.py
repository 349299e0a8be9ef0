"""A device's life: what it opens, closes and counts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from elementary import encoded, stream_info

from fleet.ascend.soc import MB, Ascend310
from fleet.ascend.vdec import VdecChannel
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.errors import DeviceError, ModelRefusedError, StreamRefusedError


def test_a_device_holds_little_before_anything_is_opened(device: Device) -> None:
    """Only the VPC channel takes memory, 2 MB (docs/chip.md#vpc-commands)."""
    assert device.memory.by_holder() == {"vpc channel": 2 * MB + 32}
    assert device.memory.budget_bytes == 7759 * MB
    assert device.name == "Ascend310:0"


def test_closing_gives_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is open is closed with the device, the last first; closing again does nothing."""
    closed: list[int] = []
    close = VdecChannel.close

    def record(channel: VdecChannel) -> None:
        closed.append(channel.stream.size.width)
        close(channel)

    monkeypatch.setattr(VdecChannel, "close", record)
    device = Device(Ascend310)
    for width in (640, 1280, 320):
        device.open_vdec(stream_info(size=Size(width, 240)))
    device.close()
    device.close()
    assert closed == [320, 1280, 640]
    assert device.memory.used_bytes == 0


def test_a_closed_device_refuses_work() -> None:
    """Without a context it answers 107002 (docs/chip.md#memory-context)."""
    device = Device(Ascend310)
    device.close()
    with pytest.raises(DeviceError) as caught:
        device.open_vdec(stream_info())
    assert caught.value.code == 107002


def test_channels_beyond_the_chip_are_refused(device: Device) -> None:
    """16 run at 1080p, and the next is answered with 207005 (docs/chip.md#vdec-channel-error)."""
    hd = stream_info(size=Size(1920, 1080))
    channels = [device.open_vdec(hd) for _ in range(16)]
    with pytest.raises(DeviceError) as caught:
        device.open_vdec(hd)
    assert caught.value.code == 207005
    channels[0].close()
    device.open_vdec(hd)


def test_channels_of_different_sizes_share_the_chip(device: Device) -> None:
    """2 of 4 at 4K leave room for 16 of 32 at 720p (docs/chip.md#vdec-channels)."""
    for _ in range(2):
        device.open_vdec(stream_info(size=Size(3840, 2160)))
    for _ in range(16):
        device.open_vdec(stream_info(size=Size(1280, 720)))
    with pytest.raises(DeviceError):
        device.open_vdec(stream_info(size=Size(128, 128)))


def test_a_refused_stream_takes_no_memory(device: Device) -> None:
    """Opening a channel checks the stream before anything is allocated."""
    before = device.memory.used_bytes
    with pytest.raises(StreamRefusedError):
        device.open_vdec(stream_info("vp9"))
    assert device.memory.used_bytes == before


def test_a_missing_model_is_refused(device: Device, tmp_path: Path) -> None:
    """A file that is not there is answered with 145002 (docs/chip.md#model-load)."""
    with pytest.raises(DeviceError, match=r"none\.om cannot be read") as caught:
        device.load(str(tmp_path / "none.om"))
    assert caught.value.code == 145002


def test_a_model_is_read_by_the_given_function() -> None:
    """Storage is handed in: the device itself knows none."""
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return b"no model"

    with Device(Ascend310, read_file=read) as device, pytest.raises(ModelRefusedError):
        device.load("s3://models/yolo.om")
    assert asked == ["s3://models/yolo.om"]


def test_both_clocks_count_by_engine(device: Device) -> None:
    """Modelled chip seconds follow the spec, measured host seconds this thread's CPU."""
    clip = encoded("h264", "keyint=10", 20)
    channel = device.open_vdec(clip.stream)
    before = device.clock.snapshot()
    pictures = [picture for unit in clip.units for picture in channel.send(unit)]
    for picture in [*pictures, *channel.drain()]:
        device.vpc.resize(picture, Size(64, 64)).release()
        picture.release()
    spent = device.clock.snapshot().since(before)
    assert spent.chip_s["vdec"] == pytest.approx(20 / 960)
    assert spent.chip_s["vpc"] == pytest.approx(20 * 192 * 128 / (1920 * 1080 * 360))
    assert set(spent.host_s) == {"vdec", "vpc"}
    assert all(0 < seconds < 10 for seconds in spent.host_s.values())


def test_a_stage_counts_cpu_and_not_waiting(device: Device) -> None:
    """Host seconds are CPU seconds: sleeping costs none."""
    with device.clock.stage("fetch"):
        time.sleep(0.05)
    assert device.clock.snapshot().host_s["fetch"] < 0.04
