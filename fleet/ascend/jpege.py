"""JPEGE: encode pictures as baseline JPEG. FFmpeg's mjpeg encoder does the encoding."""

from __future__ import annotations

from fractions import Fraction

import av
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from fleet.ascend.clock import Clock, copy_s, jpege_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.surface import UNCHANGED, buffer_bytes, check_own, frame_of
from fleet.core.frames import Matrix, Picture, Range
from fleet.core.geometry import align_up

_COARSEST = 31


class Jpege:
    """The JPEG encoder of one device; it has no threads, and serves one."""

    def __init__(self, soc: Soc, memory: Memory, clock: Clock, *, full_range: bool = False) -> None:
        """`full_range`: whether samples are converted where a call does not say, see `encode`."""
        self._full_range = full_range
        self._soc = soc
        self._memory = memory
        self._clock = clock
        self._to_jpeg_colour = VideoReformatter()

    def encode(self, picture: Picture, level: int = 90, *, full_range: bool | None = None) -> bytes:
        """Encode a picture as a baseline Huffman JPEG (JFIF), 4:2:0, or 4:2:2 from packed formats.

        `level` is 1 for the worst to 100 for the best quality; 0 is about 100
        (docs/chip.md#jpege-level). The samples are written as they are, as the chip does; viewers
        read them as BT.601 in the full range, so that a picture of the narrow range looks washed
        out. With `full_range` the samples are converted to that first, on the host, and the file
        looks as the picture does (docs/chip.md#jpege-colour). Raises DeviceError: 100027 for a
        format, 100000 for sizes, strides and levels that the chip does not accept.
        """
        check_own(self._memory, picture)
        self._check(picture, level)
        size_bytes = predicted_bytes(self._soc, picture)
        held = self._memory.allocate(size_bytes, "jpege output")
        try:
            with self._clock.stage("jpege"):
                seconds = jpege_s(self._soc, picture.size, self._clock.channels("jpege"))
                self._clock.add_modelled("jpege", seconds)
                converts = self._full_range if full_range is None else full_range
                surface = self._jpeg_surface(picture, full_range=converts)
                made = _encode(surface, quantiser(level))
            self._clock.add_modelled("copy", copy_s(self._soc, len(made)))
            return made
        finally:
            held.free()

    def _check(self, picture: Picture, level: int) -> None:
        limits, invalid = self._soc.jpege, Code.ACL_ERROR_INVALID_PARAM
        size, pixel_format = picture.size, picture.pixel_format
        if pixel_format not in limits.input_formats:
            names = ", ".join(known.name for known in sorted(limits.input_formats))
            message = f"JPEGE takes {names}, not {pixel_format.name}."
            code, rule = Code.ACL_ERROR_FORMAT_NOT_MATCH, "docs/chip.md#jpege-input"
            raise_device_error(code, message, "Let VPC make NV12 of it.", rule)
        layout = pixel_format.layout
        is_odd = size.width % 2 or (layout.even_height and size.height % 2)
        if size not in limits.input or is_odd:
            message = f"JPEGE takes pictures of {limits.input}, even sides, not {size}."
            way_out, rule = "Scale the picture first.", "docs/chip.md#jpege-sizes"
            raise_device_error(invalid, message, way_out, rule)
        self._check_strides(picture)
        if not 0 <= level <= 100:
            message = f"JPEGE takes a level of 0 to 100, not {level}."
            rule = "docs/chip.md#jpege-level"
            raise_device_error(invalid, message, "Choose one of them.", rule)

    def _check_strides(self, picture: Picture) -> None:
        invalid, rule = Code.ACL_ERROR_INVALID_PARAM, "docs/chip.md#jpege-stride"
        step, size = self._soc.jpege.stride_step, picture.size
        way_out = "Lay the picture out anew, by VPC."
        row_bytes = align_up(size.width * picture.pixel_format.layout.pixel_bytes, step)
        if picture.pixel_format.layout.planar:
            if picture.width_stride % step:
                message = f"JPEGE takes a width stride that is a multiple of {step} bytes"
                message += f", not {picture.width_stride}."
                raise_device_error(invalid, message, way_out, rule)
        elif picture.width_stride != row_bytes:
            message = f"JPEGE takes a width stride of {row_bytes} bytes for this packed picture"
            raise_device_error(invalid, f"{message}, not {picture.width_stride}.", way_out, rule)
        if picture.height_stride != size.height and picture.height_stride % step:
            message = f"JPEGE takes a height stride of {size.height} or a multiple of {step} above"
            raise_device_error(invalid, f"{message}, not {picture.height_stride}.", way_out, rule)

    def _jpeg_surface(self, picture: Picture, *, full_range: bool) -> av.VideoFrame:
        target = "yuvj420p" if picture.pixel_format.layout.even_height else "yuvj422p"
        if not full_range:
            return self._to_jpeg_colour.reformat(
                frame_of(picture), format=target, threads=1, **UNCHANGED
            )
        colour = picture.colour
        wide, bt601 = colour.range is Range.WIDE, colour.matrix is Matrix.BT601
        return self._to_jpeg_colour.reformat(
            frame_of(picture),
            format=target,
            src_color_range=ColorRange.JPEG if wide else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            src_colorspace=Colorspace.ITU601 if bt601 else Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU601,
            threads=1,
        )


def predicted_bytes(soc: Soc, picture: Picture) -> int:
    """Return the buffer that acldvppJpegPredictEncSize asks for (docs/chip.md#jpege-predicted)."""
    strides = picture.width_stride, picture.height_stride
    raw = buffer_bytes(soc, picture.pixel_format, *strides)
    return align_up(raw + soc.jpege.header_bytes, soc.jpege.size_step)


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
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, frame.format.name
    encoder.time_base = Fraction(1, 25)
    encoder.sample_aspect_ratio = Fraction(1)  # without it the file gets no JFIF header
    encoder.thread_count = 1
    step = str(quantiser)
    encoder.options = {"qmin": step, "qmax": step, "flags": "+bitexact"}
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
