"""The chips as tables: what each block takes, gives and how fast.

Every row cites its place in ascend_spec. A chip is data: to add one, write its `Soc` and list it
in `_KNOWN`; no code asks which chip it runs on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from fleet.core.geometry import Size, align_up
from fleet.errors import UsageError

MB = 1 << 20
_HD = Size(1920, 1080).pixels
_720P = Size(1280, 720).pixels


@dataclass(frozen=True)
class SizeRange:
    """The picture sizes that a block takes, both ends included."""

    min: Size
    max: Size

    def __contains__(self, size: Size) -> bool:
        return (
            self.min.width <= size.width <= self.max.width
            and self.min.height <= size.height <= self.max.height
        )

    def __str__(self) -> str:
        return f"{self.min} to {self.max}"


@dataclass(frozen=True)
class StrideRule:
    """How NV12 lies in memory: rows of `width_step` bytes and up, planes of `height_step` rows.

    The least and the most are in bytes a row and rows a plane.
    """

    width_step: int
    height_step: int
    min_width: int
    max_width: int
    min_height: int
    max_height: int

    def strides(self, size: Size) -> tuple[int, int]:
        """The bytes a row and the rows of the luma plane that a picture of this size gets."""
        width = max(self.min_width, align_up(size.width, self.width_step))
        return width, max(self.min_height, align_up(size.height, self.height_step))

    def allows(self, width_stride: int, height_stride: int) -> bool:
        """Whether a picture may lie in memory like this."""
        return (
            width_stride % self.width_step == 0
            and height_stride % self.height_step == 0
            and self.min_width <= width_stride <= self.max_width
            and self.min_height <= height_stride <= self.max_height
        )


@dataclass(frozen=True)
class Rate:
    """A block's speed: pixels a second, and pictures a second that it never exceeds."""

    pixels_per_s: float
    pictures_per_s: float = math.inf

    def seconds(self, pixels: int) -> float:
        """The modelled time for one picture of that many pixels."""
        return max(pixels / self.pixels_per_s, 1 / self.pictures_per_s)


@dataclass(frozen=True)
class CodecLimits:
    """What VDEC takes of one codec; names as FFmpeg gives them.

    `motion_bytes`: temporal motion vectors a reference picture of 1920x1080.
    """

    name: str
    title: str
    profiles: frozenset[str]
    bit_depths: frozenset[int]
    interlaced: bool
    motion_bytes: int


@dataclass(frozen=True)
class VdecLimits:
    """The video decoder.

    `channels`: (largest picture in pixels, how many channels of it run at once), small to large.
    `channel_fixed_bytes`, `input_bytes` (twice a channel) up to 1920x1080 and above it,
    `frame_bytes` a reference picture of 1920x1080: the parts of a channel's memory. `rate` is the
    whole chip's, `channel_rate` what one channel alone reaches.
    """

    codecs: tuple[CodecLimits, ...]
    chroma: str
    most_level: float
    input: SizeRange
    output: SizeRange
    stride: StrideRule
    channels: tuple[tuple[int, int], ...]
    channel_fixed_bytes: int
    input_bytes: int
    large_input_bytes: int
    frame_bytes: int
    rate: Rate
    channel_rate: Rate

    def codec(self, name: str) -> CodecLimits | None:
        """The limits for a codec, None where the chip does not decode it."""
        return next((codec for codec in self.codecs if codec.name == name), None)

    def channel_bytes(self, codec: CodecLimits, size: Size, reference_frames: int) -> int:
        """The memory of one open channel: 4 MB + 2 input buffers + (frame + TMV) x (refs + 1)."""
        buffers = self.input_bytes if size.pixels <= _HD else self.large_input_bytes
        picture = (self.frame_bytes + codec.motion_bytes) * size.pixels // _HD
        return self.channel_fixed_bytes + 2 * buffers + picture * (reference_frames + 1)

    def channel_share(self, size: Size) -> Fraction:
        """Which part of the decoder a channel of this size takes up."""
        most = next((count for pixels, count in self.channels if size.pixels <= pixels), 1)
        return Fraction(1, most)


@dataclass(frozen=True)
class VpcLimits:
    """The scaler. Ratios are target over source on each axis; `paste_left_step` in pixels.

    `even_areas`: areas to cut out or paste into begin and end on even pixels. `interpolations`:
    the numbers it knows. `command_bytes`: its own command buffer. Rates as in VdecLimits.
    """

    input: SizeRange
    output: SizeRange
    stride: StrideRule
    output_formats: frozenset[str]
    min_ratio: float
    max_ratio: float
    even_areas: bool
    paste_left_step: int
    interpolations: frozenset[int]
    command_bytes: int
    rate: Rate
    channel_rate: Rate


@dataclass(frozen=True)
class JpegeLimits:
    """The JPEG encoder.

    `stride_step`: in bytes and rows. A file is predicted to take the raw picture and
    `header_bytes`, rounded up to `size_step` bytes.
    """

    input: SizeRange
    stride_step: int
    header_bytes: int
    size_step: int
    rate: Rate


