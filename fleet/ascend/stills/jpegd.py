"""JPEGD: decode baseline JPEG files to semi-planar pictures. FFmpeg's mjpeg decoder decodes."""

from __future__ import annotations

from typing import NoReturn

import av
from av.video.reformatter import VideoReformatter

from fleet.ascend.clock import Clock, copy_s, jpegd_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.stills.decoding import fail, one_picture
from fleet.ascend.stream_rules import jpeg_refusal
from fleet.ascend.surface import UNCHANGED, buffer_bytes, in_memory
from fleet.core.frames import Colour, Matrix, Picture, Range
from fleet.core.pixel_format import PixelFormat
from fleet.video.stills.jpeg_header import JPEG_2000, JpegHeader, NotJpegError, read_header

JPEG_COLOUR = Colour(Matrix.BT601, Range.WIDE, declared=True)
"""The colour of every JPEG (docs/chip.md#jpegd-colour)."""
_DAMAGE = "docs/chip.md#jpegd-damage"


class Jpegd:
    """The JPEG decoder of one device; it has no threads, and serves one."""

    def __init__(self, soc: Soc, memory: Memory, clock: Clock) -> None:
        self._soc = soc
        self._limits = soc.jpegd
        self._memory = memory
        self._clock = clock
        self._to_format = VideoReformatter()

    def info(self, data: bytes) -> JpegHeader:
        """Return what a file says of itself, as acldvppJpegGetImageInfo does.

        Raises DeviceError: 100000 where it is no JPEG, 148052 where JPEGD cannot decode it.
        """
        invalid, unsupported = Code.ACL_ERROR_INVALID_PARAM, Code.ACL_ERROR_UNSUPPORTED_JPEG
        if data.startswith(JPEG_2000):
            self._refuse(unsupported, "decodes no JPEG 2000", "docs/chip.md#jpegd")
        try:
            header = read_header(data)
        except NotJpegError as error:
            self._refuse(invalid, f"takes whole JPEG files; {error}", "docs/chip.md#jpegd")
        if refusal := jpeg_refusal(self._soc, header):
            self._refuse(refusal.code, refusal.what, refusal.rule)
        return header

    def predicted_bytes(self, header: JpegHeader, pixel_format: PixelFormat) -> int:
        """Return the bytes of the decoded buffer, as acldvppJpegPredictDecSize does.

        Raises DeviceError (100027) for a format that the file cannot become.
        """
        chosen = self._format(header, pixel_format)
        strides = self._limits.stride.strides(header.size)
        return buffer_bytes(self._soc, chosen, *strides)

    def decode(
        self, data: bytes, pixel_format: PixelFormat = PixelFormat.NV12, row: int = 0
    ) -> Picture:
        """Decode a file into a picture as stored, with JPEGD's strides; the caller releases it.

        UNKNOWN takes the file's own chroma, V first. Samples are BT.601 in the full range, and an
        orientation is not applied. Raises DeviceError: 100000, 148052 and 100027 as `info` and
        `predicted_bytes` do, that of a failed task for damaged data, and 207001 without memory.
        """
        header = self.info(data)
        chosen = self._format(header, pixel_format)
        if not header.is_whole:
            fail("JPEGD", "it has no end", _DAMAGE)
        held = self._memory.allocate(len(data) + self._limits.tail_bytes, "jpegd input")
        try:
            with self._clock.stage("jpegd"):
                seconds = jpegd_s(self._soc, header.size, self._clock.channels("jpegd"))
                self._clock.add_modelled("jpegd", seconds)
                self._clock.add_modelled("copy", copy_s(self._soc, len(data)))
                frame = one_picture("JPEGD", "mjpeg", "explode", data, _DAMAGE)
                surface = self._surface(frame, chosen)
        finally:
            held.free()
        args = (self._soc, self._memory, surface, JPEG_COLOUR, row, "jpegd picture", chosen)
        return in_memory(*args, self._limits.stride.strides(header.size))

    def _format(self, header: JpegHeader, pixel_format: PixelFormat) -> PixelFormat:
        possible = self._limits.output_formats[header.chroma]
        if pixel_format is PixelFormat.UNKNOWN:
            return possible[0]
        if pixel_format not in self._limits.settable_formats or pixel_format not in possible:
            names = ", ".join(known.name for known in possible)
            message = f"JPEGD decodes a {header.chroma} file to {names}, not {pixel_format.name}."
            rule = "docs/chip.md#jpegd-formats"
            code = Code.ACL_ERROR_FORMAT_NOT_MATCH
            raise_device_error(code, message, "Ask for NV12, and convert that.", rule)
        return pixel_format

    def _surface(self, frame: av.VideoFrame, pixel_format: PixelFormat) -> av.VideoFrame:
        """Return a decoded frame in a surface of the format, samples kept."""
        surfaces = pixel_format.layout.surfaces
        if frame.format.name in surfaces:
            return frame
        target = "yuv420p" if "yuv420p" in surfaces else surfaces[0]
        return self._to_format.reformat(frame, format=target, threads=1, **UNCHANGED)

    def _refuse(self, code: Code, what: str, rule: str) -> NoReturn:
        way_out = "Decode it on the host, or write it anew as a baseline JPEG."
        raise_device_error(code, f"JPEGD of {self._soc.name} {what}.", way_out, rule)
