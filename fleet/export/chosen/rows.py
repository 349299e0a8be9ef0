"""Read what is exported, some videos at a time: only a part of the rows is in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice, chosen_boxes, chosen_frames
from fleet.export.chosen.video import Video, VideoRows
from fleet.parquet.arrays import booleans
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.read import Tables, read_rows, scan_rows

ROWS_AT_ONCE = 100_000
"""Rows of videos that are read together; a video with more is read alone."""
TRACK_COLUMNS = ("track_id", "track")
"""The names that a table may have for which object of a video a box is of."""
_MOST_NAMED = 20
"""Labels that an error names."""
_PLACE = ("x1", "y1", "x2", "y2")
_NEEDED = (*_PLACE, "score", "class_id")
"""What a box has to have: a user's job may leave it out."""
_OF_ROW = ("uri", "frame", "row")


@dataclass(frozen=True)
class Survey:
    """How much there is of which video, and where it lies: what a look at few columns says."""

    rows: Mapping[str, int]
    """URI -> how many rows are to be read of the video, for each that has a chosen frame."""
    files: Mapping[str, Mapping[str, frozenset[str]]] = field(repr=False)
    """Table -> URI -> the parts that have rows of the video."""
    labels: tuple[str, ...]
    """The classes, in the order of the model's list: all labels that the table has, or those of
    them that are chosen. Nothing else that is chosen by changes them, so that exports of one
    output, to train and to validate with, number them alike."""

    def groups(self) -> Iterator[tuple[str, ...]]:
        """Yield the videos, sorted, in groups that are read at once."""
        group: list[str] = []
        count = 0
        for uri in sorted(self.rows):
            if group and count + self.rows[uri] > ROWS_AT_ONCE:
                yield tuple(group)
                group, count = [], 0
            group.append(uri)
            count += self.rows[uri]
        if group:
            yield tuple(group)


def survey(tables: Tables, choice: Choice) -> Survey:
    """Look through the columns that say which videos and labels there are.

    Raises UsageError where nothing is chosen, OutputCorruptError where rows cannot be read.
    """
    rows: Counter[str] = Counter()
    files: dict[str, dict[str, set[str]]] = {}
    for name, only in _chosen(tables, choice).items():
        files[name] = defaultdict(set)
        for batch in scan_rows(tables.table(name), ["uri", "__filename"], only):
            part = batch["__filename"][0].as_py()
            for uri, count in _counts(batch["uri"]):
                files[name][uri].add(part)
                rows[uri] += count
    chosen = {uri: rows[uri] for uri in files[FRAMES_TABLE] if choice.takes(uri)}
    if not chosen:
        message = f"No frame of {tables.uri} is chosen."
        raise UsageError(message, "Leave some of the conditions out.")
    of_tables = {
        name: {uri: frozenset(parts) for uri, parts in by_uri.items()}
        for name, by_uri in files.items()
    }
    return Survey(chosen, of_tables, _classes(tables, choice.labels))


def read_videos(
    tables: Tables,
    choice: Choice,
    seen: Survey,
    video_of: Callable[[str], Video],
    on_left_out: Callable[[int], None] = lambda _: None,
) -> Iterator[VideoRows]:
    """Yield what is chosen, video by video in the order of their locations.

    `video_of`: returns a video by its location. `on_left_out` is told how many boxes of a video
    lack a number, or have edges that change places: they are left out, and so is a frame that has
    no others, where only those with boxes are chosen. Raises OutputCorruptError for rows that
    cannot be read.
    """
    only = _chosen(tables, choice)
    columns = {FRAMES_TABLE: _frame_columns(tables), tables.job.table: _box_columns(tables)}
    parts = {name: _Parts(tables.table(name), seen.files[name]) for name in only}
    for group in seen.groups():
        frames, boxes = (
            _by_video(parts[name].read(group, columns[name], only[name])) for name in only
        )
        none = _no_boxes(tables)
        for uri in group:
            found, left_out = _video_rows(video_of(uri), frames[uri], boxes.get(uri, none), choice)
            on_left_out(left_out)
            if len(found):
                yield found


def track_column(tables: Tables) -> str | None:
    """Return the column whose numbers say which object a box is of; None where there is none."""
    schema = tables.table(tables.job.table).schema
    there = (name for name in TRACK_COLUMNS if name in schema.names)
    return next((name for name in there if pa.types.is_integer(schema.field(name).type)), None)


def _chosen(tables: Tables, choice: Choice) -> dict[str, pc.Expression | None]:
    """Map the tables that are read, frames first, to which of their rows are."""
    return {FRAMES_TABLE: chosen_frames(choice), tables.job.table: chosen_boxes(choice)}


def _counts(uris: pa.DictionaryArray) -> Iterator[tuple[str, int]]:
    counts = pc.value_counts(uris)
    pairs = zip(counts.field("values"), counts.field("counts"), strict=True)
    return ((value.as_py(), count.as_py()) for value, count in pairs)


