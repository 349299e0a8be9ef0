"""Scaling and conversion of surfaces with libswscale, for VPC and for the stage behind VDEC."""

from __future__ import annotations

import av
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from fleet.ascend.surface import UNCHANGED
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat

_SCALERS = {
    0: Interpolation.BILINEAR,  # stands in for the chip's own high-order filter
    1: Interpolation.BILINEAR,
    2: Interpolation.POINT,
    3: Interpolation.BILINEAR,
    4: Interpolation.POINT,
}
_STANDARDS = (Colorspace.ITU601, Colorspace.ITU709, Colorspace.BT2020)
MATRICES = 2 * len(_STANDARDS)
"""How many matrices there are: BT.601 wide and narrow, BT.709, BT.2020."""


class Scaler:
    """libswscale, which keeps its tables from call to call; one per thread."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def scale(
        self, surface: av.VideoFrame, size: Size, interpolation: int, pixel_format: PixelFormat
    ) -> av.VideoFrame:
        """Return a surface scaled to a size, in the first surface of a format, samples kept."""
        return self._scaler.reformat(
            surface,
            size.width,
            size.height,
            pixel_format.layout.surfaces[0],
            interpolation=_SCALERS[interpolation],
            threads=1,
            **UNCHANGED,
        )

    def convert(
        self, surface: av.VideoFrame, pixel_format: PixelFormat, matrix: int
    ) -> av.VideoFrame:
        """Return a surface in another format; `matrix` lies between YUV and RGB.

        0 and 1 are BT.601 wide and narrow, 2 and 3 BT.709, 4 and 5 BT.2020. From YUV to YUV no
        range changes.
        """
        standard = _STANDARDS[matrix // 2]
        levels = ColorRange.MPEG if matrix % 2 else ColorRange.JPEG
        from_rgb = surface.format.is_rgb
        to_rgb = pixel_format.layout.surfaces[0] in {"rgb24", "rgba"}
        return self._scaler.reformat(
            surface,
            format=pixel_format.layout.surfaces[0],
            src_colorspace=standard,
            dst_colorspace=standard,
            src_color_range=ColorRange.JPEG if from_rgb else levels,
            dst_color_range=ColorRange.JPEG if to_rgb else levels,
            interpolation=Interpolation.BILINEAR,
            threads=1,
        )
