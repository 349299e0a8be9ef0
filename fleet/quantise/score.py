"""The AP of detections that are in no output, by the same evaluation as `fleet eval`."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.dataset as ds

from fleet.core.frames import Detections
from fleet.evaluate.coco import evaluate_scene
from fleet.evaluate.gather import gather
from fleet.table.commits.record import JobRecord
from fleet.table.state.read import Tables

Frame = tuple[str, int]
"""The video and the number of a frame."""


def average_precision(
    truth: pa.Table, frames: Sequence[Frame], found: Sequence[Detections]
) -> float | None:
    """Return AP@0.5:0.95 of what was found in frames, None where the truth has no object there.

    `truth`: from `read_truth`; `found`: the detections of each frame. Raises UsageError where the
    truth is of other videos or frames.
    """
    looked = pa.table({"uri": [uri for uri, _ in frames], "frame": [at for _, at in frames]})
    tables = [_rows(frame, boxes) for frame, boxes in zip(frames, found, strict=True)]
    datasets = {"detections": pa.concat_tables(tables), "frames": looked}
    made = {name: ds.dataset(table) for name, table in datasets.items()}
    output = Tables("the comparison", JobRecord("", "detections", {}), True, 0, made)
    return evaluate_scene(gather(output, truth)).overall.ap


def _rows(frame: Frame, boxes: Detections) -> pa.Table:
    uri, number = frame
    count = len(boxes)
    columns = {
        "uri": pa.array([uri] * count, pa.string()),
        "frame": pa.array([number] * count, pa.int64()),
        "label": pa.array(boxes.label, pa.string()),
        "class_id": pa.array(boxes.class_id, pa.int32()),
        "score": pa.array(boxes.score, pa.float32()),
    }
    sides = zip(("x1", "y1", "x2", "y2"), boxes.xyxy.T, strict=True)
    return pa.table(columns | {name: pa.array(side, pa.float32()) for name, side in sides})
