"""Section 1: VDEC, what a channel may be told, and what it does with pictures."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import Any

import numpy as np
from conformance_row import SECOND, Rows
from elementary import changed, samples
from probing import HD, P720, code, codes
from vdec_probing import Seen, decoded, encoded_clip, open_channel, told

from fleet.ascend.calls.vdec_session import ChannelDescription, Report, VdecSession
from fleet.ascend.surface import frame_of
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.device import Device

VDEC_SETTINGS = Rows("1 VDEC")


@VDEC_SETTINGS.row("D", "docs/chip.md#vdec-mode", expect=(100000, [1] * 8, 0x10004))
def output_mode(device: Device) -> object:
    """0 holds pictures back, 1 gives each at once and takes no B-frames."""
    clip = encoded_clip(params="keyint=12:bframes=0")
    channel = device.open_vdec(clip.stream, ChannelSettings(out_mode=1))
    at_once = [len(channel.send(unit)) for unit in clip.units]
    wrong = code(lambda: decoded(device, encoded_clip(), out_mode=1))
    return told(device, out_mode=2), at_once, wrong


@VDEC_SETTINGS.row(
    "D",
    "docs/chip.md#vdec-size-change",
    expect=("1920x1120", 0x20002, 0),
    by_chip={SECOND: ("4096x4096", 0x20002, 0)},
)
def largest_stream(device: Device) -> object:
    """The default, and 0x20002 for a larger stream than was told."""
    told = ChannelSettings(largest=P720)
    tried = codes(
        lambda: open_channel(device, told, size=HD),
        lambda: open_channel(device, told, size=P720).close(),
    )
    return str(device.soc.vdec.default_largest), *tried


@VDEC_SETTINGS.row(
    "D",
    "docs/chip.md#vdec-settings",
    expect=(200006, 200006, 200006),
    by_chip={SECOND: (0, 100000, 0x20001)},
)
def reference_frames(device: Device) -> object:
    """Unsupported on the 310; 0 to 16 on the 310P, 0x20001 for too few."""
    return tuple(told(device, ref_frame_num=number) for number in (16, 17, 3))


@VDEC_SETTINGS.row(
    "D", "docs/chip.md#vdec-settings", expect=(200006, 200006), by_chip={SECOND: (0, 0x10004)}
)
def bit_depth(device: Device) -> object:
    """Unsupported on the 310; 10 for a 10-bit stream on the 310P."""
    deep: dict[str, Any] = {"codec": "hevc", "profile": "Main 10", "bit_depth": 10}
    return codes(
        *(lambda d=d: open_channel(device, ChannelSettings(bit_depth=d), **deep) for d in (1, 0))
    )


@VDEC_SETTINGS.row(
    "I", "docs/chip.md#vdec-ten-bit", expect=("NV12", 8), left_out={SECOND: "told by bit_depth"}
)
def ten_bits(device: Device) -> object:
    """10 bits come out as 8."""
    clip = encoded_clip("hevc", "keyint=12:bframes=0", pixels="yuv420p10le")
    picture = decoded(device, clip)[0]
    return picture.pixel_format.name, samples(frame_of(picture))[0].dtype.itemsize * 8


@VDEC_SETTINGS.row(
    "D", "docs/chip.md#vdec-settings", expect=(200006, 200006), by_chip={SECOND: (0, 100000)}
)
def csc_matrix(device: Device) -> object:
    """Unsupported on the 310; 0 to 5 on the 310P."""
    return tuple(told(device, csc_matrix=number) for number in (5, 6))


@VDEC_SETTINGS.row("D", "docs/chip.md#vdec-interlaced", expect=(0, 0x10004))
def interlaced(device: Device) -> object:
    """H.264 alone."""
    return codes(
        lambda: open_channel(device, interlaced=True),
        lambda: open_channel(device, codec="hevc", profile="Main", interlaced=True),
    )


@VDEC_SETTINGS.row("D", "docs/chip.md#vdec-damage", expect=[0, 0, 0x10004, 0x10004, 0, 0, 0, 0])
def damaged_frames(device: Device) -> object:
    """A damaged frame is dropped, and decoding goes on."""
    clip, seen = encoded_clip(params="keyint=4:min-keyint=4:scenecut=0:bframes=0"), Seen()
    units = list(clip.units)
    units[2] = changed(units[2], units[2].nals.data[:40])
    session = device.create_vdec(clip.stream, ChannelDescription(seen))
    for unit in units:
        session.send(unit)
    session.destroy()
    return [seen.codes[row] for row in range(8)]


@VDEC_SETTINGS.row("D", "docs/chip.md#vdec-skip", expect=([1, 3, 5, 7], True))
def skipping(device: Device) -> object:
    """A skipped frame is decoded as a reference, and gives no picture."""
    clip = encoded_clip(params="keyint=12:bframes=0")
    whole = decoded(device, clip)
    units = tuple(replace(unit, wanted=unit.row % 2 == 1) for unit in clip.units)
    some = decoded(device, replace(clip, units=units))
    same = all(
        np.array_equal(samples(frame_of(p))[0], samples(frame_of(whole[p.row]))[0]) for p in some
    )
    return [picture.row for picture in some], same


@VDEC_SETTINGS.row("D", "docs/chip.md#channel-threads", expect=(0xA0058012, 0, 2))
def threads(device: Device) -> object:
    """A channel is not thread-safe, and takes two streams."""
    clip = encoded_clip(params="keyint=12:bframes=0")
    found: list[int | str] = []
    sessions: list[VdecSession] = []

    def meddle(report: Report) -> None:
        assert report.picture is not None
        report.picture.release()
        other = Thread(target=lambda: found.append(code(sessions[0].destroy)))
        other.start()
        other.join()

    session = device.create_vdec(clip.stream, ChannelDescription(meddle))
    sessions.append(session)
    session.send(clip.units[0])
    session.destroy()
    most = device.soc.cores.most_streams
    streams = [device.create_stream() for _ in range(most - 1)]
    refused = code(lambda: device.open_vdec(clip.stream))
    streams.pop().destroy()
    fits = code(lambda: device.open_vdec(clip.stream))
    return found[0], fits, 2 if refused == 207008 else 0
