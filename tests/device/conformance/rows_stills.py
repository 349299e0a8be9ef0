"""Sections 3 and 4: JPEGD, JPEGE, PNGD and VENC."""

from __future__ import annotations

import pytest
from conformance_row import FIRST, SECOND, TRAINING, Rows
from probing import HD, UHD, code, codes, painted, still

from fleet.ascend.clock import jpege_s, pngd_s
from fleet.ascend.jpege import predicted_bytes
from fleet.ascend.memory import ADDRESS_STEP, Allocation
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device
from fleet.video.stills.jpeg_header import read_header

JPEGD = Rows("3 JPEGD")
STILLS = Rows("4 JPEGE, PNGD, VENC")
UNSUPPORTED = 148052
_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def _jpeg(chroma: str = "4:2:0", size: Size = Size(64, 48)) -> bytes:  # noqa: B008
    if chroma == "4:0:0":
        return still("JPEG", size, "L")
    return still("JPEG", size, subsampling=_SUBSAMPLING[chroma])


def _with(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def _process(number: int) -> bytes:
    data = bytearray(_jpeg())
    data[data.index(b"\xff\xc0") + 1] = 0xC0 + number
    return bytes(data)


@JPEGD.row("D", "docs/chip.md#jpegd", expect=(0, 0, 0, 0))
def jpegd_input(device: Device) -> object:
    """Baseline Huffman files of every chroma."""
    files = [_jpeg(chroma) for chroma in (*_SUBSAMPLING, "4:0:0")]
    return codes(*(lambda d=d: device.jpegd.decode(d) for d in files))


@JPEGD.row("D", "docs/chip.md#jpegd", expect=(UNSUPPORTED,) * 3)
def jpegd_unsupported(device: Device) -> object:
    """Progressive, arithmetic and JPEG 2000 are answered with 148052."""
    files = [still("JPEG", progressive=True), _process(9), b"\xff\x4f\xff\x51"]
    return codes(*(lambda d=d: device.jpegd.decode(d) for d in files))


@JPEGD.row("D", "docs/chip.md#jpegd-tables", expect=(UNSUPPORTED,) * 3)
def jpegd_tables(device: Device) -> object:
    """2 + 2 Huffman tables, 3 quantisation tables, no three scans."""
    more = b"".join(bytes([number]) + b"\1" * 64 for number in (2, 3))
    files = [
        _with(_jpeg(), 0xC4, b"\x02" + bytes(16)),
        _with(_jpeg(), 0xDB, more),
        _jpeg()[:-2] + b"\xff\xda\0\x02" * 2 + b"\xff\xd9",
    ]
    return codes(*(lambda d=d: device.jpegd.decode(d) for d in files))


JPEGD.left_out(
    "orientation-is-slower",
    "D",
    "A file with an EXIF orientation decodes more slowly.",
    "N: no figure says by how much",
)


@JPEGD.row("D", "docs/chip.md#jpegd-sizes", expect=(0, 100000, 100000, 0))
def jpegd_sizes(device: Device) -> object:
    """32x32 to 8192x8192, odd ones too."""
    sizes = [Size(32, 32), Size(31, 32), Size(8193, 32), Size(8191, 33)]
    files = [_jpeg(size=size) for size in sizes]
    return codes(*(lambda d=d: device.jpegd.decode(d) for d in files))


@JPEGD.row(
    "D",
    "docs/chip.md#jpegd-formats",
    expect=(P.YVU_444SP, P.YVU_422SP, P.NV21, P.NV21, 100027, 100027, 100027, 0, 0),
)
def jpegd_formats(device: Device) -> object:
    """A file's own chroma, V first, or 4:2:0; other formats are answered with 100027."""
    own = [
        device.jpegd.decode(_jpeg(chroma), P.UNKNOWN).pixel_format
        for chroma in (*_SUBSAMPLING, "4:0:0")
    ]
    asked = [("4:4:4", P.YUV_444SP), ("4:2:0", P.YUV_422SP), ("4:2:0", P.RGB_888)]
    asked += [("4:2:2", P.YUV_422SP), ("4:4:4", P.NV12)]
    return (*own, *codes(*(lambda c=c, f=f: device.jpegd.decode(_jpeg(c), f) for c, f in asked)))


@JPEGD.row(
    "D", "docs/chip.md#jpegd-stride", expect=(1920, 1088, 384), by_chip={SECOND: (1920, 1088, 320)}
)
def jpegd_stride(device: Device) -> object:
    """128 by 16, on the 310P 64 by 16."""
    full = device.jpegd.decode(_jpeg(size=HD))
    odd = device.jpegd.decode(_jpeg(size=Size(300, 33)))
    return full.width_stride, full.height_stride, odd.width_stride


@JPEGD.row("D", "docs/chip.md#jpegd-stride", expect=(1_056_768, 1_409_024, 2_113_536))
def jpegd_bytes(device: Device) -> object:
    """3/2, 2 and 3 times the strides: 1,056,768 for 1024x683 in 4:2:0."""
    files = [_jpeg(chroma, Size(1024, 683)) for chroma in ("4:2:0", "4:2:2", "4:4:4")]
    return tuple(device.jpegd.predicted_bytes(device.jpegd.info(d), P.UNKNOWN) for d in files)


@JPEGD.row(
    "D", "docs/chip.md#memory-address", expect=True, left_out={SECOND: "no rule on the 310P"}
)
def jpegd_address(device: Device) -> object:
    """The output lies at a multiple of 128."""
    return ADDRESS_STEP % device.soc.jpegd.address_step == 0


@JPEGD.row("D", "docs/chip.md#jpegd-buffer", expect=8)
def jpegd_buffer(device: Device) -> object:
    """The file's buffer has 8 bytes more, which the driver overwrites."""
    data, asked = _jpeg(), {}
    allocate = device.memory.allocate

    def note(size_bytes: int, holder: str) -> Allocation:
        asked[holder] = size_bytes
        return allocate(size_bytes, holder)

    device.memory.allocate = note  # type: ignore[method-assign, assignment]
    device.jpegd.decode(data)
    return asked["jpegd input"] - len(data)


@JPEGD.row(
    "D",
    "docs/chip.md#jpegd-sizes",
    expect=(Size(64, 48), "4:2:2", 12288),
    by_chip={SECOND: (Size(64, 48), "4:2:2", 6144)},
)
def jpegd_helpers(device: Device) -> object:
    """Size and buffer are told before anything is decoded."""
    header = device.jpegd.info(_jpeg("4:2:2"))
    return header.size, header.chroma, device.jpegd.predicted_bytes(header, P.YUV_422SP)


@JPEGD.row(
    "D",
    "docs/chip.md#clock-jpegd",
    expect=pytest.approx((128, 256, 32, 64)),
    by_chip={TRAINING: pytest.approx((128, 2048, 32, 512))},
    left_out={SECOND: "N: no figure for the 310P"},
)
def jpegd_throughput(device: Device) -> object:
    """128 in one channel and 256 in all at 1080p, 32 and 64 at 4K; the 910 2048 and 512."""
    limits = device.soc.jpegd
    rates = (limits.channel_rate, limits.rate)
    return tuple(1 / rate.seconds(size.pixels) for size in (HD, UHD) for rate in rates)


_JPEGE_IN = {P.NV12, P.NV21, P.YUYV, P.UYVY, P.YVYU, P.VYUY}


@STILLS.row("D", "docs/chip.md#jpege-input", expect=_JPEGE_IN)
def jpege_input(device: Device) -> object:
    """NV12, NV21 and packed 4:2:2; else 100027."""
    found = {
        pixel_format: code(
            lambda f=pixel_format: device.jpege.encode(painted(device, Size(64, 64), f))  # type: ignore[misc]
        )
        for pixel_format in set(P) - {P.UNKNOWN}
    }
    assert set(found.values()) == {0, 100027}
    return {pixel_format for pixel_format, number in found.items() if number == 0}


@STILLS.row("D", "docs/chip.md#jpege-sizes", expect=(0, 100000, 100000, 100000, 0))
def jpege_size(device: Device) -> object:
    """32x32 to 8192x8192; even sides, for packed 4:2:2 the width alone."""
    shapes = [
        (Size(32, 32), P.NV12, (32, 32)),
        (Size(30, 32), P.NV12, (32, 32)),
        (Size(8194, 32), P.NV12, (8208, 32)),
        (Size(64, 33), P.NV12, (64, 48)),
        (Size(64, 33), P.YUYV, (128, 33)),
    ]
    pictures = [painted(device, *shape) for shape in shapes]
    return codes(*(lambda p=p: device.jpege.encode(p) for p in pictures))


@STILLS.row("D", "docs/chip.md#jpege-stride", expect=(0, 0, 100000, 0, 100000))
def jpege_width_stride(device: Device) -> object:
    """Any multiple of 16 for 4:2:0, exactly 2 w rounded up to 16 for packed formats."""
    shapes = [(P.NV12, 80), (P.NV12, 128), (P.NV12, 72), (P.YUYV, 144), (P.YUYV, 160)]
    pictures = [painted(device, Size(70, 64), f, (stride, 64)) for f, stride in shapes]
    return codes(*(lambda p=p: device.jpege.encode(p) for p in pictures))


@STILLS.row("D", "docs/chip.md#jpege-stride", expect=(0, 0, 100000))
def jpege_height_stride(device: Device) -> object:
    """The height itself, or a multiple of 16 above it."""
    pictures = [painted(device, Size(64, 50), P.NV12, (64, hs)) for hs in (50, 64, 52)]
    return codes(*(lambda p=p: device.jpege.encode(p) for p in pictures))


@STILLS.row("D", "docs/chip.md#jpege-output", expect=(0, 1, True))
def jpege_output(device: Device) -> object:
    """A baseline Huffman JPEG."""
    header = read_header(device.jpege.encode(painted(device, Size(64, 64))))
    return header.process, header.scans, header.is_whole


@STILLS.row("D", "docs/chip.md#jpege-level", expect=(True, True, 100000, 100000))
def jpege_level(device: Device) -> object:
    """1 is the worst, 100 the best, 0 as 100."""
    picture = painted(device, Size(64, 64))
    worst, best, zero = (device.jpege.encode(picture, level) for level in (1, 100, 0))
    outside = codes(*(lambda n=n: device.jpege.encode(picture, n) for n in (-1, 101)))
    return len(worst) < len(best), zero == best, *outside


@STILLS.row("D", "docs/chip.md#jpege-predicted", expect=(2 << 20, 4 << 20))
def jpege_predicted(device: Device) -> object:
    """Raw bytes and 768, rounded up to 2 MB."""
    return tuple(predicted_bytes(device.soc, painted(device, s)) for s in (Size(64, 64), HD))


@STILLS.row("D", "docs/chip.md#jpege-input", expect=(100000, 100000, 100027))
def jpege_errors(device: Device) -> object:
    """100000 for size and stride, 100027 for the format."""
    shapes = [
        (Size(30, 32), P.NV12, (32, 32)),
        (Size(64, 64), P.NV12, (72, 64)),
        (Size(64, 64), P.RGB_888, (192, 64)),
    ]
    return codes(*(lambda s=s: device.jpege.encode(painted(device, *s)) for s in shapes))


@STILLS.row(
    "D",
    "docs/chip.md#clock-jpege",
    expect=pytest.approx((1024, 256)),
    by_chip={FIRST: pytest.approx((64, 16))},
)
def jpege_throughput(device: Device) -> object:
    """64 and 16 pictures a second at 1080p and 4K; the other two 1024 and 256."""
    return 1 / jpege_s(device.soc, HD, 8), 1 / jpege_s(device.soc, UHD, 8)


@STILLS.row("D", "docs/chip.md#pngd", expect=(0, 0, 0, 0, 100027, 100000, 100000, (256, 64)))
def pngd(device: Device) -> object:
    """32x32 to 4096x4096, colour types 0, 2, 4, 6, strides of 128 bytes by 16 rows."""
    files = [still("PNG", mode=mode) for mode in ("L", "RGB", "LA", "RGBA", "P")]
    files += [still("PNG", Size(31, 32)), still("PNG", Size(4097, 32))]
    made = device.pngd.decode(still("PNG", Size(70, 50)))
    strides = made.width_stride, made.height_stride
    return (*codes(*(lambda d=d: device.pngd.decode(d) for d in files)), strides)


@STILLS.row(
    "D",
    "docs/chip.md#clock-pngd",
    expect=pytest.approx((24, 6)),
    by_chip={TRAINING: pytest.approx((96, 24))},
    left_out={SECOND: "N: no figure for the 310P"},
)
def pngd_throughput(device: Device) -> object:
    """24 and 6 pictures a second on the 310, 96 and 24 on the 910."""
    return 1 / pngd_s(device.soc, HD, 24), 1 / pngd_s(device.soc, UHD, 24)


@STILLS.row("D", "docs/chip.md#venc", expect=True, by_chip={TRAINING: False})
def venc_exists(device: Device) -> object:
    """The 310 and the 310P have a video encoder."""
    return device.soc.venc is not None
