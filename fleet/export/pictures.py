"""Write the pictures of exported frames, decoded as the job decoded them; what is there stays."""

from __future__ import annotations

from collections.abc import Iterator
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
from fleet.export.chosen.video import Video, VideoRows
from fleet.export.formats.format import Format
from fleet.export.frame_set import FrameSet
from fleet.export.picture_job import JPG, encoded
from fleet.export.place import is_as_file, put_file
from fleet.show.decode import frames_on
from fleet.show.detections import check_frames
from fleet.storage import Folder
from fleet.video.index import VideoIndex

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

    def name(self, rows: VideoRows, number: int) -> str:
        """Return what the picture of an exported frame is called."""
        place = int(np.searchsorted(rows.numbers, number))
        return self.format.picture(rows.video, rows.bare(place), self.suffix)

    def missing(self, rows: VideoRows) -> FrameSet:
        """Return the frames whose pictures are not there yet."""
        found: list[int] = []
        for some in groups(rows.bare_frames(), _LOOKED_UP_AT_ONCE):
            names = (self.format.picture(rows.video, frame, self.suffix) for frame in some)
            there = self.folder.each(self.folder.exists, names)
            pairs = zip(some, there, strict=True)
            found += (frame.number for frame, is_there in pairs if not is_there)
        return FrameSet.of(np.array(found, np.int64))

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

    def check_size(self, video: Video) -> None:
        """Raise UsageError where a JPEG cannot have the size of a video's pictures."""
        if self.suffix == JPG and (video.width % 2 or video.height % 2):
            raise UsageError(
                f"JPEGE takes even sides, not the {video.width}x{video.height} of {video.uri}.",
                "Write them as PNG: --picture-format png.",
            )

    def check(self, rows: VideoRows, index: VideoIndex) -> None:
        """Raise UsageError where a video is another one than the job processed."""
        check_frames(index, rows.numbers, rows.pts, self.output)

    def write(self, rows: VideoRows, missing: FrameSet, index: VideoIndex, device: Backend) -> None:
        """Decode and put pictures of one video, here.

        Raises what the checks raise, UsageError where frames are damaged, and VideoError where
        nothing decodes them.
        """
        self.check_size(rows.video)
        self.check(rows, index)
        wanted = missing.wanted(len(index.order))

        def encode(picture: Picture) -> bytes:
            return encoded(picture, self.suffix, device.device)

        # Where a put fails, what decodes them ends before the device.
        with closing(frames_on(device, index, wanted, encode)) as frames:
            made = ((self.name(rows, decoded.frame), decoded.made) for decoded in frames)
            for some in groups(made, _PUT_AT_ONCE):
                self.folder.each(lambda file: self.folder.put(*file), some)


def groups(items: Iterator[_Item], most: int) -> Iterator[tuple[_Item, ...]]:
    """Yield items in groups of at most so many, as they come."""
    while group := tuple(islice(items, most)):
        yield group
