"""JPEGE: encode NV12 pictures as baseline JPEG. FFmpeg's mjpeg encoder does the encoding."""

from __future__ import annotations

from fractions import Fraction

import av
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from fleet.ascend.clock import Clock, jpege_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import JpegeLimits, Soc
from fleet.core.frames import Matrix, Picture, Range
from fleet.core.geometry import align_up

_COARSEST = 31


class Jpege:
    """The JPEG encoder of one device; it has no threads, and serves one."""

    def __init__(self, soc: Soc, memory: Memory, clock: Clock) -> None:
        self._soc = soc
        self._memory = memory
        self._clock = clock
        self._to_jpeg_colour = VideoReformatter()

    def encode(self, picture: Picture, level: int = 90) -> bytes:
        """Encode a picture as a baseline Huffman JPEG (JFIF, 4:2:0).

        `level` is 1 for the worst to 100 for the best quality; 0 is about 100
        (docs/chip.md#jpege-level). JPEG viewers read BT.601 in the full range, so other samples are
        converted to that first; the real unit writes samples as they are. Raises DeviceError
        (100000) for sizes, strides and levels that the chip does not accept.
        """
        self._check(picture, level)
        held = self._memory.allocate(predicted_bytes(self._soc.jpege, picture), "jpege output")
        try:
            with self._clock.stage("jpege"):
                self._clock.add_modelled("jpege", jpege_s(self._soc, picture.size))
                return _encode(self._in_jpeg_colour(picture), quantiser(level))
        finally:
            held.free()

    def _check(self, picture: Picture, level: int) -> None:
        limits, invalid = self._soc.jpege, Code.ACL_ERROR_INVALID_PARAM
        size = picture.size
        if size not in limits.input or size.width % 2 or size.height % 2:
            raise_device_error(
                invalid, f"JPEGE takes pictures of {limits.input}, even sides, not {size}."
            )
        step = limits.stride_step
        if picture.width_stride % step:
            message = f"JPEGE takes a width stride that is a multiple of {step} bytes"
            raise_device_error(invalid, f"{message}, not {picture.width_stride}.")
        if picture.height_stride != size.height and picture.height_stride % step:
            message = f"JPEGE takes a height stride of {size.height} or a multiple of {step} above"
            raise_device_error(invalid, f"{message}, not {picture.height_stride}.")
        if not 0 <= level <= 100:
            raise_device_error(invalid, f"JPEGE takes a level of 0 to 100, not {level}.")

    def _in_jpeg_colour(self, picture: Picture) -> av.VideoFrame:
        colour = picture.colour
        wide, bt601 = colour.range is Range.WIDE, colour.matrix is Matrix.BT601
        return self._to_jpeg_colour.reformat(
            picture.surface,
            format="yuvj420p",
            src_color_range=ColorRange.JPEG if wide else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            src_colorspace=Colorspace.ITU601 if bt601 else Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU601,
            threads=1,
        )


def predicted_bytes(limits: JpegeLimits, picture: Picture) -> int:
    """Return the buffer that acldvppJpegPredictEncSize asks for (docs/chip.md#jpege-predicted)."""
    raw = picture.width_stride * picture.height_stride * 3 // 2
    return align_up(raw + limits.header_bytes, limits.size_step)


def quantiser(level: int) -> int:
    """Return the mjpeg quantiser for a level, 1 (finest) to 31.

    The chip's tables are not public, so that this mapping is an assumption. A level is read as the
    quality of the usual (IJG) tables, whose step at level 50 is that of quantiser 8 and which scale
    from there: 200 - 2 * level percent above 50, 5000 / level below. All levels under 13 map to the
    coarsest quantiser.
    """
    level = level or 100
    percent = 200 - 2 * level if level >= 50 else 5000 / level
    return min(_COARSEST, max(1, round(8 * percent / 100)))


def _encode(frame: av.VideoFrame, quantiser: int) -> bytes:
    encoder = CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.sample_aspect_ratio = Fraction(1)  # without it the file gets no JFIF header
    encoder.thread_count = 1
    step = str(quantiser)
    encoder.options = {"qmin": step, "qmax": step, "flags": "+bitexact"}
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
