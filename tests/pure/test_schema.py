"""What the tables hold, and what is taken from a video's location."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import UsageError
from fleet.table.parts.schema import (
    DETECTIONS,
    IDENTITY,
    columns_from_path,
    output_schemas,
    partition_names,
    table_schema,
)

CAMERA_AND_DATE = r"camera-(?P<camera>\d+)/(?P<date>\d{4}-\d{2}-\d{2})"


def test_every_column_says_its_unit_and_meaning() -> None:
    """In all three tables, partition columns included."""
    for schema in output_schemas("detections", DETECTIONS, CAMERA_AND_DATE).values():
        for field in schema:
            assert b"unit" in field.metadata
            assert field.metadata[b"about"]


def test_a_table_is_identity_then_the_job_then_the_path() -> None:
    """In this order."""
    names = table_schema(DETECTIONS, CAMERA_AND_DATE).names
    assert names == [*IDENTITY.names, *DETECTIONS.names, "camera", "date"]


def test_text_that_repeats_is_dictionary_coded() -> None:
    """The video, the label and what is taken from the path."""
    schema = table_schema(DETECTIONS, CAMERA_AND_DATE)
    coded = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    assert coded == ["uri", "label", "camera", "date"]


def test_parts_are_put_with_frames_last() -> None:
    """The frames part is the commit."""
    assert list(output_schemas("stills", DETECTIONS)) == ["stills", "errors", "frames"]


def test_the_path_gives_its_columns() -> None:
    """The pattern is looked for anywhere in the URI."""
    uri = "s3://bucket/camera-042/2026-11-21T08.mp4"
    assert columns_from_path(CAMERA_AND_DATE, uri) == {"camera": "042", "date": "2026-11-21"}


def test_a_path_without_them_gives_nulls() -> None:
    """A video that lies elsewhere is no reason to stop."""
    assert columns_from_path(CAMERA_AND_DATE, "/data/town.mp4") == {"camera": None, "date": None}


@given(st.text())
def test_no_pattern_gives_no_columns(uri: str) -> None:
    """Whatever the URI."""
    assert columns_from_path("", uri) == {}
    assert partition_names("") == ()


@pytest.mark.parametrize("pattern", ["(?P<score>.)", "(?P<uri>.)"])
def test_a_column_named_twice_is_refused(pattern: str) -> None:
    """A group of the path may not hide a column."""
    with pytest.raises(UsageError, match=r"same name: (score|uri)"):
        table_schema(DETECTIONS, pattern)


def test_a_job_may_not_write_the_identity() -> None:
    """Fleet fills in which frame a row is of."""
    with pytest.raises(UsageError, match="same name: frame"):
        table_schema(pa.schema([("frame", pa.int64())]))


@pytest.mark.parametrize("table", ["frames", "errors", "Boxes", "a/b", "", "_x", "a.b"])
def test_a_table_needs_a_name_of_its_own(table: str) -> None:
    """It becomes a folder."""
    with pytest.raises(UsageError, match="cannot be the name"):
        output_schemas(table, DETECTIONS)
