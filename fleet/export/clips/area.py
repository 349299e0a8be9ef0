"""Which pixels of a picture are cut out for a box; pure."""

from __future__ import annotations

from math import ceil, floor

from fleet.core.geometry import Rect
from fleet.export.chosen.video import Box, Video


def area(box: Box, video: Video, expand: float) -> Rect | None:
    """Return all pixels of the picture that an expanded box touches.

    `expand`: the share of its width that a box grows by to the left and to the right, and of its
    height up and down. None where nothing of the box itself lies in the picture, or it has no area.
    """
    if box.inside(video) is None:
        return None
    across, along = expand * box.width, expand * box.height
    left, right = max(0, floor(box.x1 - across)), min(video.width, ceil(box.x2 + across))
    top, bottom = max(0, floor(box.y1 - along)), min(video.height, ceil(box.y2 + along))
    return Rect(left, top, right - left, bottom - top)
