"""VPC: resize, crop and paste pictures into NV12. libswscale does the scaling."""

from __future__ import annotations

import av
from av.video.reformatter import Interpolation, VideoReformatter

from fleet.ascend.clock import Clock, vpc_s
from fleet.ascend.codes import TASK_FAILED, Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.surface import UNCHANGED, cut, in_memory, planes
from fleet.core.frames import Picture
from fleet.core.geometry import Placement, Rect, Size

GRAY = (128, 128, 128)
"""A border's Y, U, V (docs/chip.md#vpc-gray)."""

_SCALERS = {
    0: Interpolation.BILINEAR,  # stands in for the chip's own high-order filter
    1: Interpolation.BILINEAR,
    2: Interpolation.POINT,
    3: Interpolation.BILINEAR,
    4: Interpolation.POINT,
}


class Vpc:
    """The scaler of one device; it has no threads, and serves one.

    Each call takes a picture and returns a new one: NV12, of the same row and colour, in separate
    memory; the caller releases both. The rules are those of docs/chip.md#vpc. What the host library
    checks is refused with 100000, what only the chip checks with TASK_FAILED.

    `interpolation` is 0 for the chip's default, 1 for bilinear, 2 for nearest, 3 and 4 for bilinear
    and nearest as TensorFlow defines them. It is simulated with libswscale's bilinear and point
    scalers.
    """

    def __init__(self, soc: Soc, memory: Memory, clock: Clock) -> None:
        self._soc = soc
        self._limits = soc.vpc
        self._memory = memory
        self._clock = clock
        self._scaler = VideoReformatter()
        self._commands = memory.allocate(self._limits.command_bytes, "vpc channel")

    def resize(self, picture: Picture, size: Size, interpolation: int = 0) -> Picture:
        """Scale a whole picture to `size`; odd sides are silently cut to even, as on the chip.

        Raises DeviceError for sizes and ratios that the chip does not support.
        """
        size = Size(size.width // 2 * 2 or 1, size.height // 2 * 2 or 1)
        self._check_call(picture, size, interpolation)
        self._check_ratio(picture.size, size)
        with self._clock.stage("vpc"):
            surface = self._scale(picture.surface, size, interpolation)
            return self._finish(picture, surface, picture.size, size)

    def crop_resize(
        self, picture: Picture, roi: Rect, size: Size, interpolation: int = 0
    ) -> Picture:
        """Crop `roi` and scale it to `size`.

        Raises DeviceError as resize does, and for areas that the chip does not crop.
        """
        self._check_call(picture, size, interpolation)
        self._check_area("crop", roi, picture.size)
        self._check_ratio(roi.size, size)
        with self._clock.stage("vpc"):
            part = cut(picture.surface, roi)
            surface = self._scale(part, size, interpolation)
            return self._finish(picture, surface, roi.size, size)

    def place(
        self,
        picture: Picture,
        placement: Placement,
        fill: tuple[int, int, int] = GRAY,
        interpolation: int = 0,
    ) -> Picture:
        """Scale a picture into an area of a canvas, which is `fill` (Y, U, V) everywhere else.

        A placement that fills its canvas is a plain resize. Raises DeviceError as resize does,
        and for areas that the chip does not paste into.
        """
        if placement.source != picture.size:
            message = f"A placement of {placement.source} was given for a picture {picture.size}."
            raise_device_error(
                Code.ACL_ERROR_INVALID_PARAM, message, "Make one for the picture's own size."
            )
        if placement.fills:
            return self.resize(picture, placement.canvas, interpolation)
        paste = placement.paste
        self._check_call(picture, placement.canvas, interpolation)
        self._check_area("paste", paste, placement.canvas)
        self._check_ratio(picture.size, paste.size)
        with self._clock.stage("vpc"):
            part = self._scale(picture.surface, paste.size, interpolation)
            canvas = _canvas(placement.canvas, fill)
            _paste(part, canvas, paste)
            return self._finish(picture, canvas, picture.size, paste.size)

    def close(self) -> None:
        """Free the command buffer; a second call does nothing."""
        self._commands.free()

    def _scale(self, surface: av.VideoFrame, size: Size, interpolation: int) -> av.VideoFrame:
        return self._scaler.reformat(
            surface,
            size.width,
            size.height,
            "nv12",
            interpolation=_SCALERS[interpolation],
            threads=1,
            **UNCHANGED,
        )

    def _finish(
        self, picture: Picture, surface: av.VideoFrame, source: Size, target: Size
    ) -> Picture:
        self._clock.add_modelled("vpc", vpc_s(self._soc, source, target))
        args = (self._soc, self._memory, surface, picture.colour, picture.row)
        return in_memory(*args, "vpc picture")

    def _check_call(self, picture: Picture, size: Size, interpolation: int) -> None:
        limits = self._limits
        invalid = Code.ACL_ERROR_INVALID_PARAM
        if picture.size not in limits.input:
            message = f"VPC takes pictures of {limits.input}, not {picture.size}."
            raise_device_error(invalid, message)
        if not limits.stride.allows(picture.width_stride, picture.height_stride):
            strides = f"{picture.width_stride}x{picture.height_stride}"
            raise_device_error(invalid, f"VPC takes strides of 16 bytes by 2 rows, not {strides}.")
        if size not in limits.output or size.width % 2 or size.height % 2:
            raise_device_error(
                invalid, f"VPC makes pictures of {limits.output}, even sides, not {size}."
            )
        if interpolation not in _SCALERS:
            raise_device_error(
                invalid, f"VPC has no interpolation {interpolation}.", "Choose 0 to 4."
            )
        if interpolation not in limits.interpolations:
            message = f"{self._soc.name} has no interpolation {interpolation}."
            raise_device_error(Code.ACL_ERROR_FEATURE_UNSUPPORTED, message, "Choose 0, 1 or 2.")

    def _check_ratio(self, source: Size, target: Size) -> None:
        least, most = self._limits.min_ratio, self._limits.max_ratio
        for ratio in (target.width / source.width, target.height / source.height):
            if not least <= ratio <= most:
                message = f"VPC scales by 1/{1 / least:.0f} to {most:g} on each axis; {source} to "
                raise_device_error(
                    TASK_FAILED, f"{message}{target} is {ratio:.4g}.", "Scale in two steps."
                )

    def _check_area(self, verb: str, area: Rect, whole: Size) -> None:
        limits = self._limits
        if not area.inside(whole) or area.size not in limits.output:
            message = f"VPC: an area to {verb} is of {limits.output} and inside {whole}: {area}."
            raise_device_error(TASK_FAILED, message)
        edges = (area.left, area.top, area.right, area.bottom)
        if limits.even_areas and any(edge % 2 for edge in edges):
            way_out = "Round left, top, width and height to even numbers."
            raise_device_error(
                TASK_FAILED, f"VPC: an area to {verb} has even edges, unlike {area}.", way_out
            )
        if verb == "paste" and area.left % limits.paste_left_step:
            step = limits.paste_left_step
            message = f"VPC pastes at a left offset that is a multiple of {step}, not {area.left}."
            raise_device_error(TASK_FAILED, message, f"Move it to {area.left // step * step}.")


def _canvas(size: Size, fill: tuple[int, int, int]) -> av.VideoFrame:
    canvas = av.VideoFrame(size.width, size.height, "nv12")
    luma, chroma = planes(canvas)
    luma[:] = fill[0]
    chroma[:, 0::2] = fill[1]
    chroma[:, 1::2] = fill[2]
    return canvas


def _paste(part: av.VideoFrame, canvas: av.VideoFrame, area: Rect) -> None:
    for index, (source, target) in enumerate(zip(planes(part), planes(canvas), strict=True)):
        lines = 2 if index else 1
        rows = slice(area.top // lines, area.bottom // lines)
        target[rows, area.left : area.right] = source
