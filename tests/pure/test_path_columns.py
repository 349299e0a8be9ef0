"""Columns from paths: a pattern that finds nothing ends the run before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fleet.driver.preparing.path_columns import PathColumns
from fleet.errors import UsageError

CAMERA = r"cam-(?P<camera>\d+)/"
URIS = ("s3://b/cam-1/a.mp4", "s3://b/cam-2/b.mp4", "s3://b/else/c.mp4", "s3://b/else/d.mp4")


def check_path_columns(pattern: str, uris: Sequence[str]) -> str:
    """Return what is said of the paths of some videos."""
    columns = PathColumns(pattern)
    for uri in uris:
        columns.add(uri)
    return columns.said()


def test_a_column_that_no_video_has_is_refused_with_a_path() -> None:
    """It would be null in every row."""
    with pytest.raises(UsageError, match="finds no camera in the path of any video") as caught:
        check_path_columns(CAMERA, URIS[2:])
    for words in (CAMERA, "s3://b/else/c.mp4"):
        assert words in caught.value.message
    assert "single quotes" in caught.value.way_out


@pytest.mark.parametrize("pattern", [f"{CAMERA}(?P<date>[0-9-]+/)?", f"{CAMERA}|(?P<date>2026)"])
def test_one_column_among_others_is_refused_too(pattern: str) -> None:
    """Though the pattern itself is found."""
    with pytest.raises(UsageError, match="finds no date"):
        check_path_columns(pattern, URIS)


def test_videos_without_a_column_are_counted() -> None:
    """With an example; nothing is said where all have it, or none is asked for."""
    said = check_path_columns(CAMERA, URIS)
    assert said == "2 videos have no camera in the path, such as s3://b/else/c.mp4: null there."
    assert check_path_columns(CAMERA, URIS[:2]) == ""
    assert check_path_columns("", URIS) == ""
    assert check_path_columns(CAMERA, ()) == ""
