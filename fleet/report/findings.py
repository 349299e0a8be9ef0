"""What a page says of an output's rows, and what it is asked to look at more closely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.report.choice import Chosen
from fleet.report.series import Bar

BORDER = 0.1
"""Scores within so much of the threshold are borderline."""


@dataclass(frozen=True)
class Choice:
    """What of an output is looked at more closely."""

    seed: int
    """The same seed chooses the same frames."""
    threshold: float
    """Boxes of this score or more count as sure."""
    is_recorded_below: bool
    """Whether boxes below the threshold were recorded at all."""
    per_label: int
    """Pictures of each label."""
    others: int
    """Pictures of frames with nothing, and of borderline boxes, each."""
    strips: int
    """Videos whose strip is drawn."""

    def is_sure(self, score: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which scores reach the threshold, in the precision of the table."""
        return score >= np.float32(self.threshold)

    def is_next_to(self, score: float) -> bool:
        """Return whether one score is borderline."""
        return bool(self.is_borderline(np.array([score], np.float32))[0])

    def is_borderline(self, score: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which scores lie next to the threshold, on the side that was recorded."""
        if self.is_recorded_below:
            return (score >= np.float32(self.threshold - BORDER)) & ~self.is_sure(score)
        return self.is_sure(score) & (score < np.float32(self.threshold + BORDER))


@dataclass(frozen=True, eq=False)
class Strip:
    """When what was there in one video."""

    uri: str
    length_s: float
    rows: int
    looked_at: NDArray[np.bool_]
    """Which stretches hold a frame that was looked at: bool [bins]."""
    counts: NDArray[np.int64]
    """Rows by stretch and label: int64 [bins, labels]."""


@dataclass(frozen=True, eq=False)
class Findings:
    """All that the page says of rows."""

    table: str
    rows: int
    frames: int
    labels: tuple[str, ...]
    """The most frequent first, perhaps the others at the end; one, empty, where there are none."""
    label_rows: tuple[int, ...]
    """Rows of each label."""
    sure: tuple[int, ...]
    """Rows of each label that reach the threshold; none where that is what was recorded."""
    label_names: int
    """How many different labels there are."""
    by_path: Mapping[str, Sequence[Bar]]
    """Column taken from paths -> its values; those with most rows first."""
    path_of_video: Mapping[str, Mapping[str, str]]
    """Column taken from paths -> video -> value."""
    by_hour: Sequence[Bar]
    """24, or none where no clock is known."""
    by_date: Sequence[Bar]
    scores: NDArray[np.int64] | None
    """Rows by label and score: int64 [labels, SCORE_BINS]; None for a table without scores."""
    strips: Sequence[Strip]
    """Those with most rows first."""
    videos: int
    """How many videos have frames."""
    samples: Sequence[Sequence[Chosen]]
    """Frames of each label."""
    nothing: Sequence[Chosen]
    """Frames without a row."""
    borderline: Sequence[Chosen]
    uris: Sequence[str]
    """The videos, by the numbers of Chosen."""


def has_labels(schema: pa.Schema) -> bool:
    """Return whether rows of a table have a label."""
    return "label" in schema.names


def has_scores(schema: pa.Schema) -> bool:
    """Return whether rows of a table have a score that is a number."""
    return "score" in schema.names and pa.types.is_floating(schema.field("score").type)
