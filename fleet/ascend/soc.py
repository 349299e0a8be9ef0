"""The chips as tables: the inputs, outputs and speed of each block.

Every row cites its rule in docs/chip.md. A chip is data: to add one, write its `Soc` and list it
in `_KNOWN`; no code depends on which chip it runs on.
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
    """The picture sizes that a block accepts, both ends included."""

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
    """The layout of NV12 in memory: bytes a row, and rows of the luma plane."""

    width_step: int
    """The width stride is a multiple of so many bytes."""
    height_step: int
    """The height stride is a multiple of so many rows."""
    min_width: int
    """The least width stride, in bytes."""
    max_width: int
    """The largest width stride, in bytes."""
    min_height: int
    """The least height stride, in rows."""
    max_height: int
    """The largest height stride, in rows."""

    def strides(self, size: Size) -> tuple[int, int]:
        """Return the width stride in bytes and the height stride in rows of a picture."""
        width = max(self.min_width, align_up(size.width, self.width_step))
        return width, max(self.min_height, align_up(size.height, self.height_step))

    def allows(self, width_stride: int, height_stride: int) -> bool:
        """Return whether a picture may have these strides."""
        return (
            width_stride % self.width_step == 0
            and height_stride % self.height_step == 0
            and self.min_width <= width_stride <= self.max_width
            and self.min_height <= height_stride <= self.max_height
        )


@dataclass(frozen=True)
class Rate:
    """The speed of a block."""

    pixels_per_s: float
    """Its speed on large pictures."""
    pictures_per_s: float = math.inf
    """Its limit on small pictures."""

    def seconds(self, pixels: int) -> float:
        """Return the modelled seconds for one picture of that many pixels."""
        return max(pixels / self.pixels_per_s, 1 / self.pictures_per_s)


@dataclass(frozen=True)
class CodecLimits:
    """The streams of one codec that VDEC decodes."""

    name: str
    """The codec, as FFmpeg names it."""
    title: str
    """The codec, as people write it."""
    profiles: frozenset[str]
    """Profiles, as FFmpeg names them."""
    bit_depths: frozenset[int]
    """Bits a sample."""
    interlaced: bool
    """Whether it decodes interlaced streams."""
    motion_bytes: int
    """Memory for the temporal motion vectors of one reference picture of 1920x1080."""


@dataclass(frozen=True)
class VdecLimits:
    """The limits of the video decoder."""

    codecs: tuple[CodecLimits, ...]
    chroma: str
    """The chroma subsampling that it decodes."""
    most_level: float
    """The highest level that it decodes, in either codec."""
    input: SizeRange
    """The pictures of a stream."""
    output: SizeRange
    """The pictures that it returns."""
    stride: StrideRule
    """The layout of the pictures that it returns."""
    channels: tuple[tuple[int, int], ...]
    """(largest picture in pixels, how many channels of it run at once), small to large."""
    channel_fixed_bytes: int
    """Memory of a channel for pictures of any size."""
    input_bytes: int
    """Memory of each of a channel's two input buffers, for pictures up to 1920x1080."""
    large_input_bytes: int
    """The same, for larger pictures."""
    frame_bytes: int
    """Memory of one reference picture of 1920x1080."""
    rate: Rate
    """The speed of the whole chip."""
    channel_rate: Rate
    """The speed of one channel alone."""

    def codec(self, name: str) -> CodecLimits | None:
        """Return the limits for a codec; None where the chip does not decode it."""
        return next((codec for codec in self.codecs if codec.name == name), None)

    def channel_bytes(self, codec: CodecLimits, size: Size, reference_frames: int) -> int:
        """Return the memory of a channel: 4 MB + 2 input buffers + (frame + TMV) x (refs + 1)."""
        buffers = self.input_bytes if size.pixels <= _HD else self.large_input_bytes
        picture = (self.frame_bytes + codec.motion_bytes) * size.pixels // _HD
        return self.channel_fixed_bytes + 2 * buffers + picture * (reference_frames + 1)

    def channel_share(self, size: Size) -> Fraction:
        """Return the share of the decoder that a channel of this size takes."""
        most = next((count for pixels, count in self.channels if size.pixels <= pixels), 1)
        return Fraction(1, most)


@dataclass(frozen=True)
class VpcLimits:
    """The limits of the scaler."""

    input: SizeRange
    """The pictures that it reads."""
    output: SizeRange
    """The pictures that it returns."""
    stride: StrideRule
    """The layout of pictures that it reads and returns."""
    output_formats: frozenset[str]
    """Formats of the pictures that it returns, as FFmpeg names them."""
    min_ratio: float
    """The least ratio of target to source, on each axis."""
    max_ratio: float
    """The largest ratio of target to source, on each axis."""
    even_areas: bool
    """Whether areas to crop or to paste into begin and end on even pixels."""
    paste_left_step: int
    """The left edge of an area to paste into is a multiple of so many pixels."""
    interpolations: frozenset[int]
    """The numbers of the interpolations that it has."""
    command_bytes: int
    """Memory of its command buffer."""
    rate: Rate
    """The speed of the whole chip."""
    channel_rate: Rate
    """The speed of one engine alone."""


