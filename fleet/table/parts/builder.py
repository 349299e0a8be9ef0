"""Gathering what one lease found, and turning it into sorted tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.frames import FrameBatch, Rows
from fleet.core.loss import Loss
from fleet.core.receipt import Tally
from fleet.core.wall_time import UNKNOWN_TIME, WallTime
from fleet.errors import UsageError
from fleet.parquet.arrays import numbers, optional_numbers, strings
from fleet.table.parts.assemble import SortKey, assemble
from fleet.table.parts.columns import count_labels, fit_columns, stored_type
from fleet.table.parts.objects import NameObject, object_name, object_suffixes
from fleet.table.parts.schema import ERRORS_TABLE, FRAMES_TABLE, output_schemas

_CLOCKS = ("", "path", "container")
_DECODERS = ("", "vdec", "host", "jpegd")
_Rows = slice | NDArray[np.int64]
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
    wall_us: NDArray[np.int64]
    """When each frame was, in microseconds since 1970; int64 [frames]."""
    known: NDArray[np.bool_]
    """Whether that is known: bool [frames]."""
    clock: str
    """Who says so; empty where nobody does."""
    decoded_by: str
    """What decoded them; empty where that is not known."""


class PartBuilder:
    """Gathers the frames, rows and losses of one lease; one per lease and thread.

    `table`: the name of the job's table. `columns`: the job's schema. `partitions`: the pattern
    whose named groups, found in each video's URI, become columns (see `columns_from_path`).
    `without`: see `output_schemas`. `put`: called with the name and the bytes of each object of
    the job's (see `object_column`); without it, they are named and not kept. `name`: names them.
    """

    def __init__(
        self,
        table: str,
        columns: pa.Schema,
        partitions: str = "",
        without: Collection[str] = (),
        put: Callable[[str, bytes], None] = lambda _, __: None,
        name: NameObject = object_name,
    ) -> None:
        self._schemas = output_schemas(table, columns, partitions, without)
        self._table = table
        self._columns = columns
        self._pattern = partitions
        self._suffixes = object_suffixes(columns)
        self._put = put
        self._name = name
        self._seen: list[_Seen] = []
        self._losses: list[tuple[Loss, WallTime]] = []

    def add_batch(
        self,
        batch: FrameBatch,
        rows: Rows,
        video_start: WallTime = UNKNOWN_TIME,
        decoded_by: str = "",
    ) -> None:
        """Take in a batch and what the job has to say of it.

        `video_start`: when the first frame of its video was. `decoded_by`: vdec, jpegd or host,
        which decoded it. Raises UsageError where the rows do not fit the job's schema, or are of no
        picture in the batch.
        """
        picture = np.array(rows.picture, np.int64)
        if len(picture) and not (picture.min() >= 0 and picture.max() < len(batch)):
            raise UsageError(
                f"The job's rows for its table {self._table} are of pictures {picture.min()} to "
                f"{picture.max()}, but the batch has {len(batch)}.",
                "Rows.picture counts the pictures of the batch from 0.",
            )
        columns = fit_columns(self._named(batch, rows, picture), self._columns, self._table)
        counts = np.bincount(picture, minlength=len(batch)).astype(np.int32)
        wall_us, known = video_start.after_each(batch.pts - batch.start_pts, batch.time_base)
        self._seen.append(
            _Seen(
                batch.uri,
                batch.frames,
                batch.pts,
                batch.time_s,
                counts,
                picture,
                columns,
                wall_us,
                known,
                video_start.clock,
                decoded_by,
            )
        )

    def _named(self, batch: FrameBatch, rows: Rows, picture: NDArray[np.int64]) -> Rows:
        """Return rows with the names of objects in place of their bytes, which are put."""
        named: dict[str, Any] = {}
        for column, suffix in self._suffixes.items():
            frames = batch.frames[picture].tolist()
            values = rows.columns.get(column, ())
            # A column that is missing is refused with the others.
            if column in rows.columns:
                named[column] = [
                    self._object(column, batch.uri, frame, value, suffix)
                    for frame, value in zip(frames, values, strict=True)
                ]
        return replace(rows, columns={**rows.columns, **named}) if named else rows

    def _object(self, column: str, uri: str, frame: int, value: Any, suffix: str) -> str | None:
        if value is None:
            return None
        if not isinstance(value, bytes):
            raise UsageError(
                f"The job's column {column} of its table {self._table} is of objects, and holds "
                f"{type(value).__name__}.",
                "Give it bytes, or None where there is no object.",
            )
        name = self._name(column, uri, frame, value, suffix)
        self._put(name, value)
        return name

    def mark(self) -> tuple[int, int]:
        """Return how much is gathered, for `rewind`."""
        return len(self._seen), len(self._losses)

    def rewind(self, mark: tuple[int, int]) -> None:
        """Forget what was gathered since a mark."""
        batches, losses = mark
        del self._seen[batches:], self._losses[losses:]

    def add_error(self, loss: Loss, time: WallTime = UNKNOWN_TIME) -> None:
        """Take in a stretch of video that did not come out; `time`: when it began."""
        self._losses.append((loss, time))

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
            lost_frames=sum(loss.frames or 0 for loss, _ in self._losses),
            rows=sum(len(seen.picture) for seen in self._seen),
            errors=len(self._losses),
            by_label=self._count_labels(),
        )

    def _count_labels(self) -> dict[str, int]:
        if LABEL not in self._columns.names:
            return {}
        return count_labels(self._job_column(self._columns.get_field_index(LABEL)))

    def _job_table(self) -> pa.Table:
        at = [seen.picture for seen in self._seen]
        columns = {
            **self._identity(at),
            **self._wall_time(at),
            **{name: self._job_column(n) for n, name in enumerate(self._columns.names)},
        }
        return self._assemble(self._table, at, columns)

    def _identity(self, at: Sequence[_Rows]) -> dict[str, Any]:
        """Return the columns of frames; `at`: of which frames of each batch there are rows."""
        pairs = list(zip(self._seen, at, strict=True))
        return {
            "frame": _joined((seen.frames[rows] for seen, rows in pairs), np.int64),
            "pts": _joined((seen.pts[rows] for seen, rows in pairs), np.int64),
            "time_s": _joined((seen.time_s[rows] for seen, rows in pairs), np.float64),
        }

    def _wall_time(self, at: Sequence[_Rows]) -> dict[str, Any]:
        """Return the columns of wall time; `at`: see `_identity`."""
        pairs = list(zip(self._seen, at, strict=True))
        return _wall_columns(
            _joined((seen.wall_us[rows] for seen, rows in pairs), np.int64),
            _joined((seen.known[rows] for seen, rows in pairs), np.bool_),
            [(seen.clock, len(seen.frames[rows])) for seen, rows in pairs],
        )

    def _job_column(self, at: int) -> pa.ChunkedArray:
        kind = stored_type(self._columns.field(at).type)
        return pa.chunked_array([seen.columns[at] for seen in self._seen], type=kind)

    def _frame_table(self) -> pa.Table:
        every = [slice(None)] * len(self._seen)
        rows = _joined((seen.rows for seen in self._seen), np.int32)
        self._check_once()
        decoded_by = [(seen.decoded_by, len(seen.frames)) for seen in self._seen]
        columns = {
            **self._identity(every),
            **self._wall_time(every),
            "rows": rows,
            "decoded_by": _repeated(decoded_by, _DECODERS),
        }
        return self._assemble(FRAMES_TABLE, every, columns)

    def _check_once(self) -> None:
        frames: dict[str, list[NDArray[np.int64]]] = {}
        for seen in self._seen:
            frames.setdefault(seen.uri, []).append(seen.frames)
        for uri, chunks in frames.items():
            numbers, counts = np.unique(np.concatenate(chunks), return_counts=True)
            if len(numbers) and counts.max() > 1:
                raise ValueError(f"frame {numbers[counts.argmax()]} of {uri} was given twice")

    def _assemble(self, table: str, at: Sequence[_Rows], columns: Mapping[str, Any]) -> pa.Table:
        lengths = [len(seen.frames[rows]) for seen, rows in zip(self._seen, at, strict=True)]
        stretches = SortKey([seen.uri for seen in self._seen], lengths, at=columns["frame"])
        return assemble(self._schemas[table], stretches, columns, self._pattern)

    def _error_table(self) -> pa.Table:
        losses = [loss for loss, _ in self._losses]
        times = [time for _, time in self._losses]
        # The loss of a whole video has no pts; it stands in front.
        earliest = np.iinfo(np.int64).min
        starts = [earliest if x.start_pts is None else x.start_pts for x in losses]
        uris = [loss.uri for loss in losses]
        stretches = SortKey(uris, [1] * len(uris), np.array(starts, np.int64))
        columns = {
            "start_pts": optional_numbers([loss.start_pts for loss in losses], np.int64),
            "end_pts": optional_numbers([loss.end_pts for loss in losses], np.int64),
            "start_s": optional_numbers([loss.start_s for loss in losses], np.float64),
            "end_s": optional_numbers([loss.end_s for loss in losses], np.float64),
            **_wall_columns(
                np.array([time.us or 0 for time in times], np.int64),
                np.array([time.us is not None for time in times], np.bool_),
                [(time.clock, 1) for time in times],
            ),
            "frames": optional_numbers([loss.frames for loss in losses], np.int64),
            "stage": strings([loss.stage for loss in losses]),
            "code": optional_numbers([loss.code for loss in losses], np.int64),
            "name": strings([loss.name for loss in losses]),
            "message": strings([loss.message for loss in losses]),
        }
        return assemble(self._schemas[ERRORS_TABLE], stretches, columns, self._pattern)


def _joined(chunks: Iterable[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *chunks])


def _wall_columns(
    us: NDArray[np.int64], known: NDArray[np.bool_], clocks: Sequence[tuple[str, int]]
) -> dict[str, Any]:
    """Return `time` and `clock`; `clocks`: each clock, and of how many rows in turn it is."""
    return {
        "time": numbers(us, known.tolist()).cast(pa.timestamp("us", "UTC")),
        "clock": _repeated(clocks, _CLOCKS, known),
    }


def _repeated(
    runs: Sequence[tuple[str, int]], words: Sequence[str], known: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Return texts, each so many times in turn; null for the first of `words`, and if not `known`.

    `words`: all that there are, the empty one first.
    """
    number = np.repeat([words.index(text) for text, _ in runs], [n for _, n in runs])
    number = number if known is None else np.where(known, number, 0)
    return strings([word or None for word in words]).take(numbers(number.astype(np.int32)))
