"""The host's decoder, for streams that the chip refuses: to the pictures that VDEC would return."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, VideoReformatter

from fleet.ascend.clock import Clock, copy_s
from fleet.ascend.codes import Code
from fleet.ascend.decoder import StreamDecoder
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.stream_rules import check_host_stream
from fleet.ascend.surface import UNCHANGED
from fleet.ascend.vpc.pixels import cut_odd
from fleet.backend.simulated.complaints import PATCHING, complaints
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Colour, Picture, Range
from fleet.core.geometry import Size
from fleet.video.other_codecs import mjpeg
from fleet.video.other_codecs.mpeg4 import Mpeg4Reader
from fleet.video.stream import StreamInfo

_SURFACES = frozenset({"yuv420p", "yuvj420p"})
_MJPEG = frozenset({"mjpeg", "jpeg"})
_PADDED = frozenset({"mpeg4", "flv1", "h263"})
_PADDING_PICTURES = 3


class HostDecoder(StreamDecoder):
    """A decoder on the host, with the same life as `VdecChannel`.

    libav makes deep, 4:2:2, 4:4:4 and RGB pictures 8-bit 4:2:0. The chip's next block, VPC, takes
    even sides only: the last column or row of an odd picture is cut off. It takes host time alone,
    and of the device's memory what its pictures occupy.
    """

    stage = "host decode"
    title = "The host's decoder"
    decoded_by = "host"
    _is_new: bool

    def __init__(self, soc: Soc, memory: Memory, clock: Clock, stream: StreamInfo) -> None:
        """Open a decoder; raises StreamRefusedError where VPC takes no such pictures."""
        check_host_stream(soc, stream)
        self._to_8_bit = VideoReformatter()
        self._mpeg4 = Mpeg4Reader(stream.configuration) if stream.codec == "mpeg4" else None
        super().__init__(soc, memory, clock, stream, soc.vpc.input)

    def _data(self, unit: AccessUnit) -> bytes:
        is_mjpeg = self.stream.codec in _MJPEG
        if is_mjpeg and (lacks := mjpeg.damage(unit.nals.data, self.stream.configuration)):
            self._fail(unit.row, Code.ERR_VDM_DECODE_FAIL, lacks)
        if self._mpeg4 is None:
            return super()._data(unit)
        try:
            # libav would keep a second picture and return it for any later packet, whether that
            # is the one that stands for it or, where packets are left out, another.
            return self._mpeg4.unpacked(unit.nals.data)
        except ValueError:
            return unit.nals.data

    def _decode(self, packet: av.Packet[Any] | None, row: int) -> list[av.VideoFrame]:
        if self.stream.codec not in PATCHING:
            return super()._decode(packet, row)
        if self._is_new and packet is not None:
            self._is_new = False
            self._learn_padding(packet)
        with complaints() as said:
            frames = super()._decode(packet, row)
        if said:
            self._take([frame for frame in frames if frame.pts is not None and frame.pts < row])
            self._fail(row, Code.ERR_VDM_DECODE_FAIL, f"is damaged ({said[0]})")
        return frames

    def _learn_padding(self, key: av.Packet[Any]) -> None:
        """Have libav learn how the pictures of a stream fill their last byte.

        Some encoders do it wrong. By the pictures before, libav finds out which stream that is, and
        whether bits that are left over count as damage; of a new stream it would take anything.
        """
        if self.stream.codec not in _PADDED:
            return
        with suppress(FFmpegError), complaints():
            for _ in range(_PADDING_PICTURES):
                self._libav.codec.decode(key)
        self._libav.codec.flush_buffers()

    def _open(self) -> VideoCodecContext:
        self._is_new = True
        return super()._open()

    def _free(self) -> None:
        """Nothing is occupied."""

    def _count(self, size: Size, coded_bytes: int) -> None:
        """The chip does nothing."""

    def _picture(self, frame: av.VideoFrame) -> Picture:
        """Return a frame as a picture in device memory, to which it is copied."""
        pixels = frame.width * frame.height
        self._clock.add_modelled("copy", copy_s(self._soc, pixels * 3 // 2))
        return super()._picture(frame)

    def _resize(self, size: Size) -> None:
        """Nothing depends on the size."""

    def _eight_bit(self, frame: av.VideoFrame) -> av.VideoFrame:
        if frame.format.name not in _SURFACES:
            if frame.format.is_rgb:
                # libav makes BT.601 of it, in the range that the stream states.
                is_wide = frame.color_range == ColorRange.JPEG.value
                self._colour = Colour(range=Range.WIDE if is_wide else Range.NARROW)
            options = _options(frame, self._colour)
            frame = self._to_8_bit.reformat(frame, format="yuv420p", threads=1, **options)
        return cut_odd(frame)


def _options(frame: av.VideoFrame, colour: Colour) -> dict[str, Any]:
    """Return options with which libav keeps range and matrix, and rounds deep samples by range."""
    own = ColorRange.JPEG if colour.range == Range.WIDE else ColorRange.MPEG
    source = ColorRange.JPEG if frame.format.is_rgb else own
    return {**UNCHANGED, "src_color_range": source, "dst_color_range": own}
