"""Daft as its pages have it: its video frames, a class that detects, Parquet.

python daft_frames.py OUT MODEL SAMPLE PROCESSES FOLDER
"""

from __future__ import annotations

import sys
from typing import Any

import av
import daft
import numpy as np
from daft import DataType, col
from decoded import videos_in
from detector import Detector
from told import tell


def main() -> None:
    """Do all videos of the folder."""
    out, model, sample, _processes, folder = sys.argv[1:]
    videos = videos_in(folder)
    with av.open(videos[0]) as container:
        context = container.streams.video[0].codec_context
        width, height = context.width, context.height
    wide, high = Detector(model).scaled_size(width, height)
    table = daft.read_video_frames(
        videos, image_height=high, image_width=wide, is_key_frame=sample == "keyframes" or None
    )
    if sample.startswith("every="):
        table = table.where(col("frame_index") % int(sample.removeprefix("every=")) == 0)
    kind = DataType.list(DataType.list(DataType.float32()))

    @daft.cls
    class Detect:
        def __init__(self) -> None:
            self._detector = Detector(model)

        @daft.method(return_dtype=kind)  # type: ignore[untyped-decorator]  # Daft is not typed here
        def __call__(self, image: Any) -> Any:
            pixels = np.asarray(image)
            if self._detector.layout == "bgr24":
                pixels = pixels[:, :, ::-1]
            return self._detector(pixels, width, height).tolist()

    detect = Detect()
    table = table.with_column("boxes", detect(col("data"))).exclude("data")
    table.write_parquet(out)
    tell(daft.read_parquet(f"{out}/*.parquet").count_rows())


if __name__ == "__main__":
    main()
