"""Section 2: VPC, the memory and the time that it takes."""

from __future__ import annotations

import pytest
from conformance_row import FIRST, SECOND, TRAINING, Rows
from probing import EIGHT_K, HD, UHD, code, codes, painted

from fleet.ascend.clock import copy_s, vpc_s
from fleet.core.geometry import Size
from fleet.device import Device

VPC_COSTS = Rows("2 VPC")
_NO_FIGURE = {TRAINING: "N: the table of the 910 is not public"}


@VPC_COSTS.row("D", "docs/chip.md#memory-rounding", expect=(64, 64, 96))
def memory_call(device: Device) -> object:
    """A size is rounded up to 32, and 32 are added."""
    return tuple(device.memory.allocate(size, "probe").bytes for size in (1, 32, 33))


@VPC_COSTS.row(
    "D", "docs/chip.md#vpc-commands", expect=(2 << 20) + 32, by_chip={SECOND: (4 << 20) + 32}
)
def command_buffer(device: Device) -> object:
    """2 MB a channel, on the 310P 4 MB."""
    return device.memory.by_holder()["vpc channel"]


@VPC_COSTS.row("D", "docs/chip.md#streams", expect=(0, 107019, 0, (32, 32), 100000, 0, 507018))
def asynchronous(device: Device) -> object:
    """A call is a task on a stream, and its result valid once that is synchronized.

    What the host library checks is refused at the call, what the chip checks at the end.
    """
    stream, picture = device.create_stream(), painted(device, Size(64, 64))
    tasks = []

    def launch(size: Size) -> None:
        tasks.append(stream.launch(device.vpc.resize, picture, size))

    begun = code(lambda: launch(Size(32, 32)))
    early, done = codes(tasks[0].result, stream.synchronize)
    made = tasks[0].result().size
    later = codes(lambda: launch(Size(32, 4)), lambda: launch(Size(1026, 64)), stream.synchronize)
    return (begun, early, done, (made.width, made.height), *later)


@VPC_COSTS.row(
    "D",
    "docs/chip.md#clock-vpc-engine",
    expect=pytest.approx((360, 1080, 1440)),
    by_chip={SECOND: pytest.approx((360, 1080, 4320))},
    left_out=_NO_FIGURE,
)
def throughput_1080p(device: Device) -> object:
    """N x 360 pictures a second, up to those of the whole chip."""
    vpc = device.soc.vpc
    return tuple(vpc.engine_pictures_per_s(HD.pixels, n) for n in (1, 3, 20))


@VPC_COSTS.row(
    "D",
    "docs/chip.md#clock-vpc",
    expect=pytest.approx((90, 360)),
    by_chip={SECOND: pytest.approx((90, 1080))},
    left_out=_NO_FIGURE,
)
def throughput_4k(device: Device) -> object:
    """N x 90 pictures a second."""
    vpc = device.soc.vpc
    return tuple(vpc.engine_pictures_per_s(UHD.pixels, n) for n in (1, 20))


@VPC_COSTS.row(
    "D",
    "docs/chip.md#clock-vpc",
    expect=pytest.approx((22.5, 270)),
    left_out={FIRST: "N: no figure for the 310", **_NO_FIGURE},
)
def throughput_8k(device: Device) -> object:
    """N x 22.5 pictures a second, 270 on the whole 310P."""
    vpc = device.soc.vpc
    return tuple(vpc.engine_pictures_per_s(EIGHT_K.pixels, n) for n in (1, 20))


@VPC_COSTS.row(
    "D",
    "docs/chip.md#clock-copy",
    expect=pytest.approx((1000, 250)),
    left_out=dict.fromkeys((SECOND, TRAINING), "N: a figure for the 310 alone"),
)
def throughput_with_copies(device: Device) -> object:
    """About 1000 pictures a second with copies from the host at 1080p, 250 at 4K."""
    slowest_s = [
        max(vpc_s(device.soc, size, size, 4), copy_s(device.soc, size.pixels * 3 // 2))
        for size in (HD, UHD)
    ]
    return tuple(1 / seconds for seconds in slowest_s)


@VPC_COSTS.row(
    "D",
    "docs/chip.md#clock-vpc",
    expect=pytest.approx(3840 * 2160 * 360 / (1000 * 800)),
    left_out={SECOND: "the formula is the 310's", **_NO_FIGURE},
)
def other_sizes(device: Device) -> object:
    """3840 x 2160 x 360 / (W x H), the larger sides of source and target."""
    return 1 / vpc_s(device.soc, Size(1000, 100), Size(200, 800), 4)


VPC_COSTS.left_out("training-throughput", "N", "The rate of the 910.", "N: the table is not public")


@VPC_COSTS.row("D", "docs/chip.md#vpc-commands", expect=256)
def channel_count(device: Device) -> object:
    """Up to 256 channels."""
    return device.soc.vpc.channels
