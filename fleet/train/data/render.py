"""The rendering of training pictures: a clip is drawn, coded, decoded and letterboxed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet.storage import Reader, expand
from fleet.street.canvas.brush import Picture
from fleet.street.encode import coding_options
from fleet.street.painting.draw import Scene
from fleet.street.scene.clip import Clip
from fleet.street.scene.truth import Seen
from fleet.train.data.pictures import BAND_TOP, Band, bands, canvas_placement
from fleet.train.data.samples import TRUTH_COLUMNS, save, truth_path
from fleet.train.data.scenes import EVERY_S, SHOWN_RATE
from fleet.video.probe.probe import probe

_SD_MATRIX, _LIMITED = 6, 1
"""BT.601 and the narrow range in FFmpeg's numbers, as in the clips of an archive."""


def render_samples(folder: Path, name: str, clip: Clip) -> str:
    """Render a clip into `folder`, unless it is there already; return its name."""
    if truth_path(folder, name).exists():
        return name
    drawn = list(Scene(clip).frames(range(0, clip.frames, EVERY_S)))
    with TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "clip.mp4"
        _encode(clip, [picture for picture, _ in drawn], path)
        shown = _decode(path)
    save(folder, name, shown, truth_rows(clip, [seen for _, seen in drawn]))
    return name


def truth_rows(clip: Clip, truth: Sequence[Sequence[Seen]]) -> NDArray[np.float32]:
    """Return the figures in each picture, as `Samples.truth`."""
    paste = canvas_placement(clip.size).paste
    rows = [
        (number, figure.class_id, *figure.box, figure.hidden)
        for number, seen in enumerate(truth)
        for figure in seen
    ]
    table = np.array(rows, np.float32).reshape(-1, TRUTH_COLUMNS)
    table[:, [2, 4]] *= paste.width / clip.size.width
    table[:, [3, 5]] *= paste.height / clip.size.height
    table[:, [3, 5]] += paste.top - BAND_TOP
    return table


def _encode(clip: Clip, pictures: Sequence[Picture], path: Path) -> None:
    encoder = "libx264" if clip.coding.codec == "h264" else "libx265"
    options = coding_options(clip.coding, round(clip.coding.gop_s * SHOWN_RATE))
    with av.open(str(path), "w", format="mp4") as output:
        stream = cast("VideoStream", output.add_stream(encoder, rate=SHOWN_RATE, options=options))
        stream.width, stream.height, stream.pix_fmt = clip.size.width, clip.size.height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.colorspace, stream.codec_context.color_range = _SD_MATRIX, _LIMITED
        for number, picture in enumerate(pictures):
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = number, 1 / SHOWN_RATE
            frame.colorspace, frame.color_range = _SD_MATRIX, _LIMITED
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _decode(path: Path) -> list[Band]:
    source = expand([str(path)]).sources[0]
    index = probe(source, Reader(source))
    everything = np.ones(len(index.order), np.bool_)
    return [band for _, band in bands(index, everything)]
