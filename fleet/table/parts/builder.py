"""Gathering what one lease found, and turning it into sorted tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fleet.core.frames import FrameBatch, Rows
from fleet.core.loss import Loss
from fleet.core.receipt import Tally
from fleet.errors import UsageError
from fleet.parquet.arrays import optional_numbers, strings
from fleet.table.parts.assemble import SortKey, assemble
from fleet.table.parts.columns import fit_columns, stored_type
from fleet.table.parts.schema import ERRORS_TABLE, FRAMES_TABLE, output_schemas

LABEL = "label"
"""A job's column of this name is counted by its values."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """One batch: its frames' identity, how many rows each got, and those rows.

    `picture`: int64 [rows], each row's position in the batch. `columns`: the job's, arrays [rows].
    """

    uri: str
    frames: NDArray[np.int64]
    pts: NDArray[np.int64]
    time_s: NDArray[np.float64]
    rows: NDArray[np.int32]
    picture: NDArray[np.int64]
    columns: list[pa.Array]


class PartBuilder:
    """Gathers the frames, rows and losses of one lease; one per lease and thread.

    `table`: the name of the job's table. `columns`: the job's schema. `partitions`: the pattern
    whose named groups, found in each video's URI, become columns (see `columns_from_path`).
    """

    def __init__(self, table: str, columns: pa.Schema, partitions: str = "") -> None:
        self._schemas = output_schemas(table, columns, partitions)
        self._table = table
        self._columns = columns
        self._pattern = partitions
        self._seen: list[_Seen] = []
        self._losses: list[Loss] = []

    def add_batch(self, batch: FrameBatch, rows: Rows) -> None:
        """Take in a batch and what the job has to say of it.

        Raises UsageError where the rows do not fit the job's schema, or are of no picture in the
        batch.
        """
        picture = np.array(rows.picture, np.int64)
        if len(picture) and not (picture.min() >= 0 and picture.max() < len(batch)):
            raise UsageError(
                f"The job's rows for its table {self._table} are of pictures {picture.min()} to "
                f"{picture.max()}, but the batch has {len(batch)}.",
                "Rows.picture counts the pictures of the batch from 0.",
            )
        columns = fit_columns(rows, self._columns, self._table)
        counts = np.bincount(picture, minlength=len(batch)).astype(np.int32)
        self._seen.append(
            _Seen(batch.uri, batch.frames, batch.pts, batch.time_s, counts, picture, columns)
        )

    def mark(self) -> tuple[int, int]:
        """Return how much is gathered, for `rewind`."""
        return len(self._seen), len(self._losses)

    def rewind(self, mark: tuple[int, int]) -> None:
        """Forget what was gathered since a mark."""
        batches, losses = mark
        del self._seen[batches:], self._losses[losses:]

    def add_error(self, loss: Loss) -> None:
        """Take in a stretch of video that did not come out."""
        self._losses.append(loss)

    def tables(self) -> dict[str, pa.Table]:
        """Give the job's table, errors and frames, in the order in which their parts are put.

        Each is sorted by (uri, frame) or (uri, start_pts), rows of one frame as they were given.
        Raises ValueError where a frame was given twice.
        """
        return {
            self._table: self._job_table(),
            ERRORS_TABLE: self._error_table(),
            FRAMES_TABLE: self._frame_table(),
        }

    def tally(self) -> Tally:
        """Count what was gathered: frames, lost_frames, rows, errors and rows by label."""
        return Tally(
            frames=sum(len(seen.frames) for seen in self._seen),
            lost_frames=sum(loss.frames or 0 for loss in self._losses),
            rows=sum(len(seen.picture) for seen in self._seen),
            errors=len(self._losses),
            by_label=self._count_labels(),
        )

    def _count_labels(self) -> dict[str, int]:
        if LABEL not in self._columns.names:
            return {}
        counts = pc.value_counts(self._job_column(self._columns.get_field_index(LABEL)))
        pairs = zip(counts.field("values"), counts.field("counts"), strict=True)
        return dict(sorted((str(label), count.as_py()) for label, count in pairs))

    def _job_table(self) -> pa.Table:
        frame = _joined((seen.frames[seen.picture] for seen in self._seen), np.int64)
        columns = [
            frame,
            _joined((seen.pts[seen.picture] for seen in self._seen), np.int64),
            _joined((seen.time_s[seen.picture] for seen in self._seen), np.float64),
            *(self._job_column(at) for at in range(len(self._columns))),
        ]
        return self._assemble(self._table, [len(seen.picture) for seen in self._seen], columns)

    def _job_column(self, at: int) -> pa.ChunkedArray:
        kind = stored_type(self._columns.field(at).type)
        return pa.chunked_array([seen.columns[at] for seen in self._seen], type=kind)

    def _frame_table(self) -> pa.Table:
        columns = [
            _joined((seen.frames for seen in self._seen), np.int64),
            _joined((seen.pts for seen in self._seen), np.int64),
            _joined((seen.time_s for seen in self._seen), np.float64),
            _joined((seen.rows for seen in self._seen), np.int32),
        ]
        self._check_once()
        return self._assemble(FRAMES_TABLE, [len(seen.frames) for seen in self._seen], columns)

    def _check_once(self) -> None:
        frames: dict[str, list[NDArray[np.int64]]] = {}
        for seen in self._seen:
            frames.setdefault(seen.uri, []).append(seen.frames)
        for uri, chunks in frames.items():
            numbers, counts = np.unique(np.concatenate(chunks), return_counts=True)
            if len(numbers) and counts.max() > 1:
                raise ValueError(f"frame {numbers[counts.argmax()]} of {uri} was given twice")

    def _assemble(self, table: str, lengths: list[int], columns: list[Any]) -> pa.Table:
        stretches = SortKey([seen.uri for seen in self._seen], lengths, at=columns[0])
        return assemble(self._schemas[table], stretches, columns, self._pattern)

    def _error_table(self) -> pa.Table:
        losses = self._losses
        # The loss of a whole video has no pts; it stands in front.
        earliest = np.iinfo(np.int64).min
        starts = [earliest if x.start_pts is None else x.start_pts for x in losses]
        uris = [loss.uri for loss in losses]
        stretches = SortKey(uris, [1] * len(uris), np.array(starts, np.int64))
        columns = [
            optional_numbers([loss.start_pts for loss in losses], np.int64),
            optional_numbers([loss.end_pts for loss in losses], np.int64),
            optional_numbers([loss.start_s for loss in losses], np.float64),
            optional_numbers([loss.end_s for loss in losses], np.float64),
            optional_numbers([loss.frames for loss in losses], np.int64),
            strings([loss.stage for loss in losses]),
            optional_numbers([loss.code for loss in losses], np.int64),
            strings([loss.name for loss in losses]),
            strings([loss.message for loss in losses]),
        ]
        return assemble(self._schemas[ERRORS_TABLE], stretches, columns, self._pattern)


def _joined(chunks: Iterable[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *chunks])
