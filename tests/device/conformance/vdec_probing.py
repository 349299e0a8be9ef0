"""What the probes of VDEC share: streams, channels, and what comes out of them."""

from __future__ import annotations

from typing import Any

from elementary import Elementary, encoded, stream_info
from probing import code

from fleet.ascend.calls.vdec_session import Report
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.core.frames import Picture
from fleet.device import Device


def encoded_clip(
    codec: str = "h264", params: str = "keyint=12:bframes=3:b-adapt=0", **more: Any
) -> Elementary:
    """A stream of 8 pictures, with a key and B-frames where nothing else is said."""
    return encoded(codec, params, more.pop("frames", 8), **more)


def open_channel(device: Device, settings: ChannelSettings | None = None, **facts: Any) -> Any:
    """A channel for a stream of some facts."""
    return device.open_vdec(stream_info(**facts), settings or ChannelSettings())


def decoded(device: Device, clip: Elementary, **settings: Any) -> list[Picture]:
    """All pictures of a stream, by a channel that is told something."""
    channel = device.open_vdec(clip.stream, ChannelSettings(**settings))
    pictures = [picture for unit in clip.units for picture in channel.send(unit)]
    pictures += channel.drain()
    channel.close()
    return pictures


def told(device: Device, **settings: Any) -> int | str:
    """The number with which a setting is refused; 0 where it is taken."""
    return code(lambda: open_channel(device, ChannelSettings(**settings)).close())


class Seen:
    """A callback that keeps rows and numbers, and releases pictures."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.users: list[object] = []

    def __call__(self, report: Report) -> None:
        """Keep what is reported."""
        self.codes[report.unit.row] = report.ret_code
        self.users.append(report.user)
        if report.picture is not None:
            report.picture.release()
