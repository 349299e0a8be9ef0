"""Section 2: VPC, its operations, formats and areas."""

from __future__ import annotations

import numpy as np
from conformance_row import SECOND, Rows
from probing import code, codes, painted, taken

from fleet.ascend.surface import frame_of, planes, tight
from fleet.ascend.vpc import Region
from fleet.ascend.vpc.filters import Border
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device

VPC = Rows("2 VPC")
TASK = 507018
_ALL_IN = [pixel_format for pixel_format in P if pixel_format <= P.NV21_10BIT]


@VPC.row("D", "docs/chip.md#vpc-operations")
def operations(device: Device) -> object:
    """Resize, crop, crop-resize, crop-paste, crop-resize-paste and batches of regions."""
    vpc, part = device.vpc, Rect(0, 0, 32, 32)
    source, onto = painted(device, Size(64, 64)), painted(device, Size(64, 64))
    return max(
        codes(
            lambda: vpc.resize(source, Size(32, 32)),
            lambda: vpc.crop(source, part),
            lambda: vpc.crop_resize(source, part, Size(48, 48)),
            lambda: vpc.crop_paste(source, part, onto, part),
            lambda: vpc.crop_resize_paste(source, part, onto, Rect(0, 0, 48, 48)),
            lambda: vpc.batch([Region(source, part, onto=onto, paste=part)]),
        ),
        key=str,
    )


@VPC.row("D", "docs/chip.md#vpc-operations", expect=(200006,) * 5, by_chip={SECOND: (0,) * 5})
def unsupported_operations(device: Device) -> object:
    """Conversion, border, histograms and tables are for the 310P; the others answer 200006."""
    source = painted(device, Size(64, 64))
    return codes(
        lambda: device.vpc.convert_colour(source, P.NV21),
        lambda: device.vpc.make_border(source, Border("replicate", 2)),
        lambda: device.vpc.histogram(source),
        lambda: device.vpc.equalize(source),
        lambda: device.vpc.look_up(source, range(256)),
    )


VPC.left_out(
    "second-generation-api", "D", "hi_mpi_* is for the 310P.", "another interface than AscendCL's"
)


@VPC.row("D", "docs/chip.md#vpc-operations", expect=(100000, 0, 0, 100000))
def batch_count(device: Device) -> object:
    """1 to 256 regions a call."""
    source, onto = painted(device, Size(64, 64)), painted(device, Size(64, 64))
    region = Region(source, Rect(0, 0, 16, 16), onto=onto, paste=Rect(0, 0, 16, 16))
    return tuple(code(lambda n=n: device.vpc.batch([region] * n)) for n in (0, 1, 256, 257))  # type: ignore[misc]


@VPC.row("D", "docs/chip.md#vpc-formats", expect=(*(0,) * 20, 100027))
def input_formats(device: Device) -> object:
    """The formats 0 to 19 are read, no other."""
    pictures = [painted(device, Size(64, 64), pixel_format) for pixel_format in _ALL_IN]
    other = painted(device, Size(64, 64), P.YUV_440SP)
    return codes(*(lambda p=p: device.vpc.resize(p, Size(32, 32)) for p in [*pictures, other]))


_FEW = {P.NV12, P.NV21}
_MORE = _FEW | {P.YUV_400, P.YUV_422SP, P.YVU_422SP, P.YUV_444} | {P(n) for n in range(12, 18)}


@VPC.row("D", "docs/chip.md#vpc-formats", expect=_FEW, by_chip={SECOND: _MORE})
def output_formats(device: Device) -> object:
    """NV12 and NV21; on the 310P gray, 4:2:2, 4:4:4 packed and RGB too; else 100027."""
    source = painted(device, Size(64, 64))
    made = {
        pixel_format: code(
            lambda f=pixel_format: device.vpc.resize(source, Size(32, 32), pixel_format=f)  # type: ignore[misc]
        )
        for pixel_format in set(P) - {P.UNKNOWN}
    }
    assert set(made.values()) == {0, 100027}
    return {pixel_format for pixel_format, number in made.items() if number == 0}


@VPC.row(
    "D", "docs/chip.md#pixel-formats", expect=(0, 1, 2, 3, 6, 7, 11, 12, 13, 17, 18, 1001, 10000)
)
def format_numbers(device: Device) -> object:
    """The numbers of acl_dvpp.h."""
    del device
    return tuple(
        map(
            int,
            (
                *(P.YUV_400, P.NV12, P.NV21, P.YUV_422SP, P.YVU_444SP, P.YUYV, P.YUV_444),
                *(P.RGB_888, P.BGR_888, P.BGRA_8888, P.NV12_10BIT, P.YVU_440SP, P.UNKNOWN),
            ),
        )
    )


