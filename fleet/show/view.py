"""One picture of a raw buffer, a still or a video, with or without the padding around it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fleet.backend.kinds import Opening, open_device
from fleet.core.frames import Colour, Picture, download
from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.index_cache.cache import IndexCache
from fleet.show.clip import frame_at
from fleet.show.decode import decode_frames
from fleet.show.movie import png
from fleet.show.raw_picture import BufferLayout, picture_bytes, rgb
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


@dataclass(frozen=True)
class Seen:
    """A picture as it is written to a file."""

    padding: bool
    """Whether what lies between the picture and its strides is shown."""
    raw: bool
    """Whether the buffer itself is written, and no PNG of it."""

    def of(self, picture: Picture) -> bytes:
        """Return the file of a picture."""
        if self.raw:
            return download(picture).tobytes()
        if not self.padding:
            return png(picture.rgb())
        strides = Size(picture.width_stride, picture.height_stride)
        data = download(picture).tobytes()
        return png(rgb(data, BufferLayout(strides, strides), picture.colour))


def view_jpeg(uri: str, chip: str, seen: Seen) -> tuple[bytes, str]:
    """Return a JPEG as JPEGD decodes it to NV12, and a sentence on what it shows.

    Raises DeviceError where the chip refuses it.
    """
    data = read_file(uri)
    with closing(open_device(Opening(chip))) as opened:
        picture = opened.device.jpegd.decode(data)
        strides = f"{picture.width_stride}x{picture.height_stride}"
        colour = f"{picture.colour.matrix}, {picture.colour.range}"
        said = f"{picture.size} nv12, strides {strides}, {colour}"
        try:
            return seen.of(picture), said
        finally:
            picture.release()


def view_video(uri: str, at_s: Fraction, chip: str, seen: Seen) -> tuple[bytes, str]:
    """Return the frame on the screen at `at_s`, and a sentence on what it shows.

    Raises UsageError for several videos and a time outside, VideoError where it is not decoded.
    """
    sources = expand([uri]).sources
    if len(sources) != 1:
        raise UsageError(f"{uri} names {len(sources):,} videos.", "Name one of them.")
    with closing(IndexCache()) as indexes:
        index = indexes.get(sources[0])
    number = frame_at(index, at_s)
    wanted = np.arange(len(index.order)) == number
    (decoded,) = decode_frames(index, wanted, chip, seen.of)
    return decoded.made, f"frame {number} at {decoded.time_s:.3f} s, {index.stream.shown_size}"
