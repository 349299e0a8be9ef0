"""Decoding of elementary streams, picture by picture, and what plain libav makes of them."""

from __future__ import annotations

from collections.abc import Iterable

import av
import numpy as np
from elementary import (
    Elementary,
    samples,
)
from numpy.typing import NDArray

from fleet.ascend.surface import frame_of
from fleet.ascend.vdec import VdecChannel
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Picture
from fleet.errors import DeviceError

Pixels = dict[int, list[NDArray[np.uint8]]]


def decode(channel: VdecChannel, units: Iterable[AccessUnit]) -> Pixels:
    """Send units, drain, and give the pixels by row; pictures are released at once."""
    pictures = [picture for unit in units for picture in channel.send(unit)]
    return pixels([*pictures, *channel.drain()])


def send_until_error(
    channel: VdecChannel, units: Iterable[AccessUnit]
) -> tuple[list[Picture], DeviceError | None]:
    """Send units while they are taken: the pictures that came, and what ended it."""
    pictures: list[Picture] = []
    try:
        for unit in units:
            pictures += channel.send(unit)
    except DeviceError as error:
        return pictures, error
    return pictures, None


def pixels(pictures: Iterable[Picture]) -> Pixels:
    """Copy pictures by row, in the order they came, and release them."""
    copies: Pixels = {}
    for picture in pictures:
        assert picture.row not in copies
        copies[picture.row] = samples(frame_of(picture))
        picture.release()
    return copies


def same(left: Pixels, right: Pixels, rows: Iterable[int]) -> bool:
    """Whether the pictures of these rows are there on both sides, sample for sample."""
    return all(
        np.array_equal(a, b) for row in rows for a, b in zip(left[row], right[row], strict=True)
    )


def libav_alone(clip: Elementary) -> Pixels:
    """The whole clip as a plain libav decoder gives it."""
    decoder = av.CodecContext.create(clip.stream.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = []
    for unit in clip.units:
        packet = av.Packet(unit.nals.data)
        packet.pts = unit.row
        frames += decoder.decode(packet)
    return {frame.pts or 0: samples(frame) for frame in [*frames, *decoder.decode(None)]}
