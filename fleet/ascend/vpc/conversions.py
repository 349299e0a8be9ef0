"""What VPC of the second generation does besides: other formats, borders, histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import av

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.scaling import MATRICES
from fleet.ascend.surface import check_own, frame_of
from fleet.ascend.vpc.base import VpcBase
from fleet.ascend.vpc.filters import Border, Counts, border, equalized, histogram, looked_up
from fleet.core.frames import Picture
from fleet.core.pixel_format import PixelFormat


class Conversions(VpcBase):
    """The operations that a chip's table names, or that it answers with 200006."""

    def convert_colour(
        self, picture: Picture, pixel_format: PixelFormat, matrix: int = 0
    ) -> Picture:
        """Return a picture in another format (310P); `matrix` between YUV and RGB, 0 to 5.

        0 and 1 are BT.601 wide and narrow, 2 and 3 BT.709, 4 and 5 BT.2020. Raises DeviceError:
        200006 on a chip that cannot, 100000 for another matrix, 100027 for a format.
        """
        self._rules.check_operation("convert colour")
        self._check(picture, picture.size, 0, pixel_format)
        if not 0 <= matrix < MATRICES:
            message = f"VPC has no colour matrix {matrix}."
            rule = "docs/chip.md#vpc-convert"
            raise_device_error(Code.ACL_ERROR_INVALID_PARAM, message, "Choose 0 to 5.", rule)
        with self._clock.stage("vpc"):
            made = self._scaler.convert(frame_of(picture), pixel_format, matrix)
            return self._finish(picture, made, picture.size, picture.size, pixel_format)

    def make_border(self, picture: Picture, edges: Border) -> Picture:
        """Return a picture with a border around it (310P); the format stays.

        Raises DeviceError: 200006 on a chip that cannot, 100000 for a border that is wider than
        what it repeats, or a result that VPC does not make.
        """
        self._rules.check_operation("make border")
        size = edges.around(picture.size)
        self._check(picture, size, 0, picture.pixel_format)
        edges.check(picture.size, picture.pixel_format)
        with self._clock.stage("vpc"):
            made = border(frame_of(picture), edges)
            return self._finish(picture, made, picture.size, size, picture.pixel_format)

    def histogram(self, picture: Picture) -> Counts:
        """Return how often each value of luma occurs: int64 [256] (310P); 200006 elsewhere."""
        self._rules.check_operation("count histogram")
        check_own(self._memory, picture)
        self._rules.check_input(picture)
        return histogram(frame_of(picture))

    def equalize(self, picture: Picture) -> Picture:
        """Return a picture whose luma is spread over all values (310P); 200006 elsewhere."""
        self._rules.check_operation("equalize histogram")
        return self._filtered(picture, equalized)

    def look_up(self, picture: Picture, table: Sequence[int]) -> Picture:
        """Return a picture whose luma goes through a table of 256 values (310P); 200006 elsewhere.

        Raises DeviceError (100000) for another table.
        """
        self._rules.check_operation("look up")
        if len(table) != 256 or not all(0 <= value <= 255 for value in table):
            message = f"VPC looks luma up in 256 values of 0 to 255, not in {len(table)}."
            way_out, rule = "Write one for each value.", "docs/chip.md#vpc-operations"
            raise_device_error(Code.ACL_ERROR_INVALID_PARAM, message, way_out, rule)
        return self._filtered(picture, lambda surface: looked_up(surface, table))

    def _filtered(
        self, picture: Picture, change: Callable[[av.VideoFrame], av.VideoFrame]
    ) -> Picture:
        self._check(picture, picture.size, 0, picture.pixel_format)
        with self._clock.stage("vpc"):
            made = change(frame_of(picture))
            return self._finish(picture, made, picture.size, picture.size, picture.pixel_format)
