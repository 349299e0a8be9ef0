"""VDEC: decode H.264 and H.265 access units to NV12 pictures. libav does the decoding."""

from __future__ import annotations

from collections.abc import Callable

import av
from av.video.reformatter import VideoReformatter

from fleet.ascend.clock import Clock, vdec_s
from fleet.ascend.codes import Code
from fleet.ascend.decoder import StreamDecoder
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.stream_rules import check_stream
from fleet.ascend.surface import UNCHANGED
from fleet.core.geometry import Size
from fleet.video.stream import StreamInfo

__all__ = ["VdecChannel", "check_stream"]

_SURFACES = frozenset({"yuv420p", "yuvj420p"})
_DEEP_SURFACE = "yuv420p10le"


class VdecChannel(StreamDecoder):
    """A channel of the chip's decoder; see `StreamDecoder`."""

    stage = "vdec"
    title = "VDEC"
    decoded_by = "vdec"

    def __init__(
        self,
        soc: Soc,
        memory: Memory,
        clock: Clock,
        stream: StreamInfo,
        on_close: Callable[[VdecChannel], None],
    ) -> None:
        """Open a channel.

        Raises StreamRefusedError for streams that the chip does not decode, DeviceOutOfMemoryError
        where the channel does not fit into its memory.
        """
        check_stream(soc, stream)
        self._on_close = on_close
        self._held = memory.allocate(_channel_bytes(soc, stream, stream.size), "vdec channel")
        self._to_8_bit = VideoReformatter()
        super().__init__(soc, memory, clock, stream, soc.vdec.input)

    def _free(self) -> None:
        self._held.free()
        self._on_close(self)

    def _count(self, size: Size) -> None:
        self._clock.add_modelled("vdec", vdec_s(self._soc, size))

    def _resize(self, size: Size) -> None:
        self._held.free()
        size_bytes = _channel_bytes(self._soc, self.stream, size)
        self._held = self._memory.allocate(size_bytes, "vdec channel")

    def _eight_bit(self, frame: av.VideoFrame) -> av.VideoFrame:
        name = frame.format.name
        if name in _SURFACES:
            return frame
        if name != _DEEP_SURFACE or self.stream.codec != "hevc":
            what = f"holds {name}, not 4:2:0 in 8 bits"
            self._fail(frame.pts or 0, Code.ERR_VDM_DECODE_FAIL, what)
        return self._to_8_bit.reformat(frame, format="yuv420p", threads=1, **UNCHANGED)


def _channel_bytes(soc: Soc, stream: StreamInfo, size: Size) -> int:
    limits = soc.vdec.codec(stream.codec)
    assert limits is not None, "check_stream refuses other codecs"
    return soc.vdec.channel_bytes(limits, size, stream.reference_frames)
