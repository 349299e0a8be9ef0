"""The work on devices that makes the pictures of an export: each frame as it is, encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.frames import FrameBatch, Picture, Rows
from fleet.export.chosen.video import Video
from fleet.export.formats.format import Format
from fleet.export.frame_set import FrameSet
from fleet.job.frame_job import FrameJob
from fleet.show.movie import png
from fleet.table.parts.objects import object_column

JPG, PNG = ".jpg", ".png"
JPEG_LEVEL = 95
"""JPEGE's level of quality."""
PICTURE = "picture"
"""The column of the pictures."""


@dataclass(frozen=True)
class Pictures(FrameJob):
    """A picture a frame: JPEG or, by `suffix`, PNG."""

    suffix: str = JPG

    table: ClassVar[str] = "pictures"
    batch: ClassVar[int] = 1
    """Nothing is gained by more, and a large PNG takes seconds, in which nothing is heard of it."""
    schema: ClassVar[pa.Schema] = pa.schema([object_column(PICTURE, JPG)])

    def columns(self) -> pa.Schema:
        """Return a column of objects whose names end as those of the pictures."""
        return pa.schema([object_column(PICTURE, self.suffix)])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Encode each picture."""
        made = [encoded(picture, self.suffix, opened) for picture in batch.pictures]
        return Rows(np.arange(len(batch), dtype=np.int32), {PICTURE: made})


def encoded(picture: Picture, suffix: str, device: Any) -> bytes:
    """Return a picture as a file: made by JPEGE, or by the host where it is to keep every bit.

    `device`: the Device that it is on.
    """
    if suffix == PNG:
        return png(picture.rgb())
    made: bytes = device.jpege.encode(picture, JPEG_LEVEL, full_range=True)
    return made


@dataclass(frozen=True)
class _Numbered:
    """A frame as far as its name depends on it; see Frame."""

    number: int
    place: int


class PictureNames:
    """Names the pictures on their devices as the export does; it is pickled to get there."""

    def __init__(
        self, form: Format, videos: Mapping[str, Video], chosen: Mapping[str, FrameSet]
    ) -> None:
        """Take the format, and by URI each video and which of its frames are exported."""
        self._format = form
        self._videos = dict(videos)
        self._chosen = dict(chosen)
        self._held: tuple[str, NDArray[np.int64]] = "", np.empty(0, np.int64)

    def __call__(self, column: str, uri: str, frame: int, data: bytes, suffix: str) -> str:
        """See NameObject."""
        del column, data
        if self._held[0] != uri:
            # A lease goes from one video to the next.
            self._held = uri, self._chosen[uri].numbers()
        place = int(np.searchsorted(self._held[1], frame))
        return self._format.picture(self._videos[uri], _Numbered(frame, place), suffix)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": ("", np.empty(0, np.int64))}
