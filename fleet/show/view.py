"""One picture of a raw buffer or a video as a PNG, with or without the padding around it."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.surface import download
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.index_cache.cache import IndexCache
from fleet.show.clip import frame_at
from fleet.show.decode import decode_frames
from fleet.show.movie import png
from fleet.show.raw_picture import BufferLayout, PixelFormat, picture_bytes, rgb
from fleet.storage import expand, read_file


def view_buffer(
    uri: str, layout: BufferLayout, colour: Colour, *, number: int, padding: bool
) -> tuple[bytes, str]:
    """Return picture `number` of a file of raw pictures as a PNG, and a sentence on what it shows.

    Raises UsageError where the file does not hold it.
    """
    data, left = picture_bytes(read_file(uri), layout, number, uri)
    shown = layout.whole() if padding else layout
    said = f"{layout.size} {layout.pixel_format}, strides {layout.stride}"
    return png(rgb(data, shown, colour)), "; ".join(filter(None, [said, left]))


def view_video(uri: str, at_s: Fraction, chip: str, *, padding: bool) -> tuple[bytes, str]:
    """Return the frame on the screen at `at_s` as a PNG, and a sentence on what it shows.

    Raises UsageError for several videos and a time outside, VideoError where it is not decoded.
    """
    sources = expand([uri]).sources
    if len(sources) != 1:
        raise UsageError(f"{uri} names {len(sources):,} videos.", "Name one of them.")
    with closing(IndexCache()) as indexes:
        index = indexes.get(sources[0])
    number = frame_at(index, at_s)
    wanted = np.arange(len(index.order)) == number
    seen = _with_padding if padding else Picture.rgb
    (decoded,) = decode_frames(index, wanted, chip, seen)
    height, width = decoded.rgb.shape[:2]
    return png(decoded.rgb), f"frame {number} at {decoded.time_s:.3f} s, {width}x{height}"


def _with_padding(picture: Picture) -> NDArray[np.uint8]:
    strides = Size(picture.width_stride, picture.height_stride)
    layout = BufferLayout(strides, strides, PixelFormat.NV12)
    return rgb(download(picture).tobytes(), layout, picture.colour)