def _classes(tables: Tables, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of a table, or of these the chosen ones, in the order of the model's list.

    Raises UsageError where one that is chosen is that of no box at all.
    """
    known: dict[str, int] = {}
    labelled = pc.field("label").is_valid()
    for batch in scan_rows(tables.table(tables.job.table), ["label", "class_id"], labelled):
        _add_labels(known, batch)
    if unknown := [label for label in chosen if label not in known]:
        several = ", ".join(sorted(known)[:_MOST_NAMED]) + ", ..." * (len(known) > _MOST_NAMED)
        raise UsageError(
            f"{tables.uri} has found no {' and no '.join(unknown)}.",
            f"It has found {several}." if known else "It has found nothing yet.",
        )
    return tuple(sorted(set(chosen) or known, key=lambda label: (known[label], label)))


def _add_labels(labels: dict[str, int], batch: pa.RecordBatch) -> None:
    """Add the labels of some boxes, with the least number that each has in the model's list."""
    pairs = pa.table({"label": batch["label"].cast(pa.string()), "class_id": batch["class_id"]})
    least = pairs.group_by("label", use_threads=False).aggregate([("class_id", "min")])
    for row in least.to_pylist():
        label, number = row["label"], row["class_id_min"]
        if number is not None:
            labels[label] = min(number, labels.get(label, number))


class _Parts:
    """The parts of a table, of which only those are read that have rows of some videos."""

    def __init__(self, table: ds.Dataset, files: Mapping[str, frozenset[str]]) -> None:
        self._table = table
        self._files = files
        self._fragments = {fragment.path: fragment for fragment in table.get_fragments()}

    def read(
        self,
        uris: Sequence[str],
        columns: Mapping[str, pc.Expression],
        only: pc.Expression | None,
    ) -> pa.Table:
        names = sorted(set().union(*(self._files.get(uri, frozenset()) for uri in uris)))
        fragments = [self._fragments[name] for name in names]
        some = ds.FileSystemDataset(fragments, self._table.schema, ds.ParquetFileFormat())
        of_videos = pc.field("uri").cast(pa.string()).isin(pa.array(uris, pa.string()))
        wanted = of_videos if only is None else of_videos & only
        return read_rows(some, columns, wanted, nullable={"time", "track", *_NEEDED})


def _frame_columns(tables: Tables) -> dict[str, pc.Expression]:
    names = ["frame", "pts", "time_s"]
    names += ["time"] * ("time" in tables.frames.schema.names)
    return {"uri": pc.field("uri").cast(pa.string()), **{name: pc.field(name) for name in names}}


def _box_columns(tables: Tables) -> dict[str, pc.Expression]:
    text = {name: pc.field(name).cast(pa.string()) for name in ("uri", "label")}
    numbers = {name: pc.field(name) for name in ("frame", "class_id", "score", *_PLACE)}
    track = track_column(tables)
    tracks = {"track": pc.field(track).cast(pa.int64())} if track else {}
    return {**text, **numbers, **tracks}


def _no_boxes(tables: Tables) -> pa.Table:
    table = tables.table(tables.job.table)
    schema = table.scanner(columns=_box_columns(tables)).projected_schema
    return schema.empty_table()


def _by_video(table: pa.Table) -> dict[str, pa.Table]:
    """Return the rows of each video, sorted by frame; those of one frame stay as they come."""
    ordered = table.append_column("row", pa.array(np.arange(len(table)))).sort_by(
        [("uri", "ascending"), ("frame", "ascending"), ("row", "ascending")]
    )
    if not len(ordered):
        return {}
    runs = pc.run_end_encode(ordered["uri"].combine_chunks())
    found: dict[str, pa.Table] = {}
    start = 0
    for uri, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        found[uri] = ordered.slice(start, end - start)
        start = end
    return found


def _video_rows(
    video: Video, frames: pa.Table, boxes: pa.Table, choice: Choice
) -> tuple[VideoRows, int]:
    """Put the chosen frames of one video and the boxes in them together.

    Return how many boxes are left out, too.
    """
    places = np.arange(0, len(frames), choice.every)
    numbers = _numbers(frames["frame"])[places]
    boxes, left_out = _with_place(boxes.filter(pc.field("frame").isin(pa.array(numbers))))
    of_boxes = _numbers(boxes["frame"])
    if choice.found_only:
        places = places[np.isin(numbers, of_boxes)]
        numbers = _numbers(frames["frame"])[places]
    bounds = np.append(np.searchsorted(of_boxes, numbers), len(of_boxes))
    times: Sequence[object] = [None] * len(places)
    if "time" in frames.column_names:
        times = frames["time"].take(pa.array(places)).to_pylist()
    rows = VideoRows(
        video=video,
        numbers=numbers,
        pts=_numbers(frames["pts"])[places],
        time_s=_numbers(frames["time_s"])[places],
        times=times,  # type: ignore[arg-type]
        boxes=boxes.select([name for name in boxes.column_names if name not in _OF_ROW]),
        bounds=bounds,
    )
    return rows, left_out


def _with_place(boxes: pa.Table) -> tuple[pa.Table, int]:
    """Leave out boxes that lack a number, or whose edges change places, as a model may give them.

    Return the others, and how many were left out.
    """
    # A null is read as NaN.
    x1, y1, x2, y2, *others = (_numbers(boxes[name]) for name in _NEEDED)
    good = np.logical_and.reduce([np.isfinite(value) for value in (x1, y1, x2, y2, *others)])
    good &= (x1 <= x2) & (y1 <= y2)
    return boxes.filter(booleans(good)), int((~good).sum())


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(column.to_numpy())
