"""What the job's table says: rows by a search, of a frame, of a stretch, and the next hit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.browse.asked import ROWS_A_PAGE, Search
from fleet.browse.opened import Opened
from fleet.browse.questions import Questions, text
from fleet.browse.snapshot import Snapshot
from fleet.core.format import short
from fleet.errors import UsageError
from fleet.export.chosen.choice import chosen_frames
from fleet.report.boxes import BOX, Box, box_of
from fleet.show.detections import Mark, RecordedDetections
from fleet.table.parts.schema import DETECTIONS, IDENTITY

MOST_BOXES = 500
"""Boxes of a frame that are drawn: those with the highest scores."""
MOST_MARKS = 100_000
"""Boxes of a clip."""
_MOST_FACTS, _FACT_CHARACTERS = 12, 80
_COLUMNS = (
    "select uri, frame, time_s, label, score, "
    "strftime(make_timestamp(clock), '%Y-%m-%dT%H:%M:%SZ') from found order by "
)
_PAGE = "uri, frame, score desc nulls last, label limit ? offset ?"
_SEARCHES = {
    "score": f"{_COLUMNS} score desc nulls last, {_PAGE}",
    "video": f"{_COLUMNS} {_PAGE}",
    "clock": f"{_COLUMNS} clock nulls last, {_PAGE}",
}
_BY_TIME = (
    "select label, cast(greatest(0, least(floor((time_s + ?) / ? * ?), ?)) as int), count(*) "
    "from found where not isnan(time_s) group by 1, 2"
)


@dataclass(frozen=True)
class Hit:
    """A row that a search has found."""

    uri: str
    frame: int
    time_s: float
    label: str | None
    score: float | None
    clock: str | None
    """When it was, by a wall clock, in ISO form; None where that is not known."""


class Found:
    """Answers from the job's table of one snapshot."""

    def __init__(self, snapshot: Snapshot, questions: Questions) -> None:
        self._snapshot = snapshot
        self._questions = questions
        self._table = snapshot.tables.table(snapshot.tables.job.table)
        names = self._table.schema.names
        self.has_labels = "label" in names
        self.has_scores = "score" in names and pa.types.is_floating(
            self._table.schema.field("score").type
        )
        self.has_clock = "time" in names and pa.types.is_timestamp(
            self._table.schema.field("time").type
        )
        self.has_boxes = set(BOX) <= set(names)
        self.is_detections = set(DETECTIONS.names) <= set(names)
        self.columns = [name for name in snapshot.choices if name in names]
        """The columns taken from paths that rows can be searched by."""

    @property
    def _label(self) -> pc.Expression:
        return text("label") if self.has_labels else pc.scalar(None).cast(pa.string())

    def search(self, asked: Search) -> tuple[list[Hit], int]:
        """Return a page of the rows that are looked for, and how many there are."""
        columns: dict[str, pc.Expression] = {
            "uri": text("uri"),
            "frame": pc.field("frame"),
            "time_s": pc.field("time_s"),
            "label": self._label,
            "score": pc.field("score") if self.has_scores else pc.scalar(None).cast(pa.float32()),
            "clock": pc.field("time").cast(pa.int64())
            if self.has_clock
            else pc.scalar(None).cast(pa.int64()),
        }
        values = [ROWS_A_PAGE, asked.page * ROWS_A_PAGE]
        only, sql = self.wanted(asked), _SEARCHES[asked.order]
        answer, count = self._questions.ask(self._table, columns, only, sql, values)
        return [Hit(*row) for row in answer], count

    def wanted(self, asked: Search) -> pc.Expression | None:
        """Return which rows a search looks for; None for all.

        Raises UsageError for a label that the output has not, and for what its table does not say.
        """
        self._check(asked)
        several = list(self._conditions(asked))
        return reduce(lambda one, other: one & other, several) if several else None

    def _check(self, asked: Search) -> None:
        by_labels = bool(asked.labels or asked.without)
        by_scores = asked.least > 0 or asked.most < 1
        by_clock = asked.window.since is not None or asked.window.until is not None
        for is_asked, has, what in (
            (by_labels, self.has_labels, "labels"),
            (by_scores, self.has_scores, "scores"),
            (by_clock, self.has_clock, "times by a clock"),
        ):
            if is_asked and not has:
                raise UsageError(f"The rows of this output have no {what}.")

    def _conditions(self, asked: Search) -> Iterator[pc.Expression]:
        if asked.video:
            yield text("uri") == self._snapshot.video(asked.video).name
        if asked.labels:
            labels = self._snapshot.labelled(asked.labels)
            yield text("label").isin(pa.array(labels, pa.string()))
        if asked.without:
            others = self._snapshot.labelled(asked.without)
            yield ~text("label").isin(pa.array(others, pa.string()))
        # Scores are of 32 bits: 0.7 is the number that a table holds for it.
        if asked.least > 0:
            yield pc.field("score") >= pa.scalar(np.float32(asked.least), pa.float32())
        if asked.most < 1:
            yield pc.field("score") <= pa.scalar(np.float32(asked.most), pa.float32())
        for column, value in asked.columns.items():
            yield text(column) == value
        window = chosen_frames(asked.window)
        if window is not None:
            yield window

    def next_hit(self, asked: Search, frame: int, *, forward: bool) -> int | None:
        """Return the nearest frame behind or before one that has a row which is looked for."""
        beyond = pc.field("frame") > frame if forward else pc.field("frame") < frame
        wanted = self.wanted(asked)
        only = beyond if wanted is None else wanted & beyond
        sql = "select min(frame) from found" if forward else "select max(frame) from found"
        ((found,),), _ = self._questions.ask(self._table, {"frame": pc.field("frame")}, only, sql)
        return None if found is None else int(found)

    def by_time(self, opened: Opened, least: float) -> list[tuple[Any, ...]]:
        """Count the rows of a video: (label, stretch of its timeline, rows), in no order."""
        only = text("uri") == opened.known.name
        columns = {"time_s": pc.field("time_s"), "label": self._label}
        if least > 0 and self.has_scores:
            only &= pc.field("score") >= pa.scalar(np.float32(least), pa.float32())
        values = [opened.shift_s, opened.length_s, opened.bins, opened.bins - 1]
        return self._questions.ask(self._table, columns, only, _BY_TIME, values)[0]

    def of_frame(self, name: str, frame: int) -> tuple[list[Box], list[tuple[str, str]]]:
        """Return the boxes of a frame, and the columns of its first row in words."""
        rows = list(self._rows(name, frame, frame))
        if not self.has_boxes:
            return [], _facts(rows[0]) if rows else []
        boxes = [box for row in rows if (box := box_of(row, "")) is not None]
        boxes.sort(key=lambda box: -1.0 if box.score is None else -box.score)
        return boxes[:MOST_BOXES], []

    def of_stretch(self, name: str, processed: Sequence[int], least: float) -> RecordedDetections:
        """Return the boxes of frames that were looked at; `processed`: their numbers, rising.

        For tables of detections alone. Raises UsageError where there are more than MOST_MARKS.
        """
        marks: dict[int, list[Mark]] = {}
        count = 0
        for row in self._rows(name, processed[0], processed[-1]) if processed else ():
            box = box_of(row, "")
            if box is None or box.score is None or box.score < np.float32(least):
                continue
            count += 1
            if count > MOST_MARKS:
                raise UsageError(
                    f"The clip would have more than {MOST_MARKS:,} boxes.",
                    "Make it shorter, or let its boxes have a higher score.",
                )
            mark = Mark(box.label, row["class_id"] or 0, box.score, box.xyxy)
            marks.setdefault(row["frame"], []).append(mark)
        return RecordedDetections(
            processed, {frame: tuple(of_frame) for frame, of_frame in marks.items()}
        )

    def _rows(self, name: str, first: int, last: int) -> Iterator[Mapping[str, Any]]:
        frame = pc.field("frame")
        only = (text("uri") == name) & (frame >= first) & (frame <= last)
        of_text = {f.name for f in self._table.schema if pa.types.is_dictionary(f.type)}
        columns = {n: text(n) if n in of_text else pc.field(n) for n in self._table.schema.names}
        for batch in self._questions.scan(self._table, columns, only):
            yield from batch.to_pylist()


def _facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    of_job = {name: value for name, value in row.items() if name not in IDENTITY.names}
    named = ((n, v) for n, v in of_job.items() if v is not None and not isinstance(v, bytes))
    return [(name, _said(value)) for name, value in named][:_MOST_FACTS]


def _said(value: object) -> str:
    return short(f"{value:.6g}" if isinstance(value, float) else str(value), _FACT_CHARACTERS)
