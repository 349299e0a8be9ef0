"""What VPC of the second generation does to single samples: borders, histograms, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.surface import planes
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat

Counts = np.ndarray[Any, np.dtype[np.int64]]

BorderKind = Literal["constant", "replicate", "reflect", "reflect-101"]
_MODES: dict[str, Any] = {
    "constant": "constant",
    "replicate": "edge",
    "reflect": "symmetric",
    "reflect-101": "reflect",
}


@dataclass(frozen=True)
class Border:
    """A border: its kind, its widths in pixels, and the value of each plane of a constant one."""

    kind: BorderKind
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    fill: tuple[int, int, int] = (0, 0, 0)
    """Y, U, V or R, G, B."""

    def around(self, size: Size) -> Size:
        """Return the size of a picture with the border."""
        return Size(size.width + self.left + self.right, size.height + self.top + self.bottom)

    def check(self, size: Size, pixel_format: PixelFormat) -> None:
        """Raise DeviceError (100000) for a border that a picture cannot get.

        Its widths are not negative, even where samples are shared, and narrower than what they
        repeat.
        """
        edges = (self.top, self.bottom, self.left, self.right)
        layout = pixel_format.layout
        shared = layout.even_width or layout.even_height
        too_wide = self.kind in {"reflect", "reflect-101"} and (
            max(self.top, self.bottom) >= size.height // 2
            or max(self.left, self.right) >= size.width // 2
        )
        if min(edges) < 0 or (shared and any(edge % 2 for edge in edges)) or too_wide:
            rule = "docs/chip.md#vpc-make-border"
            message = f"VPC makes no {self.kind} border {edges} around {size}."
            way_out = "Use even widths from 0, below half of the picture where it is reflected."
            raise_device_error(Code.ACL_ERROR_INVALID_PARAM, message, way_out, rule)


def border(surface: av.VideoFrame, edges: Border) -> av.VideoFrame:
    """Return a surface with a border around it."""
    size = edges.around(Size(surface.width, surface.height))
    made = av.VideoFrame(size.width, size.height, surface.format.name)
    channels = {"rgb24": 3, "rgba": 4}.get(surface.format.name, 1)
    for index, (source, target) in enumerate(zip(planes(surface), planes(made), strict=True)):
        samples = 2 if index and len(surface.planes) == 2 else channels
        pixels = source.reshape(source.shape[0], -1, samples)
        down = size.height // target.shape[0]
        across = size.width * samples // target.shape[1]
        widths = (
            (edges.top // down, edges.bottom // down),
            (edges.left // across, edges.right // across),
            (0, 0),
        )
        if edges.kind == "constant":
            whole = np.empty((target.shape[0], target.shape[1] // samples, samples), np.uint8)
            fill = (*edges.fill, 255)
            whole[...] = fill[index : index + 1] if samples == 1 else fill[index:][:samples]
            inside = whole[widths[0][0] :, widths[1][0] :]
            inside[: pixels.shape[0], : pixels.shape[1]] = pixels
        else:
            whole = np.pad(pixels, widths, mode=_MODES[edges.kind])
        target[:] = whole.reshape(target.shape)
    return made


def histogram(surface: av.VideoFrame) -> Counts:
    """Return how often each value of luma occurs: int64 [256]."""
    return np.bincount(planes(surface)[0].reshape(-1), minlength=256).astype(np.int64)


def equalized(surface: av.VideoFrame) -> av.VideoFrame:
    """Return a surface whose luma is spread over 0..255, as OpenCV's equalizeHist does it."""
    counts = histogram(surface)
    sums = np.cumsum(counts)
    first = int(counts[np.flatnonzero(counts)[0]])
    rest = int(sums[-1]) - first
    if rest == 0:
        return looked_up(surface, range(256))
    table = np.clip(np.rint((sums - first) * (255 / rest)), 0, 255).astype(int)
    return looked_up(surface, table.tolist())


def looked_up(surface: av.VideoFrame, table: Sequence[int]) -> av.VideoFrame:
    """Return a surface whose luma is looked up in a table of 256 values."""
    made = av.VideoFrame(surface.width, surface.height, surface.format.name)
    values = np.array(list(table), np.uint8)
    for index, (source, target) in enumerate(zip(planes(surface), planes(made), strict=True)):
        target[:] = source if index else values[source]
    return made
