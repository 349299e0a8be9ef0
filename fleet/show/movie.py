"""Annotated frames as PNG or as MP4."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image

# What x264 gives a macroblock by those that come of it depends on what lay in memory beside it.
# Without that the same pictures are the same bytes, of a little less quality for as many.
_OPTIONS = {"crf": "22", "preset": "veryfast", "x264-params": "mbtree=0"}
_PNG_LEVEL = 2
"""Of zlib: four times as fast as its usual 6, for 11 % more bytes of a street's picture."""
BT709 = 1
"""The number of BT.709 in H.264's tables of primaries, transfer and matrix."""


def png(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture, RGB u8 [height, width, 3], as PNG."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "png", compress_level=_PNG_LEVEL)
    return out.getvalue()


def mp4(
    frames: Iterable[tuple[int, NDArray[np.uint8]]], time_base: Fraction, rate: Fraction
) -> bytes:
    """Return frames, (pts in `time_base`, RGB u8 [height, width, 3]), as H.264 in MP4.

    The first frame is at 0, and the distances in time stay. All frames have the same size; an odd
    last row or column is left out, because 4:2:0 has none. `rate`: the frame rate in the header.
    """
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        _encode(container, frames, time_base, rate)
    return out.getvalue()


def mp4_for_browsers(
    frames: Iterable[tuple[int, NDArray[np.uint8]]], time_base: Fraction, rate: Fraction
) -> bytes:
    """Return frames as `mp4` does, the index in front, so that it plays while it is loaded."""
    # libav brings the index to the front by reading the file again.
    with TemporaryDirectory(prefix="fleet-clip-") as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            _encode(container, frames, time_base, rate)
        return path.read_bytes()


def _encode(
    container: OutputContainer,
    frames: Iterable[tuple[int, NDArray[np.uint8]]],
    time_base: Fraction,
    rate: Fraction,
) -> None:
    stream = container.add_stream("libx264", rate=rate, options=_OPTIONS)
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = time_base
    stream.codec_context.colorspace = stream.codec_context.color_primaries = BT709
    stream.codec_context.color_trc, stream.codec_context.color_range = BT709, ColorRange.MPEG
    first: int | None = None
    for pts, rgb in frames:
        height, width = (side // 2 * 2 for side in rgb.shape[:2])
        if first is None:
            first, stream.width, stream.height = pts, width, height
        frame = _yuv(rgb[:height, :width])
        frame.pts, frame.time_base = pts - first, time_base
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _yuv(rgb: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
    )