@VPC.row("D", "docs/chip.md#vpc-input", expect=(100000, 0, 0, 100000, 100027))
def input_size(device: Device) -> object:
    """10x6 to 8192x8192; above 4096 NV12 and NV21 alone."""
    sizes = [Size(8, 6), Size(10, 6), Size(8192, 64), Size(8194, 64)]
    pictures = [painted(device, size) for size in sizes]
    pictures.append(painted(device, Size(8192, 64), P.YUV_400))
    targets = [Size(16, 6), Size(16, 6), Size(256, 64), Size(512, 64), Size(256, 64)]
    return codes(
        *(lambda p=p, t=t: device.vpc.resize(p, t) for p, t in zip(pictures, targets, strict=True))
    )


@VPC.row("D", "docs/chip.md#vpc-output", expect=(100000, 100000, 0, 0, 100000, 100000))
def output_size(device: Device) -> object:
    """10x6 to 4096x4096."""
    source = painted(device, Size(256, 256))
    sizes = [(8, 6), (10, 4), (10, 8), (4096, 256), (4098, 256), (256, 4098)]
    small = painted(device, Size(64, 64))
    return codes(
        *(
            lambda w=w, h=h: device.vpc.resize(small if w < 99 else source, Size(w, h))
            for w, h in sizes
        )
    )


@VPC.row("D", "docs/chip.md#vpc-stride", expect=((32, 100000), (112, 0), (112, 100000)))
def width_stride(device: Device) -> object:
    """The width rounded up to 16, at least 32 and at most 16384 bytes."""
    found = []
    for width, stride in ((10, 16), (100, 128), (100, 104)):
        own = painted(device, Size(width, 64)).width_stride
        other = painted(device, Size(width, 64), strides=(stride, 64))
        found.append((own, code(lambda p=other: device.vpc.resize(p, Size(64, 64)))))  # type: ignore[misc]
    return tuple(found)


@VPC.row("D", "docs/chip.md#vpc-stride", expect=(224, 336, 336, 448))
def packed_width_stride(device: Device) -> object:
    """The width rounded up to 16, times 2, 3 or 4 bytes."""
    formats = (P.YUYV, P.RGB_888, P.YUV_444, P.ARGB_8888)
    return tuple(painted(device, Size(100, 64), f).width_stride for f in formats)


@VPC.row("D", "docs/chip.md#vpc-stride", expect=((4102, 64), 0))
def large_strides(device: Device) -> object:
    """Above 4096 pixels multiples of 2 do for both."""
    source = painted(device, Size(4102, 64))
    return (source.width_stride, source.height_stride), code(
        lambda: device.vpc.resize(source, Size(256, 64))
    )


@VPC.row("D", "docs/chip.md#vpc-stride", expect=(64, 66, 64), by_chip={SECOND: (64, 65, 64)})
def height_stride(device: Device) -> object:
    """A multiple of 2; on the 310P the height itself for formats other than 4:2:0."""
    shapes = ((Size(64, 63), P.NV12), (Size(64, 65), P.RGB_888), (Size(64, 64), P.YUV_444))
    return tuple(painted(device, size, pixel_format).height_stride for size, pixel_format in shapes)


