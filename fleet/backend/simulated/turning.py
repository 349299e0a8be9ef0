"""Pictures mirrored and turned by the host.

The VPC of Ascend310 does not turn pictures (docs/chip.md#vpc-operations).
"""

from __future__ import annotations

import av
import numpy as np

from fleet.ascend.surface import Plane, planes


def turned(surface: av.VideoFrame, rotation: int, *, mirrored: bool) -> av.VideoFrame:
    """Return a yuv420p or nv12 surface, mirrored if so and then turned; no sample changes.

    `rotation`: degrees clockwise, a multiple of 90.
    """
    width, height = surface.width, surface.height
    if rotation % 180:
        width, height = height, width
    made = av.VideoFrame(width, height, surface.format.name)
    for source, target in zip(_samples(surface), _samples(made), strict=True):
        facing = source[:, ::-1] if mirrored else source
        target[:] = np.rot90(facing, -rotation // 90)
    return made


def _samples(surface: av.VideoFrame) -> list[Plane]:
    """Return views of a surface's planes, one element a place: nv12's pairs of chroma are one."""
    luma, *chroma = planes(surface)
    if len(chroma) == 1:
        return [luma, chroma[0].view(np.uint16)]
    return [luma, *chroma]