@dataclass(frozen=True)
class JpegeLimits:
    """The limits of the JPEG encoder.

    A file is predicted to take the raw picture and `header_bytes`, rounded up to `size_step`.
    """

    input: SizeRange
    """The pictures that it encodes."""
    stride_step: int
    """Strides are multiples of so many bytes, or rows."""
    header_bytes: int
    """The predicted size of a file's header."""
    size_step: int
    """The predicted size of a file is a multiple of so many bytes."""
    rate: Rate


@dataclass(frozen=True)
class Soc:
    """One kind of chip."""

    name: str
    """As ATC's --soc_version takes it."""
    memory_bytes: int
    """The memory that a program can use."""
    fp16_tflops: float
    """The speed of its cube units in float16, as published at the launch."""
    vdec: VdecLimits
    vpc: VpcLimits
    jpege: JpegeLimits


@dataclass(frozen=True)
class TrainingSoc:
    """A chip that networks are trained on: its memory and its cube units, no media engines."""

    name: str
    """As ATC's --soc_version takes it."""
    memory_bytes: int
    """The memory that a program can use."""
    fp16_tflops: float
    """The speed of its cube units in float16, as published at the launch."""


Ascend310 = Soc(
    name="Ascend310",
    memory_bytes=7759 * MB,  # docs/chip.md#memory-visible
    fp16_tflops=8,  # docs/chip.md#clock-fp16: the launch figure
    vdec=VdecLimits(
        codecs=(  # docs/chip.md#vdec-codecs, docs/chip.md#vdec-interlaced, docs/chip.md#vdec-memory
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
        chroma="4:2:0",  # docs/chip.md#vdec-codecs
        most_level=5.1,  # docs/chip.md#vdec-codecs
        input=SizeRange(Size(128, 128), Size(4096, 4096)),  # docs/chip.md#vdec-sizes
        output=SizeRange(Size(10, 6), Size(4096, 4096)),  # docs/chip.md#vdec-output-sizes
        stride=StrideRule(16, 2, 32, 4096, 6, 4096),  # docs/chip.md#vdec-stride
        channels=((_720P, 32), (_HD, 16), (4096 * 4096, 4)),  # docs/chip.md#vdec-channels
        channel_fixed_bytes=4 * MB,  # docs/chip.md#vdec-memory, these four
        input_bytes=6 * MB,
        large_input_bytes=9 * MB,
        frame_bytes=3 * MB,
        rate=Rate(_HD * 480, 960),  # docs/chip.md#clock-vdec: 480 at 1080p, 960 up to 720p
        channel_rate=Rate(_HD * 240),  # docs/chip.md#clock-vdec-channel
    ),
    vpc=VpcLimits(
        input=SizeRange(Size(10, 6), Size(8192, 8192)),  # docs/chip.md#vpc-input
        output=SizeRange(Size(10, 6), Size(4096, 4096)),  # docs/chip.md#vpc-output
        stride=StrideRule(16, 2, 32, 16384, 6, 16384),  # docs/chip.md#vpc-stride
        output_formats=frozenset({"nv12", "nv21"}),  # docs/chip.md#vpc-formats
        min_ratio=1 / 32,  # docs/chip.md#vpc-ratio
        max_ratio=16,
        even_areas=True,  # docs/chip.md#vpc-crop and docs/chip.md#vpc-paste
        paste_left_step=16,  # docs/chip.md#vpc-paste
        interpolations=frozenset(range(5)),  # docs/chip.md#vpc-interpolation
        command_bytes=2 * MB,  # docs/chip.md#vpc-commands
        rate=Rate(_HD * 1440),  # docs/chip.md#clock-vpc, the whole chip
        channel_rate=Rate(_HD * 360),  # docs/chip.md#clock-vpc-engine, n = 1
    ),
    jpege=JpegeLimits(
        input=SizeRange(Size(32, 32), Size(8192, 8192)),  # docs/chip.md#jpege-sizes
        stride_step=16,  # docs/chip.md#jpege-stride
        header_bytes=640 + 128,  # docs/chip.md#jpege-predicted
        size_step=2 * MB,  # docs/chip.md#jpege-predicted
        rate=Rate(_HD * 64),  # docs/chip.md#clock-jpege: 1080p 64 fps, 4K 16 fps
    ),
)

Ascend910A = TrainingSoc(
    name="Ascend910A",  # docs/chip.md#model-soc
    memory_bytes=32768 * MB,  # docs/chip.md#train-memory: HBM
    fp16_tflops=256,  # docs/chip.md#train-fp16: the launch figure
)

_KNOWN = {chip.name: chip for chip in (Ascend310,)}


def soc(name: str) -> Soc:
    """Return a chip by its name, such as Ascend310; raises UsageError for an unknown name."""
    if name not in _KNOWN:
        known = ", ".join(_KNOWN)
        raise UsageError(f"{name!r} is no chip that Fleet simulates.", f"It knows {known}.")
    return _KNOWN[name]
