"""What is exported of a video that is made up, of any length."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fleet.export.chosen.video import Video, VideoRows

LABELS = ("car", "person")
BOXES = 2
"""Of each frame."""


def long_video(frames: int) -> VideoRows:
    """A video with so many frames, and boxes in each."""
    count = frames * BOXES
    numbers = np.arange(count)
    edges = np.stack((numbers % 100, numbers % 90, numbers % 100 + 20, numbers % 90 + 10))
    boxes = pa.table(
        {
            "label": [LABELS[n % 2] for n in range(count)],
            "class_id": pa.array(numbers % 2, pa.int32()),
            "score": pa.array(numbers % 7 / 7, pa.float32()),
            **{
                name: pa.array(edge, pa.float32())
                for name, edge in zip(("x1", "y1", "x2", "y2"), edges, strict=True)
            },
            "track": pa.array(numbers % BOXES, pa.int64()),
        }
    )
    return VideoRows(
        video=Video("/videos/long.mp4", "v1", 200, 100, 25.0),
        numbers=np.arange(frames),
        pts=np.arange(frames) * 512,
        time_s=np.arange(frames) / 25,
        times=[None] * frames,
        boxes=boxes,
        bounds=np.arange(frames + 1) * BOXES,
    )
