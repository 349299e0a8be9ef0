"""Frames as a user would have them of PyAV: decode from the start, keep what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from detector import Detector
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def videos_in(folder: str) -> list[str]:
    """Return the clips of a folder, in the order of their names."""
    return sorted(map(str, Path(folder).rglob("*.mp4")))


def frames(
    path: str, sample: str, detector: Detector, *, skip: bool
) -> Iterator[tuple[int, int, tuple[int, int], Pixels]]:
    """Yield (number, pts, size, picture at the model's size) of the frames that a sample wants.

    `sample`: all, every=N, keyframes or first. `skip`: leave it to the decoder to pass over what are
    no key frames, as one who knows PyAV well does; numbers count what was decoded then.
    """
    every = int(sample.removeprefix("every=")) if sample.startswith("every=") else 1
    scaler = VideoReformatter()
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if sample == "keyframes" and skip:
            stream.codec_context.skip_frame = "NONKEY"
        for number, frame in enumerate(container.decode(stream)):
            if number % every or (sample == "keyframes" and not frame.key_frame):
                continue
            wide, high = detector.scaled_size(frame.width, frame.height)
            small = scaler.reformat(
                frame, wide, high, detector.layout, interpolation="BILINEAR", threads=1
            )
            picture = small.to_ndarray().astype(np.uint8, copy=False)
            yield number, frame.pts or 0, (frame.width, frame.height), picture
            if sample == "first":
                return


def rows(path: str, number: int, pts: int, boxes: NDArray[np.float32]) -> dict[str, Any]:
    """Return the columns of a frame's boxes."""
    count = len(boxes)
    columns = {name: boxes[:, at] for at, name in enumerate(("x1", "y1", "x2", "y2", "score"))}
    facts = {"uri": [path] * count, "frame": [number] * count, "pts": [pts] * count}
    return {**facts, **columns, "class_id": boxes[:, 5].astype(np.int32)}
