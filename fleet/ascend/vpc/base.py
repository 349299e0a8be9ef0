"""What all operations of VPC share: the checks, the clock, and the memory of the result."""

from __future__ import annotations

import av

from fleet.ascend.clock import Clock, vpc_s
from fleet.ascend.memory import Memory
from fleet.ascend.scaling import Scaler
from fleet.ascend.soc import Soc
from fleet.ascend.surface import UNCHANGED, check_own, frame_of, in_memory
from fleet.ascend.vpc.pixels import cut, paste
from fleet.ascend.vpc.rules import VpcRules
from fleet.core.frames import Colour, Matrix, Picture, Range
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat

_WIDE_BT601 = Colour(Matrix.BT601, Range.WIDE, declared=True)
"""What RGB becomes where nothing else is said (docs/chip.md#vpc-convert)."""


class VpcBase:
    """The parts of an operation; see `Vpc`."""

    def __init__(self, soc: Soc, memory: Memory, clock: Clock) -> None:
        self._soc = soc
        self._rules = VpcRules(soc)
        self._memory = memory
        self._clock = clock
        self._scaler = Scaler()
        self._commands = memory.allocate(soc.vpc.command_bytes, "vpc channel")

    def close(self) -> None:
        """Free the command buffer; a second call does nothing."""
        self._commands.free()

    def _check(
        self, picture: Picture, size: Size, interpolation: int, pixel_format: PixelFormat
    ) -> None:
        check_own(self._memory, picture)
        self._rules.check_input(picture)
        self._rules.check_output(size, pixel_format)
        self._rules.check_interpolation(interpolation)

    def _part(self, picture: Picture, area: Rect) -> av.VideoFrame:
        """Return the pixels of an area; of a picture with odd sides, the even part of it."""
        check_own(self._memory, picture)
        if area.size != picture.size:
            return cut(frame_of(picture), area)
        even = self._rules.even(picture.size, picture.pixel_format)
        if even == picture.size:
            return frame_of(picture)
        return cut(frame_of(picture), Rect(0, 0, even.width, even.height))

    def _made(
        self,
        picture: Picture,
        area: Rect,
        size: Size,
        interpolation: int,
        pixel_format: PixelFormat,
    ) -> Picture:
        with self._clock.stage("vpc"):
            part = self._part(picture, area)
            surface = self._scaler.scale(part, size, interpolation, pixel_format)
            return self._finish(picture, surface, area.size, size, pixel_format)

    def _paste(
        self, picture: Picture, roi: Rect, onto: Picture, area: Rect, interpolation: int
    ) -> None:
        check_own(self._memory, onto)
        part = self._part(picture, roi)
        part = self._scaler.scale(part, area.size, interpolation, onto.pixel_format)
        if part.format.name != frame_of(onto).format.name:
            part = part.reformat(format=frame_of(onto).format.name, threads=1, **UNCHANGED)
        paste(part, frame_of(onto), area)
        self._count(roi.size, area.size)

    def _count(self, source: Size, target: Size) -> None:
        """Add the modelled time of a scaling."""
        seconds = vpc_s(self._soc, source, target, self._clock.channels("vpc"))
        self._clock.add_modelled("vpc", seconds)

    def _finish(
        self,
        picture: Picture,
        surface: av.VideoFrame,
        source: Size,
        target: Size,
        pixel_format: PixelFormat,
        colour: Colour | None = None,
    ) -> Picture:
        self._count(source, target)
        if colour is None:
            was_rgb, is_rgb = frame_of(picture).format.is_rgb, surface.format.is_rgb
            colour = _WIDE_BT601 if was_rgb and not is_rgb else picture.colour
        args = (self._soc, self._memory, surface, colour, picture.row, "vpc picture")
        return in_memory(*args, pixel_format)
