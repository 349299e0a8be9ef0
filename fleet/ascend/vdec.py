"""VDEC: decode H.264 and H.265 access units to NV12 pictures. libav does the decoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from fleet.ascend.clock import Clock, copy_s, vdec_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.decoder import StreamDecoder
from fleet.ascend.libav_codec import IdleDecoder
from fleet.ascend.memory import Allocation, Memory
from fleet.ascend.scaling import Scaler
from fleet.ascend.soc import Soc
from fleet.ascend.stream_rules import check_stream
from fleet.ascend.surface import UNCHANGED, in_memory
from fleet.ascend.vdec_settings import (
    ChannelSettings,
    check_against,
    check_settings,
    check_size,
)
from fleet.core.frames import Picture
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.errors import DeviceOutOfMemoryError
from fleet.video.stream import StreamInfo

__all__ = ["VdecChannel", "check_stream"]

_SURFACES = frozenset({"yuv420p", "yuvj420p"})
_DEEP_SURFACE = "yuv420p10le"
DEFAULTS = ChannelSettings()


class VdecChannel(StreamDecoder):
    """A channel of the chip's decoder; see `StreamDecoder`."""

    stage = "vdec"
    title = "VDEC"
    decoded_by = "vdec"
    rules: ClassVar[Mapping[Code, str]] = {
        Code.ERR_VDM_DECODE_FAIL: "docs/chip.md#vdec-damage",
        Code.ERR_ALLOC_DYNAMIC_MEM_FAIL: "docs/chip.md#vdec-size-error",
        Code.ERR_BITSTREAM: "docs/chip.md#vdec-input",
    }

    def __init__(
        self,
        soc: Soc,
        memory: Memory,
        clock: Clock,
        stream: StreamInfo,
        on_close: Callable[[VdecChannel], None],
        settings: ChannelSettings = DEFAULTS,
        channel_id: int = 0,
        idle: IdleDecoder | None = None,
    ) -> None:
        """Open a channel; `channel_id` is its number on the chip; `idle`: see StreamDecoder.

        Raises DeviceError for settings that the chip does not take or that the stream does not
        keep, StreamRefusedError for streams that the chip does not decode, DeviceOutOfMemoryError
        where the channel does not fit into its memory.
        """
        check_settings(soc, settings)
        check_stream(soc, stream)
        check_against(soc, settings, stream)
        self.id = channel_id
        """Its number on the chip."""
        self.settings = settings
        """What it was told."""
        self._on_close = on_close
        self._picture_s: tuple[Size, int, float] | None = None
        """How long a picture of a size holds VDEC up, with so many channels open: the last one."""
        self._held = memory.allocate(self._bytes(soc, stream, stream.size), "vdec channel")
        self._to_8_bit = VideoReformatter()
        self._scaler = Scaler()
        # Whether pictures are to come at once is told to libav when it is opened.
        idle = None if settings.is_fast else idle
        super().__init__(soc, memory, clock, stream, soc.vdec.input, idle)
        clock.open_channel("vdec")

    def stride(self, size: Size) -> tuple[int, int]:
        """Return the width stride in bytes and the height stride in rows of its pictures."""
        pixel_bytes = self.settings.output_format.layout.pixel_bytes
        return self._soc.vdec.stride.strides(size, pixel_bytes)

    def _open(self) -> VideoCodecContext:
        codec = super()._open()
        if self.settings.is_fast:
            codec.flags |= Flags.low_delay
        return codec

    def _free(self) -> None:
        self._clock.close_channel("vdec")
        self._held.free()
        self._on_close(self)

    def _count(self, size: Size, coded_bytes: int) -> None:
        channels = self._clock.channels("vdec")
        if self._picture_s is None or self._picture_s[:2] != (size, channels):
            self._picture_s = size, channels, vdec_s(self._soc, size, channels)
        self._clock.add_modelled("vdec", self._picture_s[2])
        self._clock.add_modelled("copy", copy_s(self._soc, coded_bytes))

    def _resize(self, size: Size) -> None:
        check_size(self._soc, self.settings, size)
        before = self._size
        self._held.free()
        try:
            self._held = self._allocate(size)
        except DeviceOutOfMemoryError as error:
            self._held = self._allocate(before)
            # As docs/chip.md#vdec-size-change has it; the message names the rule of the memory.
            message = f"VDEC: the stream changes from {before} to {size}, and {error.message}"
            raise_device_error(Code.ERR_ALLOC_DYNAMIC_MEM_FAIL, message, error.way_out)

    def _picture(self, frame: av.VideoFrame) -> Picture:
        """Return a frame as its channel was told: scaled, and in another format."""
        if self.settings.is_fast and frame.pict_type == PictureType.B:
            what = "is a B-frame, in the output mode without them"
            rule = "docs/chip.md#vdec-mode"
            self._fail(frame.pts or 0, Code.ERR_VDM_DECODE_FAIL, what, rule)
        if self.settings.is_plain:
            return super()._picture(frame)
        told, size = self.settings.output_format, Size(frame.width, frame.height)
        target = self.settings.output_size or size
        surface = frame
        if target != size:
            surface = self._scaler.scale(frame, target, 0, PixelFormat.NV12)
        if not told.is_subsampled_420:
            surface = self._scaler.convert(surface, told, self.settings.csc_matrix or 0)
        strides = self.stride(target)
        args = (self._soc, self._memory, surface, self._colour, frame.pts or 0)
        return in_memory(*args, "vdec picture", told, strides)

    def _allocate(self, size: Size) -> Allocation:
        return self._memory.allocate(self._bytes(self._soc, self.stream, size), "vdec channel")

    def _bytes(self, soc: Soc, stream: StreamInfo, size: Size) -> int:
        """Return the memory of the channel, for the references it was told, or the stream's."""
        limits = soc.vdec.codec(stream.codec)
        assert limits is not None, "check_stream refuses other codecs"
        told = self.settings.ref_frame_num
        references = stream.reference_frames if told is None else told
        return soc.vdec.channel_bytes(limits, size, references)

    def _eight_bit(self, frame: av.VideoFrame) -> av.VideoFrame:
        name = frame.format.name
        if name in _SURFACES:
            return frame
        if name != _DEEP_SURFACE or self.stream.codec != "hevc":
            what, rule = f"holds {name}, not 4:2:0 in 8 bits", "docs/chip.md#vdec-refused"
            self._fail(frame.pts or 0, Code.ERR_VDM_DECODE_FAIL, what, rule)
        return self._to_8_bit.reformat(frame, format="yuv420p", threads=1, **UNCHANGED)