@dataclass(frozen=True)
class Soc:
    """One kind of chip. `memory_bytes`: what a program can use. `fp16_tflops`: as launched."""

    name: str
    memory_bytes: int
    fp16_tflops: float
    vdec: VdecLimits
    vpc: VpcLimits
    jpege: JpegeLimits


@dataclass(frozen=True)
class TrainingSoc:
    """A chip that networks are trained on: its memory and its cube units, no media engines.

    `fp16_tflops`: as launched.
    """

    name: str
    memory_bytes: int
    fp16_tflops: float


Ascend310 = Soc(
    name="Ascend310",
    memory_bytes=7759 * MB,  # section 7.1 "Memory": visible
    fp16_tflops=8,  # section 7.1 "FP16": launch figure (2 cores x 680 MHz would be 11)
    vdec=VdecLimits(
        codecs=(  # section 1 "Codecs", "Interlaced", "Memory per channel" (TMV)
            CodecLimits(
                name="h264",
                title="H.264",
                profiles=frozenset({"Baseline", "Constrained Baseline", "Main", "High"}),
                bit_depths=frozenset({8}),
                interlaced=True,
                motion_bytes=MB // 2,
            ),
            CodecLimits(
                name="hevc",
                title="H.265",
                profiles=frozenset(
                    # The last two use Main's tools, without inter prediction (H.265 A.3.5).
                    {"Main", "Main 10", "Main Still Picture", "Main Intra", "Main 10 Intra"}
                ),
                bit_depths=frozenset({8, 10}),
                interlaced=False,
                motion_bytes=MB,
            ),
        ),
        chroma="4:2:0",  # section 1 "Codecs"
        most_level=5.1,  # section 1 "Codecs"
        input=SizeRange(Size(128, 128), Size(4096, 4096)),  # section 1 "Input picture size"
        output=SizeRange(Size(10, 6), Size(4096, 4096)),  # section 1 "Output picture size"
        stride=StrideRule(16, 2, 32, 4096, 6, 4096),  # section 1 "Output stride, 420SP"
        channels=((_720P, 32), (_HD, 16), (4096 * 4096, 4)),  # section 1 "Max streams, one chip"
        channel_fixed_bytes=4 * MB,  # section 1 "Memory per channel", these four
        input_bytes=6 * MB,
        large_input_bytes=9 * MB,
        frame_bytes=3 * MB,
        rate=Rate(_HD * 480, 960),  # section 1 "Total throughput": 480 at 1080p, 960 below 720p
        channel_rate=Rate(_HD * 240),  # section 1 "One channel alone"
    ),
    vpc=VpcLimits(
        input=SizeRange(Size(10, 6), Size(8192, 8192)),  # section 2 "Input size"
        output=SizeRange(Size(10, 6), Size(4096, 4096)),  # section 2 "Output size"
        stride=StrideRule(16, 2, 32, 16384, 6, 16384),  # section 2 "ws for planar/SP", "hs"
        output_formats=frozenset({"nv12", "nv21"}),  # section 2 "Output formats"
        min_ratio=1 / 32,  # section 2 "Scale ratio"
        max_ratio=16,
        even_areas=True,  # section 2 "Crop ROI", "Paste ROI"
        paste_left_step=16,  # section 2 "Paste ROI"
        interpolations=frozenset(range(5)),  # section 2 "Interpolation numbers"
        command_bytes=2 * MB,  # section 2 "Inner command buffer"
        rate=Rate(_HD * 1440),  # section 2 "Throughput 1080p", whole chip
        channel_rate=Rate(_HD * 360),  # section 2 "Throughput 1080p", n = 1
    ),
    jpege=JpegeLimits(
        input=SizeRange(Size(32, 32), Size(8192, 8192)),  # section 4 "Size"
        stride_step=16,  # section 4 "ws", "hs"
        header_bytes=640 + 128,  # section 4 "Predicted size"
        size_step=2 * MB,  # section 4 "Predicted size"
        rate=Rate(_HD * 64),  # section 4 "Throughput": 1080p 64 fps, 4K 16 fps
    ),
)

Ascend910A = TrainingSoc(
    name="Ascend910A",  # section 6.1 "--soc_version"
    memory_bytes=32768 * MB,  # section 7.1 "Memory": HBM, as npu-smi shows it
    fp16_tflops=256,  # section 7.1 "FP16": launch figure
)

_KNOWN = {chip.name: chip for chip in (Ascend310,)}


def soc(name: str) -> Soc:
    """The table of a chip by its name, such as Ascend310; raises UsageError on an unknown one."""
    if name not in _KNOWN:
        known = ", ".join(_KNOWN)
        raise UsageError(f"{name!r} is no chip that Fleet simulates.", f"It knows {known}.")
    return _KNOWN[name]
