"""Sections 1, 1.1 and 1.2: VDEC, its life, and its codes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from conformance_row import SECOND, Rows
from elementary import Elementary, changed, encoded, samples, stream_info
from probing import HD, P720, UHD, code, codes

from fleet.ascend.clock import vdec_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import ADDRESS_STEP
from fleet.ascend.surface import frame_of
from fleet.ascend.vdec_session import ChannelDescription, OutputFields, Report, VdecSession
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.core.access_unit import NalUnits
from fleet.core.frames import Picture, download
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device
from fleet.errors import DeviceError

VDEC = Rows("1 VDEC")
LIFE = Rows("1.1 VDEC life")
CODES = Rows("1.2 VDEC codes")
MB = 1 << 20


def _clip(
    codec: str = "h264", params: str = "keyint=12:bframes=3:b-adapt=0", **more: Any
) -> Elementary:
    return encoded(codec, params, more.pop("frames", 8), **more)


def _open(device: Device, settings: ChannelSettings | None = None, **facts: Any) -> Any:
    return device.open_vdec(stream_info(**facts), settings or ChannelSettings())


def _decoded(device: Device, clip: Elementary, **settings: Any) -> list[Picture]:
    channel = device.open_vdec(clip.stream, ChannelSettings(**settings))
    pictures = [picture for unit in clip.units for picture in channel.send(unit)]
    pictures += channel.drain()
    channel.close()
    return pictures


def _told(device: Device, **settings: Any) -> int | str:
    return code(lambda: _open(device, ChannelSettings(**settings)).close())


class _Seen:
    """A callback that keeps rows and numbers, and releases pictures."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.users: list[object] = []

    def __call__(self, report: Report) -> None:
        self.codes[report.unit.row] = report.ret_code
        self.users.append(report.user)
        if report.picture is not None:
            report.picture.release()


def _session(device: Device, seen: _Seen) -> tuple[VdecSession, ChannelDescription]:
    description = ChannelDescription(seen)
    return device.create_vdec(_clip().stream, description), description


