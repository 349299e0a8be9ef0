"""Small JPEGs of images and of frames, as objects beside the table.

JPEGD or VDEC, VPC and JPEGE make them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fleet import (
    Device,
    FrameBatch,
    FrameJob,
    Picture,
    Rows,
    Size,
    declared,
    download,
    object_column,
)


@dataclass(frozen=True)
class Stills(FrameJob):
    """One JPEG an image, of `width` x `height` pixels, at JPEGE level `level`.

    With `full_range` it looks as the image does; without, a little washed out, as on the chip. With
    `yuv` the decoded buffer is kept too: NV12 with its strides, chroma from row `height_stride`.
    """

    width: int = 224
    height: int = 224
    level: int = 85
    full_range: bool = True
    yuv: bool = False

    table: ClassVar[str] = "stills"
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("width_stride", pa.int32()),
            ("height_stride", pa.int32()),
            object_column("jpeg", ".jpg"),
            object_column("yuv", ".yuv"),
        ]
    )

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or not 1 <= self.level <= 100:
            raise ValueError(f"an even size and a level of 1..100 are possible, not {self}")

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Scale each picture on the VPC and encode it on the JPEGE."""
        pictures = batch.pictures
        columns: dict[str, Any] = {
            "width": [picture.size.width for picture in pictures],
            "height": [picture.size.height for picture in pictures],
            "width_stride": [picture.width_stride for picture in pictures],
            "height_stride": [picture.height_stride for picture in pictures],
            "jpeg": [self._jpeg(opened, picture) for picture in pictures],
            "yuv": [download(x).tobytes() if self.yuv else None for x in pictures],
        }
        return Rows(np.arange(len(batch), dtype=np.int32), columns)

    def chip_use(self, size: Size) -> Mapping[str, Sequence[Size]]:
        """One scaling and one JPEG a picture, whatever its size."""
        del size
        small = Size(self.width, self.height)
        return {"vpc": [small], "jpege": [small]}

    def _jpeg(self, device: Device, picture: Picture) -> bytes:
        # VPC takes even sides alone; the 310 cuts odd ones itself, later chips refuse them.
        even = Size(picture.size.width // 2 * 2, picture.size.height // 2 * 2)
        small = device.vpc.resize(declared(picture, even), Size(self.width, self.height))
        try:
            return device.jpege.encode(small, self.level, full_range=self.full_range)
        finally:
            small.release()


class Frames(Stills):
    """The same of the frames of videos, under a name of their own."""

    table: ClassVar[str] = "pictures"
