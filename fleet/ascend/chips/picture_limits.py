"""The limits of the engines that work on single pictures: VPC, JPEGD, JPEGE, PNGD and AIPP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from fleet.ascend.chips.measures import Rate, SizeRange, StrideRule, together_per_s
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat


@dataclass(frozen=True)
class VpcLimits:
    """The limits of the scaler."""

    input: SizeRange
    """The pictures that it reads."""
    output: SizeRange
    """The pictures that it returns."""
    stride: StrideRule
    """The layout of 4:2:0 pictures that it reads and returns."""
    other_stride: StrideRule
    """The layout of pictures of other formats."""
    large_side: int
    """A picture with a longer side is laid out by `large_stride`, and has a format of
    `large_formats`."""
    large_stride: StrideRule
    """The layout of such pictures."""
    large_formats: frozenset[PixelFormat]
    """The formats of such pictures."""
    input_formats: frozenset[PixelFormat]
    """Formats of the pictures that it reads."""
    output_formats: frozenset[PixelFormat]
    """Formats of the pictures that it returns."""
    operations: frozenset[str]
    """What it does besides resizing, cropping and pasting; everything else is unsupported."""
    gray_buffer: Fraction
    """Bytes of a gray picture's buffer, in units of width stride times height stride."""
    most_regions: int
    """How many regions one call takes."""
    cuts_odd_sizes: bool
    """Whether odd sides are silently cut to even ones."""
    min_ratio: float
    """The least ratio of target to source, on each axis."""
    max_ratio: float
    """The largest ratio of target to source, on each axis."""
    max_rgb_ratio: float
    """The same, for a bilinear scaling of RGB."""
    even_areas: bool
    """Whether areas to crop or to paste into begin and end on even pixels."""
    paste_left_step: int
    """The left edge of an area to paste into is a multiple of so many pixels."""
    interpolations: frozenset[int]
    """The numbers of the interpolations that it has."""
    channels: int
    """How many channels there may be."""
    command_bytes: int
    """Memory of its command buffer."""
    rate: Rate
    """The speed of the whole chip."""
    channel_rate: Rate
    """The speed of one engine alone."""

    def stride_for(self, size: Size, pixel_format: PixelFormat) -> StrideRule:
        """Return how a picture of a size and format is laid out."""
        if max(size.width, size.height) > self.large_side:
            return self.large_stride
        return self.stride if pixel_format.is_subsampled_420 else self.other_stride

    def engine_pictures_per_s(self, pixels: int, engines: int) -> float:
        """Return the pictures a second that so many busy channels scale together."""
        return together_per_s(self.rate, self.channel_rate, pixels, engines)


@dataclass(frozen=True)
class JpegeLimits:
    """The limits of the JPEG encoder.

    A file is predicted to take the raw picture and `header_bytes`, rounded up to `size_step`.
    """

    input: SizeRange
    """The pictures that it encodes."""
    input_formats: frozenset[PixelFormat]
    """Their formats."""
    stride_step: int
    """Strides are multiples of so many bytes, or rows."""
    header_bytes: int
    """The predicted size of a file's header."""
    size_step: int
    """The predicted size of a file is a multiple of so many bytes."""
    rate: Rate
    """The speed of the whole chip."""
    channel_rate: Rate
    """The speed of one channel alone."""


@dataclass(frozen=True)
class JpegdLimits:
    """The limits of the JPEG decoder (docs/chip.md#jpegd)."""

    input: SizeRange
    """The pictures that it decodes."""
    output_formats: Mapping[str, tuple[PixelFormat, ...]]
    """The formats that it decodes to by the file's chroma, such as 4:2:0; the first is the file's
    own, which stands for UNKNOWN."""
    settable_formats: frozenset[PixelFormat]
    """The formats that the host library passes on."""
    stride: StrideRule
    """The layout of the pictures that it returns."""
    address_step: int
    """The output lies at a multiple of so many bytes."""
    most_huffman_tables: int
    """Huffman tables for DC, and as many for AC."""
    most_quantiser_tables: int
    """Quantisation tables."""
    tail_bytes: int
    """Bytes behind the file that the driver overwrites."""
    rate: Rate
    """The speed of the whole chip."""
    channel_rate: Rate
    """The speed of one channel alone."""


@dataclass(frozen=True)
class PngdLimits:
    """The limits of the PNG decoder (docs/chip.md#pngd)."""

    input: SizeRange
    """The pictures that it decodes."""
    colour_types: frozenset[int]
    """The colour types of the PNG standard that it decodes."""
    output_formats: frozenset[PixelFormat]
    """The formats that it decodes to; UNKNOWN takes the file's own."""
    width_step: int
    """The width stride is a multiple of so many bytes."""
    height_step: int
    """The height stride is a multiple of so many rows."""
    rate: Rate
    """The speed of the whole chip."""
    channel_rate: Rate
    """The speed of one channel alone."""


@dataclass(frozen=True)
class AippLimits:
    """The limits of the input unit that differ between chips, or might."""

    most_padded_width: int
    """The most columns of a padded picture."""
