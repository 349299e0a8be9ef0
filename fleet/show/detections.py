"""The detections that an output holds of one video, frame by frame."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from fleet.errors import UsageError
from fleet.storage import canonical
from fleet.table.parts.schema import DETECTIONS
from fleet.table.state.read import Tables, read_rows
from fleet.video.index import VideoIndex

MOST_NAMED = 3
"""Videos that an error names, of those that the output holds."""


@dataclass(frozen=True)
class Mark:
    """One box to draw."""

    label: str
    class_id: int
    score: float
    """0..1."""
    xyxy: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the source picture."""


@dataclass(frozen=True)
class RecordedDetections:
    """What an output holds of one video."""

    frames: Sequence[int]
    """The numbers of the frames that the job processed, in rising order."""
    marks: Mapping[int, tuple[Mark, ...]]
    """The boxes by frame number, for frames that have any."""

    def nearest(self, frame: int) -> int:
        """Return the processed frame that is nearest to `frame`, the earlier of two."""
        return min(self.frames, key=lambda processed: (abs(processed - frame), processed))

    def latest(self, frame: int) -> int | None:
        """Return the last processed frame up to `frame`; None where there is none yet."""
        place = bisect_right(self.frames, frame)
        return self.frames[place - 1] if place else None


def recorded_uri(tables: Tables, asked: str) -> str:
    """Return the URI of the video in an output that is `asked` for by its location or file name.

    The end of the location is enough. Raises UsageError where the output has no frame of it, and
    where several videos end so.
    """
    uris = read_rows(tables.frames, {"uri": ds.field("uri").cast(pa.string())})["uri"]
    known = sorted(uris.unique().to_pylist())
    if canonical(asked) in known:
        return canonical(asked)
    tail = f"/{asked.lstrip('/')}"
    alike = [uri for uri in known if uri.endswith(tail)]
    if not alike:
        listed = ", ".join(known[:MOST_NAMED]) + (", ..." if len(known) > MOST_NAMED else "")
        raise UsageError(
            f"{tables.uri} has no frame of {asked}.",
            f"It has looked at {listed}." if known else "It has not looked at any frame yet.",
        )
    if len(alike) > 1:
        message = f"{asked} may be {alike[0]} or {alike[1]}."
        raise UsageError(message, "Give the video's whole location.")
    return str(alike[0])


def read_detections(
    tables: Tables, index: VideoIndex, least_score: float | None = None
) -> RecordedDetections:
    """Read the detections of a video that score at least `least_score`, or all of them.

    Raises UsageError where the output is not of detections, and where the video is not the one that
    the job processed: its frames have other presentation times.
    """
    _check_columns(tables)
    of_video = ds.field("uri") == index.source.uri
    processed = read_rows(tables.frames, ["frame", "pts"], of_video).sort_by("frame")
    frames, pts = processed["frame"].to_numpy(), processed["pts"].to_numpy()
    check_frames(index, frames, pts, tables.uri)
    wanted = of_video if least_score is None else of_video & (ds.field("score") >= least_score)
    rows = read_rows(tables.detections, ["frame", *DETECTIONS.names], wanted)
    marks: dict[int, list[Mark]] = {}
    for row in rows.to_pylist():
        xyxy = (row["x1"], row["y1"], row["x2"], row["y2"])
        mark = Mark(row["label"], row["class_id"], row["score"], xyxy)
        marks.setdefault(row["frame"], []).append(mark)
    return RecordedDetections(
        frames.tolist(), {frame: tuple(of_frame) for frame, of_frame in marks.items()}
    )


def check_frames(
    index: VideoIndex, frames: NDArray[np.int64], pts: NDArray[np.int64], output: str
) -> None:
    """Raise UsageError where a video has not, at these frame numbers, these times in ticks.

    `frames`, `pts`: int64 [n], what an output says of frames that its job processed.
    """
    shown = index.packets.pts[index.order]
    inside = (frames >= 0) & (frames < len(shown))
    if not inside.all() or not np.array_equal(shown[frames], pts):
        raise UsageError(
            f"{index.source.uri} is not the video that {output} was made from: its frames have "
            "other presentation times.",
            "It was replaced since; run the job again with another output.",
        )


def _check_columns(tables: Tables) -> None:
    missing = set(DETECTIONS.names) - set(tables.detections.schema.names)
    if missing:
        message = f"{tables.uri}/detections has no column {', '.join(sorted(missing))}."
        raise UsageError(message, "Show the output of a job that finds objects.")
