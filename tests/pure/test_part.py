"""Gathering rows: what fits, what is refused, and that the same rows give the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import batch_of, builder_of, detections_of

from fleet.core.frames import Rows
from fleet.core.loss import Loss
from fleet.errors import UsageError
from fleet.parquet.encoding import encode
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Give a table's rows in their order."""
    return list(table.to_pylist())


def one_column(kind: pa.DataType, values: Any, picture: Any = (0,)) -> PartBuilder:
    """Gather rows of a job with a single column."""
    builder = PartBuilder("things", pa.schema([("value", kind)]))
    builder.add_batch(batch_of("a", [0]), Rows(np.array(picture, np.int32), {"value": values}))
    return builder


def test_rows_carry_the_identity_of_their_frame() -> None:
    """Which video, which frame, when: through Rows.picture."""
    builder = PartBuilder("detections", DETECTIONS)
    builder.add_batch(batch_of("a", [10, 11, 12]), detections_of([2, 0], [1, 0]))
    rows = rows_of(builder.tables()["detections"])
    assert [(r["uri"], r["frame"], r["pts"], r["label"]) for r in rows] == [
        ("a", 10, 10 * 512, "person"),
        ("a", 12, 12 * 512, "car"),
    ]
    assert rows[1]["time_s"] == pytest.approx(12 / 25)


def test_every_frame_has_a_row_with_its_count() -> None:
    """Nothing found is a row with 0."""
    builder = PartBuilder("detections", DETECTIONS)
    builder.add_batch(batch_of("a", [4, 5, 6]), detections_of([2, 2], [0, 0]))
    frames = rows_of(builder.tables()["frames"])
    assert [(r["frame"], r["rows"]) for r in frames] == [(4, 0), (5, 0), (6, 2)]


def test_rows_of_one_frame_stay_as_they_were_given() -> None:
    """Sorting is by video and frame only."""
    builder = PartBuilder("detections", DETECTIONS)
    builder.add_batch(batch_of("b", [7]), detections_of([0, 0, 0], [2, 0, 1]))
    builder.add_batch(batch_of("a", [9]), detections_of([0], [1]))
    labels = [r["label"] for r in rows_of(builder.tables()["detections"])]
    assert labels == ["car", "dog", "person", "car"]


def parts_of(batches: list[tuple[str, list[int]]]) -> dict[str, bytes]:
    """Gather batches, two boxes in the first frame of each and one in the others; encode."""
    builder = PartBuilder("detections", DETECTIONS, "(?P<letter>.)")
    for uri, frames in batches:
        picture = [0, *range(len(frames))]
        found = detections_of(picture, [frames[at] % 3 for at in picture])
        builder.add_batch(batch_of(uri, frames), found)
    return {name: encode(table, {"k": "v"}) for name, table in builder.tables().items()}


@given(st.permutations([("a", [0, 1]), ("a", [2]), ("b", [0, 3]), ("c", [5])]))
def test_the_same_rows_give_the_same_bytes(batches: list[tuple[str, list[int]]]) -> None:
    """Whatever order the batches came in."""
    assert parts_of(batches) == parts_of(sorted(batches))


def test_the_path_fills_the_partition_columns() -> None:
    """In every table; null where the path does not have it."""
    builder = PartBuilder("detections", DETECTIONS, r"cam(?P<camera>\d)")
    for uri in ("cam7/x.mp4", "other.mp4"):
        builder.add_batch(batch_of(uri, [0]), detections_of([0], [0]))
        builder.add_error(Loss(uri, "vdec", "BrokenVideo", "broken"))
    for table in builder.tables().values():
        assert [(r["uri"], r["camera"]) for r in rows_of(table)] == [
            ("cam7/x.mp4", "7"),
            ("other.mp4", None),
        ]


def test_losses_become_rows_with_nulls_where_nothing_is_known() -> None:
    """A whole video has no pts; it stands in front of its stretches."""
    builder = PartBuilder("detections", DETECTIONS)
    builder.add_error(Loss("a", "vdec", "BrokenVideo", "bad", 507, -5, 9, 0.0, 0.5, 12))
    builder.add_error(Loss("a", "index", "NotAVideo", "no video"))
    first, second = rows_of(builder.tables()["errors"])
    assert (first["name"], first["start_pts"], first["frames"]) == ("NotAVideo", None, None)
    assert (second["start_pts"], second["end_s"], second["code"]) == (-5, 0.5, 507)


