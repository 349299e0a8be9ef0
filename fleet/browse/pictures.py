"""Frames of a video as files for a browser, decoded by the plan by which the job decoded them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import closing
from threading import Event
from typing import TypeVar

import numpy as np

from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.browse.opened import Opened
from fleet.browse.shelf import Shelf, StoppedError
from fleet.core.frames import Picture
from fleet.errors import DeviceError, UsageError
from fleet.show.decode import DecodedFrame, frames_on
from fleet.show.movie import png

JPEG_LEVEL = 90
"""JPEGE's level of quality."""
AHEAD = 12
"""Frames that are decoded together where somebody goes through a video step by step."""
JPEG, PNG = "image/jpeg", "image/png"
Made = TypeVar("Made")
File = tuple[str, bytes]
"""The type of a file, and its bytes."""


def window(frame: int, frames: int, is_there: Callable[[int], bool]) -> list[int]:
    """Return which frames to decode with one: more of them where its neighbour was asked for.

    `frames`: how many the video has. `is_there`: whether a frame is held already.
    """
    if frame > 0 and is_there(frame - 1):
        wanted = range(frame, min(frames, frame + AHEAD))
    elif frame + 1 < frames and is_there(frame + 1):
        wanted = range(max(0, frame - AHEAD + 1), frame + 1)
    else:
        return [frame]
    return [number for number in wanted if number == frame or not is_there(number)]


class Pictures:
    """Makes files of frames, and holds some of them; safe to use from several threads."""

    def __init__(self, shelf: Shelf, stop: Event) -> None:
        self._shelf = shelf
        self._stop = stop

    def held(self, key: Hashable) -> File | None:
        """Return a file that is held."""
        found: File | None = self._shelf.get(key)
        return found

    def make(self, opened: Opened, frame: int, chip: str, *, exact: bool) -> File:
        """Return a frame as a PNG where it is to be `exact`, else as a JPEG from JPEGE.

        What JPEGE does not take becomes a PNG. Raises VideoError where nothing decodes it,
        UsageError where it is damaged.
        """
        if exact:
            return self._decode(opened, [frame], chip, exact=True)[frame]

        def is_there(number: int) -> bool:
            return key_of_frame(opened, number) in self._shelf

        wanted = window(frame, len(opened.index.order), is_there)
        try:
            return self._decode(opened, wanted, chip, exact=False)[frame]
        except UsageError:
            if len(wanted) == 1:
                raise
            # Another one of them is damaged.
            return self._decode(opened, [frame], chip, exact=False)[frame]

    def _decode(
        self, opened: Opened, numbers: Sequence[int], chip: str, *, exact: bool
    ) -> dict[int, File]:
        with closing(open_device(Opening(chip))) as device:

            def encode(picture: Picture) -> File:
                return (PNG, png(picture.rgb())) if exact else _small(device, picture)

            with closing(frames_of(device, opened, numbers, encode, self._stop)) as frames:
                made = {decoded.frame: decoded.made for decoded in frames}
        if not exact:
            for number, file in made.items():
                self._shelf.put(key_of_frame(opened, number), file, len(file[1]))
        return made


def frames_of(
    device: Backend,
    opened: Opened,
    numbers: Sequence[int],
    make: Callable[[Picture], Made],
    stop: Event,
) -> Generator[DecodedFrame[Made]]:
    """Yield frames of these numbers, until it is to stop; raises as `frames_on`.

    The caller closes it before the device, whose memory it may hold.
    """
    wanted = np.zeros(len(opened.index.order), np.bool_)
    wanted[list(numbers)] = True
    with closing(frames_on(device, opened.index, wanted, make)) as frames:
        for decoded in frames:
            if stop.is_set():
                raise StoppedError
            yield decoded


def key_of_frame(opened: Opened, frame: int) -> Hashable:
    """Return by what a frame of this version of a video is held."""
    return opened.known.key, opened.index.source.etag, frame


def _small(device: Backend, picture: Picture) -> File:
    try:
        return JPEG, device.device.jpege.encode(picture, JPEG_LEVEL, full_range=True)
    except DeviceError:
        return PNG, png(picture.rgb())