@VDEC.row("D", "docs/chip.md#vdec-entype", expect=(0, 0, 0, 0x10009, 100000))
def en_type(device: Device) -> object:
    """0 H.265 Main, 1 to 3 H.264 Baseline, Main, High."""
    asked = [("hevc", "Main", 0), ("h264", "Baseline", 1), ("h264", "High", 3)]
    asked += [("h264", "High", 0), ("h264", "High", 4)]
    return codes(
        *(
            lambda c=c, p=p, e=e: _open(device, ChannelSettings(en_type=e), codec=c, profile=p)
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
            lambda c=c, p=p, b=b, n=n: _open(
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
    return codes(*(lambda f=f: _open(device, **f) for f in facts))


@VDEC.row("D", "docs/chip.md#vdec-input", expect=0x10008)
def input_container(device: Device) -> object:
    """A raw stream with start codes: length-prefixed units are refused."""
    clip = _clip()
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
    return codes(*(lambda s=s: _open(device, size=Size(*s)).close() for s in sizes))


@VDEC.row("D", "docs/chip.md#vdec-output-sizes", expect=(0, 0, 100000, 100000, Size(64, 48)))
def output_size(device: Device) -> object:
    """10x6 to 4096x4096 behind the decoder."""
    sizes = [(10, 6), (4096, 4096), (8, 6), (4098, 6)]
    made = _decoded(device, _clip(), output_size=Size(64, 48))
    return (*(_told(device, output_size=Size(*size)) for size in sizes), made[0].size)


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
    return tuple(_told(device, output_format=pixel_format) for pixel_format in asked)


@VDEC.row("D", "docs/chip.md#vdec-output-sizes", expect=(100000, 100000))
def even_output(device: Device) -> object:
    """Both sides are even."""
    return tuple(_told(device, output_size=Size(*size)) for size in ((101, 64), (100, 65)))


@VDEC.row("D", "docs/chip.md#vdec-stride", expect=(208, 130, 208 * 130 * 3 // 2, 32))
def output_stride(device: Device) -> object:
    """A multiple of 16 by 2, at least 32."""
    clip = _clip(size=Size(200, 130))
    picture = _decoded(device, clip)[0]
    taken = download(picture).nbytes
    small = _decoded(device, clip, output_size=Size(10, 6))[0]
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
    clip = _clip(params="keyint=1")
    for fields in (
        OutputFields(),
        OutputFields(192, 128, 192, 128),
        OutputFields(192, 128),
        OutputFields(buffer_bytes=9),
    ):
        seen = _Seen()
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
    return tuple(_told(device, channel_id=number) for number in (31, 255, 256, -1))


def _most(device: Device, size: Size, rate: int = 30) -> int:
    channels: list[Any] = []
    small: dict[str, Any] = {"reference_frames": 1}
    try:
        while len(channels) < 300:
            channels.append(_open(device, size=size, frame_rate=Fraction(rate), **small))
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
        _open(device, size=UHD, reference_frames=1)
    return code(lambda: _open(device, size=UHD, reference_frames=1))


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
        channel = _open(
            device, codec=codec, profile=profile, size=size, reference_frames=references
        )
        found.append(device.memory.by_holder()["vdec channel"] / MB)
        channel.close()
    return tuple(found)


@VDEC.row("D", "docs/chip.md#vdec-mode", expect=(100000, [1] * 8, 0x10004))
def output_mode(device: Device) -> object:
    """0 holds pictures back, 1 gives each at once and takes no B-frames."""
    clip = _clip(params="keyint=12:bframes=0")
    channel = device.open_vdec(clip.stream, ChannelSettings(out_mode=1))
    at_once = [len(channel.send(unit)) for unit in clip.units]
    wrong = code(lambda: _decoded(device, _clip(), out_mode=1))
    return _told(device, out_mode=2), at_once, wrong


@VDEC.row(
    "D",
    "docs/chip.md#vdec-size-change",
    expect=("1920x1120", 0x20002, 0),
    by_chip={SECOND: ("4096x4096", 0x20002, 0)},
)
def largest_stream(device: Device) -> object:
    """The default, and 0x20002 for a larger stream than was told."""
    told = ChannelSettings(largest=P720)
    tried = codes(
        lambda: _open(device, told, size=HD), lambda: _open(device, told, size=P720).close()
    )
    return str(device.soc.vdec.default_largest), *tried


@VDEC.row(
    "D",
    "docs/chip.md#vdec-settings",
    expect=(200006, 200006, 200006),
    by_chip={SECOND: (0, 100000, 0x20001)},
)
def reference_frames(device: Device) -> object:
    """Unsupported on the 310; 0 to 16 on the 310P, 0x20001 for too few."""
    return tuple(_told(device, ref_frame_num=number) for number in (16, 17, 3))


@VDEC.row(
    "D", "docs/chip.md#vdec-settings", expect=(200006, 200006), by_chip={SECOND: (0, 0x10004)}
)
def bit_depth(device: Device) -> object:
    """Unsupported on the 310; 10 for a 10-bit stream on the 310P."""
    deep: dict[str, Any] = {"codec": "hevc", "profile": "Main 10", "bit_depth": 10}
    return codes(*(lambda d=d: _open(device, ChannelSettings(bit_depth=d), **deep) for d in (1, 0)))


@VDEC.row(
    "I", "docs/chip.md#vdec-ten-bit", expect=("NV12", 8), left_out={SECOND: "told by bit_depth"}
)
def ten_bits(device: Device) -> object:
    """10 bits come out as 8."""
    clip = _clip("hevc", "keyint=12:bframes=0", pixels="yuv420p10le")
    picture = _decoded(device, clip)[0]
    return picture.pixel_format.name, samples(frame_of(picture))[0].dtype.itemsize * 8


@VDEC.row("D", "docs/chip.md#vdec-settings", expect=(200006, 200006), by_chip={SECOND: (0, 100000)})
def csc_matrix(device: Device) -> object:
    """Unsupported on the 310; 0 to 5 on the 310P."""
    return tuple(_told(device, csc_matrix=number) for number in (5, 6))


@VDEC.row("D", "docs/chip.md#vdec-interlaced", expect=(0, 0x10004))
def interlaced(device: Device) -> object:
    """H.264 alone."""
    return codes(
        lambda: _open(device, interlaced=True),
        lambda: _open(device, codec="hevc", profile="Main", interlaced=True),
    )


@VDEC.row("D", "docs/chip.md#vdec-damage", expect=[0, 0, 0x10004, 0x10004, 0, 0, 0, 0])
def damaged_frames(device: Device) -> object:
    """A damaged frame is dropped, and decoding goes on."""
    clip, seen = _clip(params="keyint=4:min-keyint=4:scenecut=0:bframes=0"), _Seen()
    units = list(clip.units)
    units[2] = changed(units[2], units[2].nals.data[:40])
    session = device.create_vdec(clip.stream, ChannelDescription(seen))
    for unit in units:
        session.send(unit)
    session.destroy()
    return [seen.codes[row] for row in range(8)]


@VDEC.row("D", "docs/chip.md#vdec-skip", expect=([1, 3, 5, 7], True))
def skipping(device: Device) -> object:
    """A skipped frame is decoded as a reference, and gives no picture."""
    clip = _clip(params="keyint=12:bframes=0")
    whole = _decoded(device, clip)
    units = tuple(replace(unit, wanted=unit.row % 2 == 1) for unit in clip.units)
    some = _decoded(device, replace(clip, units=units))
    same = all(
        np.array_equal(samples(frame_of(p))[0], samples(frame_of(whole[p.row]))[0]) for p in some
    )
    return [picture.row for picture in some], same


VDEC.missing(
    "threads",
    "D",
    "A channel is not thread-safe.",
    "said in its docstring; nothing checks the thread",
)


@LIFE.row("D", "docs/chip.md#vdec-life", expect=(set(range(8)), {0}, list(range(8)), 100000))
def callback(device: Device) -> object:
    """A callback gets the input, the picture and the user's data, with a number."""
    seen, clip = _Seen(), _clip(params="keyint=12:bframes=0")
    session = device.create_vdec(clip.stream, ChannelDescription(seen))
    for unit in clip.units:
        session.send(unit, user=unit.row)
    session.destroy()
    without = code(lambda: device.create_vdec(clip.stream, ChannelDescription(None)))
    return set(seen.codes), set(seen.codes.values()), seen.users, without


LIFE.left_out(
    "handler-speed", "D", "A slow handler stalls decoding.", "callbacks run within the calls"
)


@LIFE.row("D", "docs/chip.md#vdec-life", expect=0x10001)
def destroy_in_callback(device: Device) -> object:
    """A channel is not destroyed in its callback: the chip would wait for itself."""
    found: list[int | str] = []
    sessions: list[VdecSession] = []

    def destroy(report: Report) -> None:
        assert report.picture is not None
        report.picture.release()
        found.append(code(sessions[0].destroy))

    clip = _clip()
    sessions.append(device.create_vdec(clip.stream, ChannelDescription(destroy)))
    sessions[0].send(clip.units[0])
    sessions[0].end()
    return found[0]


LIFE.left_out(
    "unsubscribe",
    "D",
    "The report thread ends after the last callback.",
    "callbacks run within the calls: there is no report thread",
)


@LIFE.row("D", "docs/chip.md#memory-leak", expect=({"vdec picture"}, {}))
def free_what_was_given(device: Device) -> object:
    """A picture belongs to the user, and leaks where it is not freed."""
    pictures = _decoded(device, _clip())
    held = device.memory.by_holder().keys() - {"vpc channel"}
    for picture in pictures:
        picture.release()
    device.close()
    return held, device.memory.leaked


@LIFE.row("D", "docs/chip.md#vdec-life", expect=(148051, 0))
def order_at_the_end(device: Device) -> object:
    """The channel is destroyed before its description."""
    session, description = _session(device, _Seen())
    early = code(description.destroy)
    session.destroy()
    return early, code(description.destroy)


@LIFE.row("D", "docs/chip.md#vdec-life", expect=({0, 1, 2, 3}, {0}))
def destroy_waits(device: Device) -> object:
    """Destroying a channel answers the frames that were sent."""
    seen = _Seen()
    session, _ = _session(device, seen)
    for unit in _clip().units[:4]:
        session.send(unit)
    session.destroy()
    return set(seen.codes), set(seen.codes.values())


@LIFE.row("D", "docs/chip.md#vdec-alive", expect=(100000, 100000, 200006, 100000))
def send_checks(device: Device) -> object:
    """Input, output, an end that is skipped, and a channel that is not alive."""
    session, _ = _session(device, _Seen())
    unit = _clip().units[0]
    before = codes(
        lambda: session.send(None),
        lambda: session.send(unit, None),
        lambda: session.end(skipped=True),
    )
    session.destroy()
    return *before, code(lambda: session.send(unit))


@LIFE.row("D", "docs/chip.md#vdec-end", expect=(0x10008, 0x10008))
def end_of_stream(device: Device) -> object:
    """Repeated, or first."""
    clip = _clip()
    first, twice = device.open_vdec(clip.stream), device.open_vdec(clip.stream)
    for unit in clip.units:
        twice.send(unit)
    twice.drain()
    return codes(first.drain, twice.drain)


@LIFE.row("I", "docs/chip.md#vdec-order", expect=list(range(8)))
def display_order(device: Device) -> object:
    """Pictures come in display order."""
    clip = _clip()
    order = {row: place for place, row in enumerate(np.argsort(clip.pts).tolist())}
    return [order[picture.row] for picture in _decoded(device, clip)]


_NUMBERS = {
    "general": {1: "FAILED"},
    "parameters": {2: "DVPP_ERROR", 3: "PARAM_INVALID", 4: "OUTPUT_SIZE_INVALID", 5: "INTERNAL_ERROR"},
    "queues": {6: "QUEUE_FULL", 7: "QUEUE_EMPTY", 8: "QUEUE_NOT_EXIST"},
    "memory": {11: "MEMORY_ERROR", 13: "VPC_FAILED", 14: "CHANNEL_ABNORMAL"},
    "state": {0x10001: "INVALID_STATE", 0x10002: "HARDWARE", 0x10003: "SCD_CUT_FAIL", 0x10008: "BITSTREAM", 0x10009: "VIDEO_FORMAT", 0x1000A: "IMAGE_FORMAT"},
    "decoding": {0x10004: "VDM_DECODE_FAIL", 0x10005: "ALLOC_MEM_FAIL", 0x1000B: "CALLBACK", 0x1000C: "INPUT_BUFFER", 0x1000D: "INBUF_SIZE"},
    "resolution": {0x10006: "ALLOC_DYNAMIC_MEM_FAIL", 0x10010: "INIT_DECODER_FAIL", 0x20000: "DECODE_NOPIC", 0x20001: "REF_NUM", 0x20002: "PICTURE_SIZE"},
    "channels": {0xA0058002: "VDEC_INVALID_CHANNEL", 0xA0058004: "VDEC_EXISTS", 0xA0058005: "VDEC_DOES_NOT_EXIST", 0xA005800C: "VDEC_NO_MEMORY", 0xA005800F: "VDEC_BUFFER_FULL", 0xA0058012: "VDEC_BUSY"},
}  # fmt: skip


def _named(name: str, group: dict[int, str]) -> None:
    def probe(device: Device) -> object:
        """Each number is known, and becomes an error with it."""
        del device
        found = {}
        for number in group:
            with pytest.raises(DeviceError) as caught:
                raise_device_error(Code(number), "Refused.")
            short = caught.value.name.removeprefix("AICPU_DVPP_KERNEL_STATE_").removeprefix("ERR_")
            found[caught.value.code] = short
        return found

    probe.__name__ = name
    CODES.row("D", "docs/chip.md#codes-vdec", expect=group)(probe)


for _name, _group in _NUMBERS.items():
    _named(_name, _group)
