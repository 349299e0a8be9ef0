"""Section 1: VDEC, what it decodes, and how many streams."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from conformance_row import SECOND, Rows
from probing import HD, P720, UHD, code, codes
from vdec_probing import Seen, decoded, encoded_clip, open_channel, told

from fleet.ascend.calls.vdec_session import ChannelDescription, OutputFields
from fleet.ascend.clock import vdec_s
from fleet.ascend.memory import ADDRESS_STEP
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.core.access_unit import NalUnits
from fleet.core.frames import download
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device
from fleet.errors import DeviceError

VDEC = Rows("1 VDEC")
MB = 1 << 20


@VDEC.row("D", "docs/chip.md#vdec-entype", expect=(0, 0, 0, 0x10009, 100000))
def en_type(device: Device) -> object:
    """0 H.265 Main, 1 to 3 H.264 Baseline, Main, High."""
    asked = [("hevc", "Main", 0), ("h264", "Baseline", 1), ("h264", "High", 3)]
    asked += [("h264", "High", 0), ("h264", "High", 4)]
    return codes(
        *(
            lambda c=c, p=p, e=e: open_channel(
                device, ChannelSettings(en_type=e), codec=c, profile=p
            )
            for c, p, e in asked
        )
    )


@VDEC.row("D", "docs/chip.md#vdec-codecs", expect=(0, 0, 0, 0, 0, 0x10004, 0x10004))
def codecs(device: Device) -> object:
    """H.264 Baseline, Main, High of 8 bits, H.265 of 8 or 10, up to level 5.1."""
    taken = [("h264", profile, 8, "5.1") for profile in ("Baseline", "Main", "High")]
    taken += [("hevc", "Main", 8, "5.1"), ("hevc", "Main 10", 10, "5.1")]
    taken += [("h264", "High", 8, "5.2"), ("h264", "High", 10, "4.0")]
    return codes(
        *(
            lambda c=c, p=p, b=b, n=n: open_channel(
                device, codec=c, profile=p, bit_depth=b, level=n
            ).close()
            for c, p, b, n in taken
        )
    )


@VDEC.row("I", "docs/chip.md#vdec-refused", expect=(0x10004,) * 3 + (0x10009,) * 5)
def refused(device: Device) -> object:
    """High 10, 4:2:2, 4:4:4, and other codecs."""
    facts: list[dict[str, Any]] = [{"profile": "High 10", "bit_depth": 10}]
    facts += [{"chroma": chroma} for chroma in ("4:2:2", "4:4:4")]
    facts += [{"codec": name} for name in ("mpeg2video", "mpeg4", "vp9", "av1", "mjpeg")]
    return codes(*(lambda f=f: open_channel(device, **f) for f in facts))


@VDEC.row("D", "docs/chip.md#vdec-input", expect=0x10008)
def input_container(device: Device) -> object:
    """A raw stream with start codes: length-prefixed units are refused."""
    clip = encoded_clip()
    unit = clip.units[0]
    data = (len(unit.nals.data) - 4).to_bytes(4, "big") + unit.nals.data[4:]
    prefixed = replace(unit, nals=NalUnits(data, ()))
    return code(lambda: device.open_vdec(clip.stream).send(prefixed))


VDEC.left_out(
    "demux-check", "D", "ACLLite tries an unknown profile as Main.", "a helper of samples"
)


@VDEC.row("D", "docs/chip.md#vdec-sizes", expect=(0, 0, 0x10006, 0x10006, 0x10006))
def input_size(device: Device) -> object:
    """128x128 to 4096x4096."""
    sizes = [(128, 128), (4096, 4096), (126, 128), (4098, 128), (128, 4098)]
    return codes(*(lambda s=s: open_channel(device, size=Size(*s)).close() for s in sizes))


@VDEC.row("D", "docs/chip.md#vdec-output-sizes", expect=(0, 0, 100000, 100000, Size(64, 48)))
def output_size(device: Device) -> object:
    """10x6 to 4096x4096 behind the decoder."""
    sizes = [(10, 6), (4096, 4096), (8, 6), (4098, 6)]
    made = decoded(device, encoded_clip(), output_size=Size(64, 48))
    return (*(told(device, output_size=Size(*size)) for size in sizes), made[0].size)


_RGB_TOO = (0, 0, 0, 0, 100000)


@VDEC.row(
    "D",
    "docs/chip.md#vdec-output-format",
    expect=(0, 0, 100000, 100000, 100000),
    by_chip={SECOND: _RGB_TOO},
)
def output_format(device: Device) -> object:
    """NV12, NV21; on the 310P RGB and BGR too."""
    asked = (P.NV12, P.NV21, P.RGB_888, P.BGR_888, P.YUV_400)
    return tuple(told(device, output_format=pixel_format) for pixel_format in asked)


@VDEC.row("D", "docs/chip.md#vdec-output-sizes", expect=(100000, 100000))
def even_output(device: Device) -> object:
    """Both sides are even."""
    return tuple(told(device, output_size=Size(*size)) for size in ((101, 64), (100, 65)))


@VDEC.row("D", "docs/chip.md#vdec-stride", expect=(208, 130, 208 * 130 * 3 // 2, 32))
def output_stride(device: Device) -> object:
    """A multiple of 16 by 2, at least 32."""
    clip = encoded_clip(size=Size(200, 130))
    picture = decoded(device, clip)[0]
    taken = download(picture).nbytes
    small = decoded(device, clip, output_size=Size(10, 6))[0]
    return picture.width_stride, picture.height_stride, taken, small.width_stride


@VDEC.row("D", "docs/chip.md#memory-address", expect=True)
def output_memory(device: Device) -> object:
    """Pictures lie at multiples of 16."""
    del device
    return ADDRESS_STEP % 16 == 0


VDEC.left_out("input-memory", "D", "Any memory does for the input.", "nothing is refused by it")


@VDEC.row("D", "docs/chip.md#vdec-life", expect=(0, 0, 3, 4))
def four_fields(device: Device) -> object:
    """Width, height and both strides of an output are set all, or none."""
    found = []
    clip = encoded_clip(params="keyint=1")
    for fields in (
        OutputFields(),
        OutputFields(192, 128, 192, 128),
        OutputFields(192, 128),
        OutputFields(buffer_bytes=9),
    ):
        seen = Seen()
        session = device.create_vdec(clip.stream, ChannelDescription(seen))
        session.send(clip.units[0], fields)
        session.destroy()
        found.append(seen.codes[0])
    return tuple(found)


@VDEC.row(
    "D",
    "docs/chip.md#vdec-ids",
    expect=(0, 100000, 100000, 100000),
    by_chip={SECOND: (0, 0, 100000, 100000)},
)
def channel_id(device: Device) -> object:
    """0 to 31, on the 310P to 255."""
    return tuple(told(device, channel_id=number) for number in (31, 255, 256, -1))


def _most(device: Device, size: Size, rate: int = 30) -> int:
    channels: list[Any] = []
    small: dict[str, Any] = {"reference_frames": 1}
    try:
        while len(channels) < 300:
            channels.append(open_channel(device, size=size, frame_rate=Fraction(rate), **small))
    except DeviceError as error:
        assert error.code == 207005  # noqa: PT017 - the count ends there
    for channel in channels:
        channel.close()
    return len(channels)


@VDEC.row(
    "D", "docs/chip.md#vdec-channels", expect=(32, 16, 16, 4), by_chip={SECOND: (192, 96, 96, 24)}
)
def most_streams(device: Device) -> object:
    """Up to 720p 32 of them, at 1080p 16, at 4K 4; the 310P by its rate."""
    return tuple(_most(device, size) for size in (P720, HD, Size(1920, 1088), UHD))


@VDEC.row(
    "D",
    "docs/chip.md#clock-vdec",
    expect=pytest.approx((960, 480, 120)),
    by_chip={SECOND: pytest.approx((5760, 2880, 720))},
)
def throughput(device: Device) -> object:
    """Pictures a second of the whole chip, up to 720p, at 1080p, at 4K."""
    return tuple(1 / vdec_s(device.soc, size, 32) for size in (P720, HD, UHD))


@VDEC.row(
    "D",
    "docs/chip.md#clock-vdec-channel",
    expect=pytest.approx((240, 60)),
    by_chip={SECOND: pytest.approx((240, 60))},
)
def one_channel(device: Device) -> object:
    """240 at 1080p, 60 at 4K."""
    return tuple(1 / vdec_s(device.soc, size) for size in (HD, UHD))


@VDEC.row(
    "D",
    "docs/chip.md#vdec-channels",
    expect=((16, 19, 24, 32), (4, 4, 6, 8), (32, 32, 32, 32)),
    left_out={SECOND: "the 310P's go by its rate"},
)
def advised_channels(device: Device) -> object:
    """More channels where each stream is slower: from 25, from 20, above 15, up to 15 a second."""
    rates = (25, 24, 16, 15)
    return tuple(tuple(_most(device, size, rate) for rate in rates) for size in (HD, UHD, P720))


@VDEC.row("D", "docs/chip.md#vdec-channel-error", expect=207005)
def over_the_limit(device: Device) -> object:
    """One more channel is not created."""
    for _ in range(_most(device, UHD)):
        open_channel(device, size=UHD, reference_frames=1)
    return code(lambda: open_channel(device, size=UHD, reference_frames=1))


@VDEC.row(
    "D",
    "docs/chip.md#vdec-memory",
    expect=pytest.approx((51, 56, 26.5, 28, 182), rel=0.01),
    by_chip={
        SECOND: pytest.approx(
            (4 + 7.91 + 35, 4 + 7.91 + 40, 4 + 7.91 + 10.5, 4 + 7.91 + 12, 4 + 31.6 + 160), rel=0.01
        )
    },
)
def channel_memory(device: Device) -> object:
    """4 MB, two input buffers, and a frame with its motion for each reference and one more."""
    asked = [("h264", HD, 9), ("hevc", HD, 9), ("h264", HD, 2), ("hevc", HD, 2), ("hevc", UHD, 9)]
    found = []
    for codec, size, references in asked:
        profile = "Main"
        channel = open_channel(
            device, codec=codec, profile=profile, size=size, reference_frames=references
        )
        found.append(device.memory.by_holder()["vdec channel"] / MB)
        channel.close()
    return tuple(found)
