"""VPC: resize, crop, paste and convert pictures. libswscale does the scaling."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.vpc.conversions import Conversions
from fleet.ascend.vpc.pixels import GRAY, canvas, paste
from fleet.ascend.vpc.regions import Region
from fleet.core.frames import Picture
from fleet.core.geometry import Placement, Rect, Size
from fleet.core.pixel_format import PixelFormat

_NV12 = PixelFormat.NV12


class Vpc(Conversions):
    """The scaler of one device; it has no threads, and serves one.

    A call takes a picture and returns a new one, of the same row and colour, in separate memory;
    the caller releases both. `crop_paste` and `crop_resize_paste` write into a picture that exists
    already. Results are NV12 where no `pixel_format` is given. The rules are those of
    docs/chip.md#vpc. What the host library checks is refused with 100000 or 100027, what only the
    chip checks with TASK_FAILED, and what the chip lacks with 200006.

    `interpolation` is 0 for the chip's default, 1 for bilinear, 2 for nearest, 3 and 4 for bilinear
    and nearest as TensorFlow defines them. It is simulated with libswscale's bilinear and point
    scalers.
    """

    @property
    def paste_left_step(self) -> int:
        """The left edge of an area to paste into is a multiple of so many pixels."""
        return self._soc.vpc.paste_left_step

    def resize(
        self,
        picture: Picture,
        size: Size,
        interpolation: int = 0,
        pixel_format: PixelFormat = _NV12,
    ) -> Picture:
        """Scale a whole picture to `size`; odd sides are silently cut to even, as on the 310.

        Raises DeviceError for formats, sizes and ratios that the chip does not support.
        """
        size = self._rules.even(size, pixel_format)
        self._check(picture, size, interpolation, pixel_format)
        source = self._rules.even(picture.size, picture.pixel_format)
        self._rules.check_ratio(source, size, pixel_format)
        return self._made(
            picture, Rect(0, 0, source.width, source.height), size, interpolation, pixel_format
        )

    def crop(self, picture: Picture, area: Rect, pixel_format: PixelFormat = _NV12) -> Picture:
        """Cut out `area`; raises DeviceError as crop_resize does."""
        return self.crop_resize(picture, area, area.size, pixel_format=pixel_format)

    def crop_resize(
        self,
        picture: Picture,
        roi: Rect,
        size: Size,
        interpolation: int = 0,
        pixel_format: PixelFormat = _NV12,
    ) -> Picture:
        """Crop `roi` and scale it to `size`.

        Raises DeviceError as resize does, and for areas that the chip does not crop.
        """
        self._check(picture, size, interpolation, pixel_format)
        self._rules.check_area("crop", roi, picture.size, picture.pixel_format)
        self._rules.check_ratio(roi.size, size, pixel_format)
        return self._made(picture, roi, size, interpolation, pixel_format)

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
        area = placement.paste
        self._check(picture, placement.canvas, interpolation, _NV12)
        self._rules.check_area("paste", area, placement.canvas, _NV12)
        self._rules.check_ratio(picture.size, area.size, _NV12)
        with self._clock.stage("vpc"):
            source = self._part(picture, Rect(0, 0, picture.size.width, picture.size.height))
            part = self._scaler.scale(source, area.size, interpolation, _NV12)
            made = canvas(placement.canvas, fill)
            paste(part, made, area)
            return self._finish(picture, made, picture.size, area.size, _NV12)

    def crop_paste(self, picture: Picture, roi: Rect, onto: Picture, area: Rect) -> None:
        """Cut out `roi` and paste it into an equally large area of `onto`, the rest of which stays.

        An area of another size gets the part scaled (docs/chip.md#vpc-paste). Raises DeviceError as
        crop_resize does, and for areas that the chip does not paste into.
        """
        self.crop_resize_paste(picture, roi, onto, area)

    def crop_resize_paste(
        self, picture: Picture, roi: Rect, onto: Picture, area: Rect, interpolation: int = 0
    ) -> None:
        """Cut out `roi`, scale it to `area` and paste it there into `onto`, whose rest stays.

        Raises DeviceError as crop_resize does, and for areas that the chip does not paste into.
        """
        self._check_paste(picture, roi, onto, area, interpolation)
        with self._clock.stage("vpc"):
            self._paste(picture, roi, onto, area, interpolation)

    def batch(self, regions: Sequence[Region], interpolation: int = 0) -> list[Picture]:
        """Work on many regions in one call, and return those that are pictures by themselves.

        All are checked first, so that a refused call has changed nothing. Raises DeviceError
        (100000) for no region or more than 256, and as the single operations do.
        """
        self._rules.check_count(len(regions))
        for region in regions:
            self._check_region(region, interpolation)
        made: list[Picture] = []
        try:
            for region in regions:
                made += self._run_region(region, interpolation)
        except BaseException:
            for picture in made:
                picture.release()
            raise
        return made

    def _check_paste(
        self, picture: Picture, roi: Rect, onto: Picture, area: Rect, interpolation: int
    ) -> None:
        self._check(picture, onto.size, interpolation, onto.pixel_format)
        self._rules.check_area("crop", roi, picture.size, picture.pixel_format)
        self._rules.check_area("paste", area, onto.size, onto.pixel_format)
        self._rules.check_ratio(roi.size, area.size, onto.pixel_format)

    def _check_region(self, region: Region, interpolation: int) -> None:
        picture, area = region.picture, region.area
        if region.onto is not None and region.paste is not None:
            self._check_paste(picture, area, region.onto, region.paste, interpolation)
        elif region.size is not None:
            self._check(picture, region.size, interpolation, _NV12)
            self._rules.check_area("crop", area, picture.size, picture.pixel_format)
            self._rules.check_ratio(area.size, region.size, _NV12)

    def _run_region(self, region: Region, interpolation: int) -> list[Picture]:
        if region.onto is not None and region.paste is not None:
            with self._clock.stage("vpc"):
                self._paste(region.picture, region.area, region.onto, region.paste, interpolation)
        if region.size is None:
            return []
        return [self._made(region.picture, region.area, region.size, interpolation, _NV12)]
