"""Section 10: where which call is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from conformance_row import SECOND, TRAINING, Rows
from elementary import encoded, stream_info
from networks import LABELS, colour_network
from probing import HD, code, codes, loaded, painted, still

from fleet.ascend.codes import Code
from fleet.ascend.soc import CHIPS
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.ascend.venc import EncodeSettings
from fleet.core.access_unit import NalUnits
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device
from fleet.models.compiler.compile import compile_model
from fleet.models.model_calls import ModelCalls
from fleet.models.network import Network

CHECKS = Rows("10 check-list")
TASK = 507018


@CHECKS.row("D", "docs/chip.md#vdec-ids", expect=(0, 100000), by_chip={SECOND: (0, 0)})
def vdec_set_channel_id(device: Device) -> object:
    """0 to 31 on the 310 and the 910."""
    return codes(
        *(
            lambda n=n: device.open_vdec(stream_info(), ChannelSettings(channel_id=n)).close()
            for n in (31, 32)
        )
    )


@CHECKS.row(
    "D",
    "docs/chip.md#vdec-settings",
    expect=(200006,) * 3,
    left_out={SECOND: "the 310P can be told"},
)
def vdec_set_on_310(device: Device) -> object:
    """Reference frames, bit depth and matrix are refused."""
    told = [ChannelSettings(ref_frame_num=8), ChannelSettings(bit_depth=1)]
    told.append(ChannelSettings(csc_matrix=0))
    return codes(*(lambda t=t: device.open_vdec(stream_info(), t) for t in told))


@CHECKS.row(
    "D",
    "docs/chip.md#vdec-output-format",
    expect=100000,
    left_out={SECOND: "the 310P makes RGB"},
)
def vdec_set_format_on_310(device: Device) -> object:
    """NV12 and NV21 alone."""
    told = ChannelSettings(output_format=P.RGB_888)
    return code(lambda: device.open_vdec(stream_info(), told))


@CHECKS.row("D", "docs/chip.md#vdec-alive", expect=(100000, 0x10008))
def vdec_send_frame(device: Device) -> object:
    """A channel that is alive, and a start code."""
    clip = encoded("h264", "keyint=12:bframes=0", 2)
    unit = clip.units[0]
    bare = replace(unit, nals=NalUnits(unit.nals.data[4:], ()))
    closed, opened = device.open_vdec(clip.stream), device.open_vdec(clip.stream)
    closed.close()
    return codes(lambda: closed.send(unit), lambda: opened.send(bare))


@CHECKS.row(
    "I", "docs/chip.md#vdec-channel-error", expect=(16, 207005), by_chip={SECOND: (96, 207005)}
)
def vdec_create_channel(device: Device) -> object:
    """At most so many live channels of 1080p."""
    count = 0
    while True:
        number = code(lambda: device.open_vdec(stream_info(size=HD, reference_frames=1)))
        if number:
            return count, number
        count += 1


@CHECKS.row(
    "I", "docs/chip.md#vdec-refused", expect=(0x10006, 0x10004, 0x10004, 0x10004, 0x10009, 0)
)
def vdec_decoded_picture(device: Device) -> object:
    """128 to 4096, 4:2:0, the listed profiles, level 5.1 at most."""
    wrong: list[dict[str, object]] = [
        {"size": Size(126, 128)},
        {"chroma": "4:2:2"},
        {"profile": "High 10", "bit_depth": 10},
        {"level": "5.2"},
        {"codec": "vp9"},
        {},
    ]
    return codes(*(lambda w=w: device.open_vdec(stream_info(**w)) for w in wrong))


@CHECKS.row("D", "docs/chip.md#vpc-formats", expect=(100027, 100027))
def vpc_any(device: Device) -> object:
    """A format that VPC neither reads nor makes."""
    odd, plain = painted(device, Size(64, 64), P.YUV_440SP), painted(device, Size(64, 64))
    return codes(
        lambda: device.vpc.resize(odd, Size(32, 32)),
        lambda: device.vpc.resize(plain, Size(32, 32), pixel_format=P.YUYV),
    )


@CHECKS.row(
    "D", "docs/chip.md#vpc-operations", expect=200006, left_out={SECOND: "the 310P has them"}
)
def vpc_unsupported(device: Device) -> object:
    """An operation that the chip lacks."""
    picture = painted(device, Size(64, 64))
    return code(lambda: device.vpc.convert_colour(picture, P.NV21))


@CHECKS.row("I", "docs/chip.md#vpc-stride-error", expect=(100000, 100000))
def vpc_strides_and_sizes(device: Device) -> object:
    """A stride or size outside of the rules."""
    strided = painted(device, Size(64, 64), strides=(72, 64))
    plain = painted(device, Size(64, 64))
    return codes(
        lambda: device.vpc.resize(strided, Size(32, 32)),
        lambda: device.vpc.resize(plain, Size(8, 4)),
    )


@CHECKS.row("I", "docs/chip.md#vpc-paste", expect=(TASK, TASK, TASK))
def vpc_areas(device: Device) -> object:
    """A paste off the grid of 16, an area outside, one that is too small."""
    source, onto = painted(device, Size(64, 64)), painted(device, Size(64, 64))
    part = Rect(0, 0, 32, 32)
    return codes(
        lambda: device.vpc.crop_paste(source, part, onto, Rect(8, 0, 32, 32)),
        lambda: device.vpc.crop(source, Rect(40, 40, 32, 32)),
        lambda: device.vpc.crop_resize(source, Rect(0, 0, 8, 6), Size(32, 32)),
    )


@CHECKS.row("D", "docs/chip.md#vpc-even", expect=(TASK, 0), by_chip={SECOND: (TASK, 100000)})
def vpc_resize(device: Device) -> object:
    """A ratio out of range fails the task; odd sizes are cut on the 310."""
    source = painted(device, Size(64, 64))
    return codes(
        lambda: device.vpc.resize(source, Size(1026, 64)),
        lambda: device.vpc.resize(source, Size(33, 33)),
    )


@CHECKS.row("D", "docs/chip.md#jpegd", expect=(100000, 148052, 100000, 0))
def jpegd(device: Device) -> object:
    """SOI, baseline, 32 to 8192."""
    files = [b"no", still("JPEG", progressive=True), still("JPEG", Size(31, 31)), still("JPEG")]
    return codes(*(lambda d=d: device.jpegd.decode(d) for d in files))


@CHECKS.row("D", "docs/chip.md#jpege-input", expect=(100000, 100027))
def jpege(device: Device) -> object:
    """A stride, and a format."""
    strided = painted(device, Size(64, 64), strides=(72, 64))
    gray = painted(device, Size(64, 64), P.YUV_400)
    return codes(lambda: device.jpege.encode(strided), lambda: device.jpege.encode(gray))


def _compiled(chip: str) -> bytes:
    return compile_model(
        colour_network(), head="yolov8", labels=LABELS, name="probe", soc=CHIPS[chip]
    )


def _load(device: Device, om: bytes) -> Network:
    return Network(device.soc, device.memory, device.clock, device.vpc, om, "probe.om")


@CHECKS.row("D", "docs/chip.md#model-load", expect=(145002, 545001, 545001, 245000))
def model_load(device: Device) -> object:
    """No file, a model of another chip, no memory."""
    others = [_compiled(chip) for chip in CHIPS if chip != device.soc.name]
    own = _compiled(device.soc.name)
    full = codes(
        lambda: device.load("/no/such/model.om"),
        *(lambda o=o: _load(device, o) for o in others),
    )
    device.memory.allocate(device.memory.budget_bytes - device.memory.used_bytes - 128, "filler")
    return (*full, code(lambda: _load(device, own)))


@CHECKS.row("I", "docs/chip.md#model-bytes", expect=(0, 145000, 145000, 145003))
def model_execute_bytes(device: Device) -> object:
    """The input has the bytes that AIPP reads, and the model is loaded."""
    network = loaded(device)
    model = ModelCalls(network)
    batch = bytes(64 * 32 * 3 // 2)
    counts = codes(
        lambda: model.execute(batch),
        lambda: model.execute(batch[1:]),
        lambda: model.execute(batch * 2),
    )
    network.close()
    return (*counts, code(lambda: model.execute(batch)))


@CHECKS.row(
    "D",
    "docs/chip.md#memory-context",
    expect=(107003, 107003, 107003, 107003, 107002),
    by_chip={TRAINING: (107003, 107003, 107003, 200006, 107002)},
)
def thread_context(device: Device) -> object:
    """Each engine given a picture of another device; a call on a device that is closed."""
    size = Size(640, 480)
    with Device(device.soc, 1) as other:
        foreign, own = painted(other, size), painted(device, size)
        found = codes(
            lambda: device.vpc.resize(foreign, Size(64, 64)),
            lambda: device.vpc.crop_paste(own, Rect(0, 0, 64, 64), foreign, Rect(0, 0, 64, 64)),
            lambda: device.jpege.encode(foreign),
            lambda: device.open_venc(EncodeSettings(0, size, 10)).send(foreign),
        )
        foreign.release()
        own.release()
    device.close()
    return (*found, code(lambda: device.memory.allocate(1, "probe")))


@CHECKS.row("D", "docs/chip.md#memory-limit", expect=(207001, 100000, 107002))
def memory_budget(device: Device) -> object:
    """Past the visible memory; a size of 0; on a closed device."""
    whole = device.memory.budget_bytes
    before = codes(
        lambda: device.memory.allocate(whole, "probe"), lambda: device.memory.allocate(0, "probe")
    )
    device.close()
    return (*before, code(lambda: device.memory.allocate(1, "probe")))


@CHECKS.row("D", "docs/chip.md#codes-lost", expect={507010: 6, 507901: 6, 107001: 6})
def device_loss(device: Device) -> object:
    """507010, 507901 and 107001, injected: every engine answers so from then on."""
    found: Counter[int | str] = Counter()
    for number in (507010, 507901, 107001):
        with Device(device.soc) as lost:
            picture, clip = painted(lost, Size(64, 64)), encoded("h264", "keyint=12", 1)
            channel, network = lost.open_vdec(clip.stream), loaded(lost)
            tensor = np.zeros((1, 3, 32, 64), np.float32)
            lost.lose(Code(number))
            found.update(
                codes(
                    lambda: lost.vpc.resize(picture, Size(32, 32)),  # noqa: B023
                    lambda: lost.jpegd.decode(still("JPEG")),
                    lambda: lost.jpege.encode(picture),  # noqa: B023
                    lambda: channel.send(clip.units[0]),  # noqa: B023
                    lambda: network.execute(tensor),  # noqa: B023
                    lost.create_stream,
                )
            )
    return dict(found)
