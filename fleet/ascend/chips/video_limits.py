"""The limits of the video engines: the decoder VDEC and the encoder VENC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from fleet.ascend.chips.measures import (
    HD_PIXELS,
    Rate,
    SizeRange,
    StrideRule,
    together_per_s,
)
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat


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


UNKNOWN_RATE = Fraction(0)


@dataclass(frozen=True)
class ChannelBand:
    """How many channels of some size run at once."""

    most_pixels: int
    """The largest picture of the band."""
    counts: tuple[tuple[Fraction, int], ...]
    """(pictures a second of a stream at least, channels), fast streams to slow."""

    def most(self, frame_rate: Fraction) -> int:
        """Return the channels for streams of a rate; those of fast ones where it is unknown."""
        if not frame_rate:
            return self.counts[0][1]
        return next(count for least, count in self.counts if frame_rate >= least)


@dataclass(frozen=True)
class InputBuffer:
    """An input buffer of a decoding channel."""

    most_pixels: int
    """The largest picture that it is for."""
    fixed_bytes: int = 0
    """Its size, for pictures of any size."""
    pixel_bytes: int = 0
    """What it takes besides for each pixel."""

    def bytes_for(self, size: Size) -> int:
        """Return its size for pictures of a size."""
        return self.fixed_bytes + self.pixel_bytes * size.pixels


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
    output_formats: frozenset[PixelFormat]
    """The formats of the pictures that it returns."""
    stride: StrideRule
    """The layout of the pictures that it returns."""
    channel_ids: int
    """Channels are numbered from 0 to below this number."""
    default_largest: Size
    """The largest picture of a channel that was told none."""
    settings: Mapping[str, range]
    """What a channel can be told besides, and the values; another setting is unsupported."""
    channels: tuple[ChannelBand, ...]
    """How many channels run at once, small pictures to large."""
    channel_fixed_bytes: int
    """Memory of a channel for pictures of any size."""
    input_buffers: tuple[InputBuffer, ...]
    """Memory of each of a channel's two input buffers, small pictures to large."""
    frame_bytes: int
    """Memory of one reference picture of 1920x1080."""
    rate: Rate
    """The speed of the whole chip."""
    channel_rate: Rate
    """The speed of one channel alone."""

    def channel_pictures_per_s(self, pixels: int, channels: int) -> float:
        """Return the pictures a second that so many busy channels decode together."""
        return together_per_s(self.rate, self.channel_rate, pixels, channels)

    def codec(self, name: str) -> CodecLimits | None:
        """Return the limits for a codec; None where the chip does not decode it."""
        return next((codec for codec in self.codecs if codec.name == name), None)

    def channel_bytes(self, codec: CodecLimits, size: Size, reference_frames: int) -> int:
        """Return the memory of a channel: 4 MB + 2 input buffers + (frame + TMV) x (refs + 1)."""
        buffer = next(b for b in self.input_buffers if size.pixels <= b.most_pixels)
        picture = (self.frame_bytes + codec.motion_bytes) * size.pixels // HD_PIXELS
        fixed = self.channel_fixed_bytes + 2 * buffer.bytes_for(size)
        return fixed + picture * (reference_frames + 1)

    def channel_share(self, size: Size, frame_rate: Fraction = UNKNOWN_RATE) -> Fraction:
        """Return the share of the decoder that a channel of this size and rate takes."""
        band = next((band for band in self.channels if size.pixels <= band.most_pixels), None)
        return Fraction(1, band.most(frame_rate) if band else 1)


@dataclass(frozen=True)
class VencLimits:
    """The limits of the video encoder (docs/chip.md#venc)."""

    input: SizeRange
    """The pictures that it encodes."""
    input_formats: frozenset[PixelFormat]
    """Their formats."""
    key_interval: range
    """Frames from one key to the next."""
    source_rate: range
    """Frames a second, besides 0 for the default."""
    default_source_rate: int
    """Frames a second where none are given."""
    bit_rate_kbit_s: range
    """Bit rates, besides 0 for the default."""
    default_bit_rate_kbit_s: int
    """The bit rate where none is given."""
    default_rate_control: str
    """What rate control 0 stands for: CBR or VBR."""
    output_bytes: int
    """Memory of a channel for its output."""
    rate: Rate
    """The speed of the whole chip."""
