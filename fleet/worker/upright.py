"""Pictures as a player shows them: cropped, with square pixels, mirrored and turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fleet.backend.backend import Backend
from fleet.core.frames import Picture
from fleet.core.geometry import square_pixels
from fleet.errors import DeviceError, DeviceLostError
from fleet.video.stream import StreamInfo
from fleet.worker.decode import DecodeLoss


def upright(
    pictures: Iterator[Picture],
    stream: StreamInfo,
    device: Backend,
    lose: Callable[[DecodeLoss], None],
) -> Iterator[Picture]:
    """Return decoded pictures of a stream as a player shows them.

    The caller releases what is returned. A picture that the device refuses to scale is released
    here, and `lose` is called with it.
    """
    if stream.is_shown_as_stored:
        return pictures
    return _upright(pictures, stream, device, lose)


def _upright(
    pictures: Iterator[Picture],
    stream: StreamInfo,
    device: Backend,
    lose: Callable[[DecodeLoss], None],
) -> Iterator[Picture]:
    for picture in pictures:
        shown = picture
        try:
            for step in (_cropped, _squared, _turned):
                shown = step(shown, stream, device)
        except DeviceLostError:
            shown.release()
            raise
        except DeviceError as error:
            shown.release()
            lose(DecodeLoss(np.array([picture.row], np.int64), error))
        else:
            yield shown


def _cropped(picture: Picture, stream: StreamInfo, device: Backend) -> Picture:
    """Return the part that is shown of a picture; it stands for the one given, which is released.

    All of it, where the stream has changed to another size.
    """
    if stream.shown_area is None or picture.size != stream.size:
        return picture
    try:
        return device.crop(picture, stream.shown_area)
    finally:
        picture.release()


def _squared(picture: Picture, stream: StreamInfo, device: Backend) -> Picture:
    """Return a picture with square pixels; it stands for the one given, which is released."""
    size = square_pixels(picture.size, stream.sample_aspect)
    if size == picture.size:
        return picture
    squared = device.resize(picture, size)
    picture.release()
    return squared


def _turned(picture: Picture, stream: StreamInfo, device: Backend) -> Picture:
    """Return a picture mirrored and turned; it stands for the one given, which is released."""
    if not stream.mirrored and not stream.rotation:
        return picture
    try:
        return device.turn(picture, stream.rotation, mirrored=stream.mirrored)
    finally:
        picture.release()
