"""Pictures as a player shows them: square pixels first, made by the VPC, then turned by the host.

The VPC of Ascend310 does not turn pictures (docs/chip.md#vpc-operations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
import numpy as np

from fleet.ascend.surface import Plane, in_memory, planes
from fleet.ascend.vpc.pixels import cut, cut_odd
from fleet.core.frames import Picture
from fleet.core.geometry import square_pixels
from fleet.device import Device
from fleet.errors import DeviceError
from fleet.video.stream import StreamInfo
from fleet.worker.decode import DecodeLoss

TURN_STAGE = "turn"
"""The stage in which the host's time for turning is counted."""


def upright(
    pictures: Iterator[Picture],
    stream: StreamInfo,
    device: Device,
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
    device: Device,
    lose: Callable[[DecodeLoss], None],
) -> Iterator[Picture]:
    for picture in pictures:
        shown = picture
        try:
            for step in (_cropped, _squared, _turned):
                shown = step(shown, stream, device)
        except DeviceError as error:
            shown.release()
            lose(DecodeLoss(np.array([picture.row], np.int64), error))
        else:
            yield shown


def _cropped(picture: Picture, stream: StreamInfo, device: Device) -> Picture:
    """Return the part that is shown of a picture; it stands for the one given, which is released.

    All of it, where the stream has changed to another size.
    """
    if stream.shown_area is None or picture.size != stream.size:
        return picture
    try:
        with device.clock.stage(TURN_STAGE):
            surface = cut(picture.surface, stream.shown_area)
            args = (device.soc, device.memory, surface, picture.colour, picture.row)
            return in_memory(*args, "cropped picture")
    finally:
        picture.release()


def _squared(picture: Picture, stream: StreamInfo, device: Device) -> Picture:
    """Return a picture with square pixels; it stands for the one given, which is released."""
    size = square_pixels(picture.size, stream.sample_aspect)
    if size == picture.size:
        return picture
    squared = device.vpc.resize(picture, size)
    picture.release()
    return squared


def _turned(picture: Picture, stream: StreamInfo, device: Device) -> Picture:
    """Return a picture mirrored and turned; it stands for the one given, which is released."""
    if not stream.mirrored and not stream.rotation:
        return picture
    try:
        with device.clock.stage(TURN_STAGE):
            # Of an odd side half a sample of chroma would lie at the wrong end once turned.
            surface = cut_odd(picture.surface)
            surface = turned(surface, stream.rotation, mirrored=stream.mirrored)
            args = (device.soc, device.memory, surface, picture.colour, picture.row)
            return in_memory(*args, "turned picture")
    finally:
        picture.release()


def turned(surface: av.VideoFrame, rotation: int, *, mirrored: bool) -> av.VideoFrame:
    """Return a yuv420p or nv12 surface, mirrored if so and then turned; no sample changes.

    `rotation`: degrees clockwise, a multiple of 90.
    """
    width, height = surface.width, surface.height
    if rotation % 180:
        width, height = height, width
    made = av.VideoFrame(width, height, surface.format.name)
    for source, target in zip(_samples(surface), _samples(made), strict=True):
        facing = source[:, ::-1] if mirrored else source
        target[:] = np.rot90(facing, -rotation // 90)
    return made


def _samples(surface: av.VideoFrame) -> list[Plane]:
    """Return views of a surface's planes, one element a place: nv12's pairs of chroma are one."""
    luma, *chroma = planes(surface)
    if len(chroma) == 1:
        return [luma, chroma[0].view(np.uint16)]
    return [luma, *chroma]
