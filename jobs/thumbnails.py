"""Small JPEG pictures of sampled frames, for contact sheets, review and search pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from fleet import Device, FrameBatch, FrameJob, Rows, Size


@dataclass(frozen=True)
class Thumbnails(FrameJob):
    """One JPEG a frame, `width` pixels wide in the frame's own shape, at JPEGE level `level`.

    With `full_range` it looks as the frame does; without, a little washed out, as on the chip.
    """

    width: int = 320
    level: int = 85
    full_range: bool = True

    table: ClassVar[str] = "thumbnails"
    schema: ClassVar[pa.Schema] = pa.schema(
        [("width", pa.int32()), ("height", pa.int32()), ("jpeg", pa.binary())]
    )

    def __post_init__(self) -> None:
        if not (32 <= self.width <= 4096 and 1 <= self.level <= 100):
            raise ValueError(f"a width of 32..4096 and a level of 1..100 are possible, not {self}")

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Shrink each picture on the VPC and encode it on the JPEGE."""
        size = self._size(batch.size)
        jpegs = []
        for picture in batch.pictures:
            small = opened.vpc.resize(picture, size)
            try:
                jpegs.append(opened.jpege.encode(small, self.level, full_range=self.full_range))
            finally:
                small.release()
        every_picture = np.arange(len(batch), dtype=np.int32)
        widths, heights = np.full(len(batch), size.width), np.full(len(batch), size.height)
        return Rows(every_picture, {"width": widths, "height": heights, "jpeg": jpegs})

    def chip_use(self, size: Size) -> Mapping[str, Sequence[Size]]:
        """One scaling and one JPEG a picture."""
        return {"vpc": [self._size(size)], "jpege": [self._size(size)]}

    def _size(self, source: Size) -> Size:
        """Return an even width and height, as YUV 4:2:0 needs them."""
        height = round(source.height * self.width / source.width / 2) * 2
        return Size(self.width // 2 * 2, max(2, height))
