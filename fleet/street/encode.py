"""Pictures of a clip as an MP4 file, and their truth as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pyarrow as pa
from av.video.stream import VideoStream

from fleet.parquet.arrays import booleans, numbers, strings
from fleet.storage import Reader, expand
from fleet.street.canvas.brush import Picture
from fleet.street.painting.draw import render
from fleet.street.scene.clip import LABELS, Clip, Coding
from fleet.street.scene.truth import Seen
from fleet.table.parts.schema import DETECTIONS, TEXT, column, table_schema
from fleet.video.probe.probe import probe

TRUTH = table_schema(
    pa.schema(
        [
            *DETECTIONS,
            column("ignore", pa.bool_(), "", "mostly hidden or too small: neither hit nor miss"),
            column("light", TEXT, "", "day, dusk or night"),
            column("weather", TEXT, "", "clear, cloudy or rain"),
            column("camera", TEXT, "", "the camera's name"),
        ]
    )
)
"""The columns of the truth: those of a detector, with a score of 1, and those of the conditions."""

_SD_MATRIX = 6
"""BT.601 as SMPTE 170M, in FFmpeg's numbers, which OpenCV's I420 conversion computes."""
_LIMITED = 1


def write(clip: Clip, path: Path) -> list[list[Seen]]:
    """Draw and encode a clip, and return the visible figures of each frame.

    The video is yuv420p, BT.601, limited range; the file gets its name when it is complete.
    """
    part = path.with_name(f".{path.name}.part")
    truth = []
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        stream = _stream(output, clip)
        for number, (picture, seen) in enumerate(render(clip)):
            truth.append(seen)
            frame = _frame(picture)
            frame.pts, frame.time_base = number, 1 / clip.rate
            frame.colorspace, frame.color_range = _SD_MATRIX, _LIMITED
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    part.replace(path)
    return truth


def _frame(picture: Picture) -> av.VideoFrame:
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
    if picture.shape[0] % 4:
        return av.VideoFrame.from_ndarray(planes, "yuv420p")
    # The frame holds on to the planes, which are its own; PyAV 18 takes no other height so.
    return av.VideoFrame.from_numpy_buffer(planes, "yuv420p")


def _stream(output: av.container.OutputContainer, clip: Clip) -> VideoStream:
    encoder = "libx264" if clip.coding.codec == "h264" else "libx265"
    options = coding_options(clip.coding, max(1, round(clip.coding.gop_s * clip.rate)))
    stream = cast("VideoStream", output.add_stream(encoder, rate=clip.rate, options=options))
    stream.width, stream.height, stream.pix_fmt = clip.size.width, clip.size.height, "yuv420p"
    stream.codec_context.time_base = 1 / clip.rate
    stream.codec_context.thread_count = 1
    stream.codec_context.colorspace, stream.codec_context.color_range = _SD_MATRIX, _LIMITED
    return stream


def coding_options(coding: Coding, gop: int) -> dict[str, str]:
    """Return the options of x264 or x265 for a coding; `gop` is in frames from key to key.

    An open GOP is one frame longer where otherwise no B-frame would precede the next key.
    """
    if coding.open_gop and gop % (coding.b_frames + 1) == 1:
        gop += 1
    both = {
        "keyint": gop,
        "min-keyint": gop,
        "scenecut": 0,
        "bframes": coding.b_frames,
        "b-adapt": 0,
        "open-gop": int(coding.open_gop),
    }
    if coding.codec == "h264":
        return {"preset": "ultrafast", "crf": "25", "x264-params": _joined(both | {"threads": 1})}
    alone = {"log-level": "none", "pools": "none", "frame-threads": 1}
    return {"preset": "ultrafast", "crf": "27", "x265-params": _joined(both | alone)}


def _joined(options: Mapping[str, object]) -> str:
    return ":".join(f"{name}={value}" for name, value in options.items())


def truth_table(clip: Clip, path: Path, camera: str, truth: Sequence[Sequence[Seen]]) -> pa.Table:
    """Return the visible figures of a video, one row each, in the columns of TRUTH.

    URI, pts and time are read from the file, as a job reads them.
    """
    source = expand([str(path)]).sources[0]
    index = probe(source, Reader(source))
    pts = index.packets.pts[index.order]
    rows = [(number, seen) for number, all_seen in enumerate(truth) for seen in all_seen]
    frames = np.array([number for number, _ in rows], np.int64)
    boxes = np.array([seen.box for _, seen in rows], np.float32).reshape(-1, 4)
    columns = {
        "uri": strings([source.uri] * len(rows)),
        "frame": numbers(frames),
        "pts": numbers(pts[frames]),
        "time_s": numbers((pts[frames] - index.start_pts) * float(index.stream.time_base)),
        "label": strings([LABELS[seen.class_id] for _, seen in rows]),
        "class_id": numbers(np.array([seen.class_id for _, seen in rows], np.int64)),
        "score": numbers(np.ones(len(rows), np.float32)),
        **dict(zip(("x1", "y1", "x2", "y2"), map(numbers, boxes.T), strict=True)),
        "ignore": booleans(np.array([seen.ignored(clip.size) for _, seen in rows], np.bool_)),
        "light": strings([clip.light.value] * len(rows)),
        "weather": strings([clip.weather.value] * len(rows)),
        "camera": strings([camera] * len(rows)),
    }
    arrays = [columns[field.name].cast(_plain(field.type)) for field in TRUTH]
    encoded = [
        array.dictionary_encode() if field.type == TEXT else array
        for array, field in zip(arrays, TRUTH, strict=True)
    ]
    return pa.Table.from_arrays(encoded, schema=TRUTH)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if kind == TEXT else kind
