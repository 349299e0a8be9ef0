"""Write the pictures of exported frames, decoded as the job decoded them; what is there stays."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import TypeVar

import numpy as np

from fleet.backend.backend import Backend
from fleet.core.frames import Picture
from fleet.errors import UsageError
from fleet.export.chosen.video import VideoRows
from fleet.export.formats.format import Format
from fleet.export.place import is_as_file, put_file
from fleet.show.decode import frames_on
from fleet.show.detections import check_frames
from fleet.show.movie import png
from fleet.storage import Folder
from fleet.video.index import VideoIndex

JPG, PNG = ".jpg", ".png"
JPEG_LEVEL = 95
"""JPEGE's level of quality."""
_LOOKED_UP_AT_ONCE, _PUT_AT_ONCE = 500, 16
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class PictureFolder:
    """Where the pictures of an export go, and in which form."""

    folder: Folder
    format: Format
    suffix: str
    """JPG or PNG."""
    output: str
    """The location of the output that is exported."""

    def missing(self, rows: VideoRows) -> dict[int, str]:
        """Return frame number -> name of the pictures that are not there yet."""
        names = (
            (frame.number, self.format.picture(rows.video, frame, self.suffix))
            for frame in rows.bare_frames()
        )
        found: dict[int, str] = {}
        for some in groups(names, _LOOKED_UP_AT_ONCE):
            there = self.folder.each(self.folder.exists, (name for _, name in some))
            pairs = zip(some, there, strict=True)
            found.update(item for item, is_there in pairs if not is_there)
        return found

    def number(self, rows: VideoRows) -> None:
        """Put the file by which names of pictures mean frames, where the format has one.

        Pictures that were named by another such file go first.
        """
        pieces = self.format.numbering(rows)
        first = next(pieces, None)
        if first is None:
            return
        with TemporaryFile() as made:
            for piece in chain([first], pieces):
                made.write(piece.text.encode())
            if is_as_file(self.folder, first.name, made):
                return
            picture = self.format.picture(rows.video, next(rows.bare_frames()), self.suffix)
            for entry in list(self.folder.list(f"{PurePosixPath(picture).parent}/")):
                self.folder.delete(entry.name)
            put_file(self.folder, first.name, made)

    def write(
        self, rows: VideoRows, missing: dict[int, str], index: VideoIndex, device: Backend
    ) -> None:
        """Decode and put pictures of one video; `missing`: frame number -> name.

        Raises UsageError where the video is another one than the job processed, where frames are
        damaged, and where a JPEG cannot have their size; VideoError where nothing decodes them.
        """
        self._check_sides(rows)
        check_frames(index, rows.numbers, rows.pts, self.output)
        # Where a put fails, what decodes them ends before the device.
        with closing(self._made(missing, index, device)) as made:
            for some in groups(made, _PUT_AT_ONCE):
                self.folder.each(lambda file: self.folder.put(*file), some)

    def _made(
        self, missing: dict[int, str], index: VideoIndex, device: Backend
    ) -> Generator[tuple[str, bytes]]:
        wanted = np.zeros(len(index.order), np.bool_)
        wanted[list(missing)] = True

        def encode(picture: Picture) -> bytes:
            if self.suffix == PNG:
                return png(picture.rgb())
            return device.device.jpege.encode(picture, JPEG_LEVEL, full_range=True)

        with closing(frames_on(device, index, wanted, encode)) as frames:
            for decoded in frames:
                yield missing[decoded.frame], decoded.made

    def _check_sides(self, rows: VideoRows) -> None:
        video = rows.video
        if self.suffix == JPG and (video.width % 2 or video.height % 2):
            raise UsageError(
                f"JPEGE takes even sides, not the {video.width}x{video.height} of {video.uri}.",
                "Write them as PNG: --picture-format png.",
            )


def groups(items: Iterator[_Item], most: int) -> Iterator[tuple[_Item, ...]]:
    """Yield items in groups of at most so many, as they come."""
    while group := tuple(islice(items, most)):
        yield group
