"""Which frames and boxes of an output are exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.errors import UsageError
from fleet.storage import InputFilter
from fleet.table.parts.schema import DETECTIONS, partition_names
from fleet.table.state.read import Tables

CAMERA = "camera"
"""The column that `cameras` are looked for in."""


MOST_S = 1_000_000_000
"""No video lasts longer, and what is larger still is no number of a table's columns."""


@dataclass(frozen=True)
class Choice:
    """A choice of frames, and of the boxes in them."""

    labels: tuple[str, ...] = ()
    """Only boxes of these labels; empty: of all."""
    min_score: float = 0.0
    """Only boxes with at least this score."""
    cameras: tuple[str, ...] = ()
    """Only videos with one of these in the column `camera`, which the job took from paths."""
    uris: tuple[str, ...] = ()
    """Only videos whose location matches one of these globs."""
    every: int = 1
    """Of the frames of each video that were looked at and lie in the windows, each so-many-th."""
    from_s: Fraction | None = None
    """Only frames at or after this many seconds from the first one of their video."""
    to_s: Fraction | None = None
    """Only frames before this many seconds."""
    since: datetime | None = None
    """Only frames at or after this time by the wall clock."""
    until: datetime | None = None
    """Only frames before this time."""
    found_only: bool = False
    """Only frames in which one of the chosen boxes is."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise UsageError(
                f"--min-score {self.min_score:g} is no score.", "Scores are from 0 to 1."
            )
        if self.every < 1:
            raise UsageError(f"--every {self.every} takes nothing.", "It is 1 or more.")
        for value, name in ((self.from_s, "--from"), (self.to_s, "--to")):
            if value is not None and not 0 <= value <= MOST_S:
                message = f"{name} is no time in a video."
                raise UsageError(message, f"It is from 0 to {MOST_S:,} seconds.")
        for start, end, names in (
            (self.from_s, self.to_s, ("--from", "--to")),
            (self.since, self.until, ("--since", "--until")),
        ):
            if start is not None and end is not None and end <= start:  # type: ignore[operator]
                message = f"{names[1]} {_plain(end)} is not after {names[0]} {_plain(start)}."
                raise UsageError(message, "Nothing lies between them.")
        try:
            InputFilter(include=self.uris)
        except ValueError as error:
            raise UsageError(f"--uri: {error}.") from None

    def takes(self, uri: str) -> bool:
        """Return whether a video's location is chosen."""
        return InputFilter(include=self.uris).takes(uri.lstrip("/"), None)

    def described(self) -> dict[str, Any]:
        """Return what is chosen as JSON: only what leaves something out."""
        chosen = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else _plain(value)
            for name, value in chosen.items()
            if value != getattr(EVERYTHING, name)
        }


EVERYTHING = Choice()
"""All frames, and all boxes in them."""


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def check_tables(tables: Tables, choice: Choice) -> None:
    """Raise UsageError where an output has not what is chosen by, or no boxes at all."""
    name = tables.job.table
    missing = set(DETECTIONS.names) - set(tables.table(name).schema.names)
    if missing:
        message = f"{tables.uri}/{name} has no column {', '.join(sorted(missing))}."
        raise UsageError(message, "Name the output of a job that finds objects.")
    columns = partition_names(tables.job.partitions)
    if choice.cameras and CAMERA not in columns:
        has = f"It has taken {', '.join(columns)} from them. " if columns else ""
        raise UsageError(
            f"The job of {tables.uri} has taken no column {CAMERA} from the paths.",
            f"{has}Choose by location instead: --uri GLOB.",
        )
    windowed = choice.since is not None or choice.until is not None
    if windowed and "time" not in tables.frames.schema.names:
        message = f"{tables.uri} was begun before there were wall-clock times."
        raise UsageError(message, "Choose by the time in each video: --from and --to.")


def chosen_frames(choice: Choice) -> pc.Expression | None:
    """Return which rows of frames, and of detections, lie in the windows; None for all."""
    windows = list(_windows(choice))
    return _all(windows) if windows else None


def chosen_boxes(choice: Choice) -> pc.Expression:
    """Return which rows of detections are chosen by themselves; those that found nothing are not.

    A job that looks into boxes has such rows, without a label.
    """
    found = [pc.field("label").is_valid(), *_windows(choice)]
    if choice.labels:
        labels = pa.array(choice.labels, pa.string())
        found.append(pc.field("label").cast(pa.string()).isin(labels))
    if choice.min_score > 0:
        # Scores are of 32 bits: 0.7 is the number that a table holds for it.
        found.append(pc.field("score") >= pa.scalar(np.float32(choice.min_score), pa.float32()))
    return _all(found)


def _windows(choice: Choice) -> Iterator[pc.Expression]:
    if choice.cameras:
        cameras = pa.array(choice.cameras, pa.string())
        yield pc.field(CAMERA).cast(pa.string()).isin(cameras)
    if choice.from_s is not None:
        yield pc.field("time_s") >= float(choice.from_s)
    if choice.to_s is not None:
        yield pc.field("time_s") < float(choice.to_s)
    moment = pa.timestamp("us", "UTC")
    if choice.since is not None:
        yield pc.field("time") >= pa.scalar(choice.since, moment)
    if choice.until is not None:
        yield pc.field("time") < pa.scalar(choice.until, moment)


def _all(several: Sequence[pc.Expression]) -> pc.Expression:
    return reduce(lambda one, other: one & other, several)