@VPC.row("D", "docs/chip.md#vpc-buffers", expect=64 * 64 * 3 // 2, by_chip={SECOND: 64 * 64})
def gray_buffer(device: Device) -> object:
    """Gray has room for chroma on the 310, and none on the 310P."""
    return taken(device, Size(64, 64), P.YUV_400)


@VPC.row("D", "docs/chip.md#vpc-buffers", expect=(6144, 8192, 12288, 8192, 12288, 16384))
def buffers(device: Device) -> object:
    """3/2, 2 and 3 times the strides for semi-planar formats, once for packed ones."""
    formats = (P.NV21, P.YUV_422SP, P.YUV_444SP, P.YUYV, P.BGR_888, P.RGBA_8888)
    return tuple(taken(device, Size(64, 64), pixel_format) for pixel_format in formats)


@VPC.row("D", "docs/chip.md#vpc-even", expect=(Size(14, 14), 0), by_chip={SECOND: (100000, 100000)})
def parity(device: Device) -> object:
    """Odd sizes are cut to even on the 310: 15x15 works as 14x14; 4:2:0 of the 310P is even."""
    source, odd = painted(device, Size(64, 64)), painted(device, Size(65, 65))
    number = code(lambda: device.vpc.resize(source, Size(15, 15)))
    size = number or device.vpc.resize(source, Size(15, 15)).size
    return size, code(lambda: device.vpc.resize(odd, Size(64, 64)))


@VPC.row(
    "D",
    "docs/chip.md#vpc-ratio",
    expect=(0, TASK, 0, TASK, TASK),
    by_chip={SECOND: (0, TASK, 0, TASK, 0)},
)
def ratio(device: Device) -> object:
    """1/32 to 16 on each axis; RGB of the 310P up to 512."""
    small, large = painted(device, Size(64, 64)), painted(device, Size(4096, 64))
    rgb = painted(device, Size(16, 16), P.RGB_888)
    target = P.RGB_888 if device.soc.name == SECOND else P.NV12
    return codes(
        lambda: device.vpc.resize(small, Size(1024, 64)),
        lambda: device.vpc.resize(small, Size(1026, 64)),
        lambda: device.vpc.resize(large, Size(128, 64)),
        lambda: device.vpc.resize(large, Size(126, 64)),
        lambda: device.vpc.resize(rgb, Size(4096, 16), pixel_format=target),
    )


_CROPS = [(1, 0, 32, 32), (0, 0, 33, 32), (0, 0, 8, 6), (0, 0, 10, 6), (40, 40, 64, 64)]


@VPC.row(
    "D",
    "docs/chip.md#vpc-crop",
    expect=(TASK, TASK, TASK, 0, TASK),
    by_chip={SECOND: (0, 0, TASK, 0, TASK)},
)
def crop_area(device: Device) -> object:
    """Even edges on the 310, 10x6 at least, inside the picture."""
    source = painted(device, Size(64, 64))
    return codes(
        *(lambda a=a: device.vpc.crop_resize(source, Rect(*a), Size(32, 32)) for a in _CROPS)
    )


@VPC.row("D", "docs/chip.md#vpc-paste", expect=(TASK, 0, TASK, TASK))
def paste_area(device: Device) -> object:
    """As a crop, and the left edge a multiple of 16."""
    source, onto = painted(device, Size(64, 64)), painted(device, Size(128, 128))
    areas = [(8, 0, 32, 32), (16, 2, 32, 32), (112, 0, 32, 32), (16, 0, 8, 6)]
    part = Rect(0, 0, 32, 32)
    return codes(*(lambda a=a: device.vpc.crop_paste(source, part, onto, Rect(*a)) for a in areas))


@VPC.row("D", "docs/chip.md#vpc-crop", expect=("ValueError", TASK))
def area_range(device: Device) -> object:
    """An area outside of 0 to 65535 cannot be made, or used."""
    source = painted(device, Size(64, 64))
    return codes(
        lambda: Rect(-2, 0, 32, 32),
        lambda: device.vpc.crop(source, Rect(65536, 0, 32, 32)),
    )


@VPC.row("D", "docs/chip.md#vpc-paste", expect=True)
def unequal_areas(device: Device) -> object:
    """A part of another size is scaled to the area that it is pasted into."""
    source, onto = painted(device, Size(64, 64)), painted(device, Size(128, 128))
    device.vpc.crop_paste(source, Rect(0, 0, 32, 32), onto, Rect(0, 0, 64, 64))
    alone = device.vpc.crop_resize(source, Rect(0, 0, 32, 32), Size(64, 64))
    return np.array_equal(planes(frame_of(onto))[0][:64, :64], planes(frame_of(alone))[0])


@VPC.row("I", "docs/chip.md#vpc-border", expect=True)
def rest_of_a_paste(device: Device) -> object:
    """The rest of the output buffer stays as it was."""
    source, onto = painted(device, Size(64, 64)), painted(device, Size(128, 128))
    before = tight(onto)
    device.vpc.crop_paste(source, Rect(0, 0, 32, 32), onto, Rect(16, 0, 32, 32))
    changed = np.argwhere((tight(onto) != before)[:128])
    return bool((changed.min(0) >= (0, 16)).all() and (changed.max(0) < (32, 48)).all())


@VPC.row(
    "D",
    "docs/chip.md#vpc-interpolation",
    expect=(0, 0, 0, 0, 0, 100000),
    by_chip={SECOND: (0, 0, 0, 200006, 200006, 100000)},
)
def interpolations(device: Device) -> object:
    """0 to 4, on the 310P 0 to 2; above 4 is 100000, what the chip lacks 200006."""
    source = painted(device, Size(64, 64))
    return codes(*(lambda n=n: device.vpc.resize(source, Size(32, 32), n) for n in range(6)))
