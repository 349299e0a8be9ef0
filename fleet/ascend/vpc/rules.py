"""What VPC refuses, with the numbers of docs/chip.md#vpc."""

from __future__ import annotations

from fleet.ascend.codes import TASK_FAILED, Code, raise_device_error
from fleet.ascend.soc import Soc
from fleet.core.frames import Picture
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat

_MOST_INTERPOLATION = 4
_RGB = frozenset(PixelFormat(number) for number in range(12, 18))
_AREA_RULES = {"crop": "docs/chip.md#vpc-crop", "paste": "docs/chip.md#vpc-paste"}
_INVALID = Code.ACL_ERROR_INVALID_PARAM


class VpcRules:
    """The rules of one chip's scaler; each method raises DeviceError where one is broken."""

    def __init__(self, soc: Soc) -> None:
        self._name = soc.name
        self._limits = soc.vpc

    def check_operation(self, operation: str) -> None:
        """Raise 200006 for an operation that the chip lacks (docs/chip.md#vpc-operations)."""
        if operation not in self._limits.operations:
            message = f"VPC of {self._name} does not {operation}."
            raise_device_error(
                Code.ACL_ERROR_FEATURE_UNSUPPORTED,
                message,
                "Do it on the host, or in AIPP.",
                "docs/chip.md#vpc-operations",
            )

    def check_input(self, picture: Picture) -> None:
        """Raise 100027 for a format that VPC does not read, 100000 for a size or a stride.

        Rules: docs/chip.md#vpc-formats, docs/chip.md#vpc-input, docs/chip.md#vpc-stride.
        """
        limits, size = self._limits, picture.size
        large = max(size.width, size.height) > limits.large_side
        formats = limits.large_formats if large else limits.input_formats
        self._check_format("reads", picture.pixel_format, formats)
        if size not in limits.input:
            message = f"VPC takes pictures of {limits.input}, not {size}."
            way_out = "Scale it on the host, or leave it out."
            raise_device_error(_INVALID, message, way_out, "docs/chip.md#vpc-input")
        rule = limits.stride_for(size, picture.pixel_format)
        pixel_bytes = picture.pixel_format.layout.pixel_bytes
        if not rule.allows(picture.width_stride, picture.height_stride, pixel_bytes):
            strides = f"{picture.width_stride}x{picture.height_stride}"
            what = f"strides of {rule.width_step * pixel_bytes} bytes by {rule.height_step} rows"
            way_out = "Lay the picture out by the stride rule of the chip."
            message = f"VPC takes {what}, not {strides}."
            raise_device_error(_INVALID, message, way_out, "docs/chip.md#vpc-stride")
        if not limits.cuts_odd_sizes:
            self._check_parity(size, picture.pixel_format)

    def check_output(self, size: Size, pixel_format: PixelFormat) -> None:
        """Raise 100027 for a format that VPC does not make, 100000 for a size.

        Rules: docs/chip.md#vpc-formats, docs/chip.md#vpc-output, docs/chip.md#vpc-even.
        """
        self._check_format("makes", pixel_format, self._limits.output_formats)
        if size not in self._limits.output:
            message = f"VPC makes pictures of {self._limits.output}, even sides, not {size}."
            way_out = "Ask for another size."
            raise_device_error(_INVALID, message, way_out, "docs/chip.md#vpc-output")
        self._check_parity(size, pixel_format)

    def even(self, size: Size, pixel_format: PixelFormat) -> Size:
        """Return the size that a resize works with, odd sides cut (docs/chip.md#vpc-even)."""
        if not self._limits.cuts_odd_sizes:
            return size
        layout = pixel_format.layout
        width = (size.width // 2 * 2 or 1) if layout.even_width else size.width
        height = (size.height // 2 * 2 or 1) if layout.even_height else size.height
        return Size(width, height)

    def check_interpolation(self, number: int) -> None:
        """Raise 100000 for a number that no chip has, 200006 for one that this chip lacks.

        Rules: docs/chip.md#vpc-interpolation, docs/chip.md#vpc-interpolation-310p.
        """
        if not 0 <= number <= _MOST_INTERPOLATION:
            message = f"VPC has no interpolation {number}."
            way_out = f"Choose 0 to {_MOST_INTERPOLATION}."
            raise_device_error(_INVALID, message, way_out, "docs/chip.md#vpc-interpolation")
        if number not in self._limits.interpolations:
            message = f"{self._name} has no interpolation {number}."
            rule = "docs/chip.md#vpc-interpolation-310p"
            raise_device_error(
                Code.ACL_ERROR_FEATURE_UNSUPPORTED, message, "Choose 0, 1 or 2.", rule
            )

    def check_ratio(self, source: Size, target: Size, pixel_format: PixelFormat) -> None:
        """Raise the number of a failed task for a ratio out of range (docs/chip.md#vpc-ratio)."""
        least = self._limits.min_ratio
        rgb = pixel_format in _RGB
        most = self._limits.max_rgb_ratio if rgb else self._limits.max_ratio
        for ratio in (target.width / source.width, target.height / source.height):
            if not least <= ratio <= most:
                message = f"VPC scales by 1/{1 / least:.0f} to {most:g} on each axis; {source} to "
                message += f"{target} is {ratio:.4g}."
                rule = "docs/chip.md#vpc-ratio"
                raise_device_error(TASK_FAILED, message, "Scale in two steps.", rule)

    def check_area(self, verb: str, area: Rect, whole: Size, pixel_format: PixelFormat) -> None:
        """Raise the number of a failed task for an area to crop, or to paste into.

        Rules: docs/chip.md#vpc-crop, docs/chip.md#vpc-paste.
        """
        limits, rule = self._limits, _AREA_RULES[verb]
        if not area.inside(whole) or area.size not in limits.output:
            message = f"VPC: an area to {verb} is of {limits.output} and inside {whole}: {area}."
            raise_device_error(TASK_FAILED, message, "Choose one inside the picture.", rule)
        layout = pixel_format.layout
        odd = any(edge % 2 for edge in (area.left, area.top, area.right, area.bottom))
        # Without the chip's rule a pasted area still has to begin and end with whole samples.
        in_blocks = verb == "paste" and (layout.even_width or layout.even_height)
        if odd and (limits.even_areas or in_blocks):
            way_out = "Round left, top, width and height to even numbers."
            message = f"VPC: an area to {verb} has even edges, unlike {area}."
            raise_device_error(TASK_FAILED, message, way_out, rule)
        if verb == "paste" and area.left % limits.paste_left_step:
            step = limits.paste_left_step
            message = f"VPC pastes at a left offset that is a multiple of {step}, not {area.left}."
            way_out = f"Move it to {area.left // step * step}."
            raise_device_error(TASK_FAILED, message, way_out, rule)

    def check_count(self, count: int) -> None:
        """Raise 100000 for a batch without regions, or with too many."""
        most = self._limits.most_regions
        if not 1 <= count <= most:
            message = f"VPC takes 1 to {most} regions a call, not {count}."
            rule = "docs/chip.md#vpc-operations"
            raise_device_error(_INVALID, message, "Make several calls.", rule)

    def _check_format(
        self, verb: str, pixel_format: PixelFormat, allowed: frozenset[PixelFormat]
    ) -> None:
        if pixel_format not in allowed:
            names = ", ".join(known.name for known in sorted(allowed))
            message = f"VPC of {self._name} {verb} {names}, not {pixel_format.name}."
            way_out = "Convert it on the host."
            rule = "docs/chip.md#vpc-formats"
            raise_device_error(Code.ACL_ERROR_FORMAT_NOT_MATCH, message, way_out, rule)

    def _check_parity(self, size: Size, pixel_format: PixelFormat) -> None:
        layout = pixel_format.layout
        if (layout.even_width and size.width % 2) or (layout.even_height and size.height % 2):
            message = f"VPC takes and makes {pixel_format.name} with even sides, not {size}."
            way_out = "Declare the even part of the picture (fleet.declared)."
            raise_device_error(_INVALID, message, way_out, "docs/chip.md#vpc-even")
