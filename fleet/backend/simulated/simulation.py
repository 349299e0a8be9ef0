"""A simulated device, as a worker sees it."""

from __future__ import annotations

import warnings

import av

from fleet.ascend.clock import Clock
from fleet.ascend.memory import Memory
from fleet.ascend.stills.jpegd import Jpegd
from fleet.ascend.stream_rules import check_stream
from fleet.ascend.surface import frame_of, in_memory
from fleet.ascend.vdec import VdecChannel
from fleet.ascend.vpc.pixels import cut, cut_odd
from fleet.backend.simulated.host_decoder import HostDecoder
from fleet.backend.simulated.still_decoder import JpegdChannel
from fleet.backend.simulated.turning import turned
from fleet.core.frames import Picture
from fleet.core.geometry import Rect, Size
from fleet.device import Device
from fleet.errors import DeviceLeakWarning, StreamRefusedError
from fleet.video.stream import StreamInfo

TURN_STAGE = "turn"
"""The stage in which the host's time for turning and cropping is counted."""


class Simulation:
    """A `fleet.device.Device` behind the methods of `fleet.backend.backend.Backend`."""

    def __init__(self, device: Device) -> None:
        self.device = device
        """What the job is given."""
        self.memory: Memory = device.memory
        """Its memory."""
        self.clock: Clock = device.clock
        """Its clocks."""
        self._closed = False

    def __repr__(self) -> str:
        return f"Simulation({self.device})"

    def open_decoder(self, stream: StreamInfo) -> VdecChannel | JpegdChannel | HostDecoder:
        """Open a channel of VDEC, or JPEGD for a JPEG; the host's, where the chip refuses it.

        Raises what `Device.open_vdec` raises, StreamRefusedError only where neither decodes it.
        """
        device = self.device
        try:
            check_stream(device.soc, stream)
        except StreamRefusedError:
            return HostDecoder(device.soc, device.memory, device.clock, stream)
        if stream.jpeg is not None:
            # The job may decode files with the device's own meanwhile, in another thread.
            return JpegdChannel(Jpegd(device.soc, device.memory, device.clock))
        return device.open_vdec(stream)

    def crop(self, picture: Picture, area: Rect) -> Picture:
        """Return a part of a picture, which the host copies; any edges."""
        with self.clock.stage(TURN_STAGE):
            return self._made(picture, cut(frame_of(picture), area), "cropped picture")

    def resize(self, picture: Picture, size: Size) -> Picture:
        """Return a picture in another size, made by VPC; raises what `Vpc.resize` raises."""
        return self.device.vpc.resize(picture, size)

    def turn(self, picture: Picture, rotation: int, *, mirrored: bool) -> Picture:
        """Return a picture mirrored if so, then turned, by the host."""
        with self.clock.stage(TURN_STAGE):
            # Of an odd side half a sample of chroma would lie at the wrong end once turned.
            surface = turned(cut_odd(frame_of(picture)), rotation, mirrored=mirrored)
            return self._made(picture, surface, "turned picture")

    def close(self) -> None:
        """Close the device; a second call does nothing.

        Issues a DeviceLeakWarning with holders and bytes where memory is still held by what no
        engine closes: pictures that nobody released (docs/chip.md#memory-leak).
        """
        if self._closed:
            return
        self._closed = True
        self.device.close()
        if leaked := self.memory.leaked:
            held = ", ".join(f"{holder} {count:,} bytes" for holder, count in leaked.items())
            message = f"{self.device.name} was closed while its memory was held: {held}."
            warnings.warn(f"{message} Release each picture.", DeviceLeakWarning, stacklevel=2)

    def _made(self, picture: Picture, surface: av.VideoFrame, holder: str) -> Picture:
        device = self.device
        return in_memory(device.soc, device.memory, surface, picture.colour, picture.row, holder)
