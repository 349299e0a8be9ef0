"""What of a job means something on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fleet
from fleet.errors import UsageError
from fleet.submit.reachability import check_address, paths_on_nodes

JOBS = Path(__file__).parents[2] / "jobs"
FAR = {"input": ["s3://b/archive"], "output": "s3://b/out"}


def thumbnails(**fields: Any) -> fleet.Job:
    """Make a job that needs no model."""
    return fleet.load_job(JOBS / "thumbnails.toml", {**FAR, **fields})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": ["videos"]}, "input"),
        ({"input": ["s3://b/a", "./videos/*.mp4"]}, "input"),
        ({"input": ["~/videos"]}, "input"),
        ({"output": "build/out"}, "output"),
        ({"output": "memory://out"}, "output"),
        ({"index_cache": "cache"}, "index_cache"),
    ],
)
def test_what_lies_on_this_machine_alone_is_refused(fields: dict[str, Any], field: str) -> None:
    """Relative paths, homes and memory: the error names the field and what to write instead."""
    with pytest.raises(UsageError, match=rf"^{field} = .*s3://bucket/folder"):
        paths_on_nodes(thumbnails(**fields))


def test_absolute_paths_are_those_of_the_nodes() -> None:
    """A folder that all nodes mount is legitimate; it is listed, so that it can be said."""
    assert paths_on_nodes(thumbnails()) == ()
    job = thumbnails(input=["s3://b/a", "/mnt/videos"], output="file:///mnt/out")
    assert paths_on_nodes(job) == ("/mnt/videos", "file:///mnt/out")


@pytest.mark.parametrize(
    "address", ["ray://head:10001", "head:6379", "auto", "ftp://head:8265", ""]
)
def test_what_is_no_dashboards_address_is_refused(address: str) -> None:
    """Ray has several kinds of address; the error shows the one that is meant."""
    with pytest.raises(UsageError, match="http://head:8265"):
        check_address(address)


def test_a_slash_at_the_end_of_an_address_does_not_matter() -> None:
    """As browsers show it."""
    assert check_address("https://head.example:443/") == "https://head.example:443"