def test_the_tally_counts_what_was_gathered() -> None:
    """Frames, rows, labels, losses."""
    builder = builder_of("a", [0, 1, 2, 3], found=2)
    builder.add_error(Loss("a", "vdec", "BrokenVideo", "bad", frames=12))
    builder.add_error(Loss("b", "index", "NotAVideo", "no video"))
    tally = builder.tally()
    assert (tally.frames, tally.rows, tally.errors, tally.lost_frames) == (4, 8, 2, 12)
    assert tally.by_label == {"person": 3, "car": 3, "dog": 2}


@pytest.mark.parametrize("text", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_rows_without_a_label_are_no_label(text: pa.DataType) -> None:
    """They count as rows; where no row has a label, nothing does."""
    builder = PartBuilder("seen", pa.schema([("label", text)]))
    builder.add_batch(batch_of("a", [0]), Rows(np.zeros(3, np.int32), {"label": [None, "b", None]}))
    assert (builder.tally().rows, builder.tally().by_label) == (3, {"b": 1})
    builder = PartBuilder("seen", pa.schema([("label", text)]))
    builder.add_batch(batch_of("a", [0]), Rows(np.zeros(2, np.int32), {"label": [None, None]}))
    assert (builder.tally().rows, builder.tally().by_label) == (2, {})


def test_a_frame_given_twice_is_an_error() -> None:
    """frames/ has one row a frame, always."""
    builder = PartBuilder("detections", DETECTIONS)
    for _ in range(2):
        builder.add_batch(batch_of("a", [3]), detections_of([], []))
    with pytest.raises(ValueError, match="frame 3 of a was given twice"):
        builder.tables()


def test_an_empty_lease_has_empty_tables_of_the_right_columns() -> None:
    """A lease without a wanted frame is still a lease."""
    tables = PartBuilder("detections", DETECTIONS).tables()
    assert {name: table.num_rows for name, table in tables.items()} == {
        "detections": 0,
        "errors": 0,
        "frames": 0,
    }
    assert (
        pq.read_table(pa.BufferReader(encode(tables["frames"], {}))).schema
        == tables["frames"].schema
    )


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (pa.float32(), np.array([0.5]), 0.5),
        (pa.float32(), [1], 1.0),
        (pa.int32(), np.array([7], np.int64), 7),
        (pa.int32(), np.array([7.0]), 7),
        (pa.string(), np.array(["x"]), "x"),
        (pa.dictionary(pa.int32(), pa.string()), ["x"], "x"),
        (pa.binary(), [b"\xff\xd8"], b"\xff\xd8"),
        (pa.bool_(), np.array([True]), True),
        (pa.list_(pa.float32()), [np.array([1, 2], np.float32)], [1.0, 2.0]),
        (pa.list_(pa.float32(), 2), np.array([[1, 2]], np.float32), [1.0, 2.0]),
        (pa.int32(), [None], None),
        (pa.int32(), pa.array([7], pa.int8()), 7),
    ],
)
def test_values_that_fit_are_cast(kind: pa.DataType, values: Any, expected: Any) -> None:
    """NumPy, lists, Arrow; wider and narrower numbers."""
    rows = rows_of(one_column(kind, values).tables()["things"])
    assert rows[0]["value"] == expected


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int32(), np.array([0.5])),
        (pa.int8(), np.array([300])),
        (pa.int32(), ["7"]),
        (pa.string(), [7]),
        (pa.float32(), [b"x"]),
        (pa.bool_(), [1]),
        (pa.float32(), np.array([[1.0, 2.0]])),
        (pa.list_(pa.float32(), 2), [[1.0]]),
        (pa.float32(), [object()]),
    ],
)
def test_values_that_do_not_fit_name_their_column(kind: pa.DataType, values: Any) -> None:
    """Never cut, wrapped or turned into text."""
    with pytest.raises(UsageError, match="column value of its table things"):
        one_column(kind, values)


def test_missing_and_extra_columns_are_named() -> None:
    """Both at once, with the table and what it declares."""
    builder = PartBuilder("things", pa.schema([("a", pa.int32()), ("b", pa.int32())]))
    rows = Rows(np.zeros(1, np.int32), {"b": [1], "c": [2]})
    with pytest.raises(UsageError, match=r"table things lack a and have c.*declares a, b"):
        builder.add_batch(batch_of("x", [0]), rows)


@pytest.mark.parametrize("picture", [-1, 1])
def test_a_row_of_no_picture_is_refused(picture: int) -> None:
    """It would be given another frame's identity."""
    with pytest.raises(UsageError, match="but the batch has 1"):
        one_column(pa.int32(), [5], [picture])


def test_a_job_may_use_its_arrays_again() -> None:
    """What was handed in does not change afterwards."""
    values = np.array([5], np.int32)
    builder = one_column(pa.int32(), values)
    values[0] = 6
    assert rows_of(builder.tables()["things"])[0]["value"] == 5
