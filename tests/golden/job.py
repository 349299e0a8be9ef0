"""The job of the golden output: a few facts of each frame, one of them of its pixels.

Its text is part of the job's identity, so not a byte of it may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fleet import FrameJob

try:
    from fleet import Rows
except ImportError:  # the version that made the golden output
    from fleet.frames import Rows


@dataclass(frozen=True)
class Facts(FrameJob):
    """Two rows a frame: its size in pixels, and how large its smallest JPEG is."""

    level: int = 50

    table: ClassVar[str] = "facts"
    schema: ClassVar[pa.Schema] = pa.schema(
        [("label", pa.string()), ("width", pa.int32()), ("jpeg_bytes", pa.int32())]
    )

    def run(self, opened: Any, batch: Any) -> Rows:
        """Encode each picture on the JPEGE."""
        jpegs = [len(opened.jpege.encode(picture, self.level)) for picture in batch.pictures]
        labels = ["even" if frame % 2 == 0 else "odd" for frame in batch.frames]
        at = np.repeat(np.arange(len(batch), dtype=np.int32), 2)
        columns = {
            "label": [label for label in labels for _ in range(2)],
            "width": np.full(2 * len(batch), batch.size.width),
            "jpeg_bytes": np.repeat(np.array(jpegs), 2),
        }
        return Rows(at, columns)
