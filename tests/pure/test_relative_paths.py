"""Relative paths of a job for a cluster: taken from here only where all nodes are here."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.cli.submit import refuse_in_use
from fleet.errors import OutputBusyError
from fleet.storage.location import suffix_of
from fleet.submit.reachability import (
    has_relative_paths,
    is_here,
    may_be_here,
    with_absolute_paths,
)
from fleet.submit.submission import Submission

PLACES = st.sampled_from(["a", "a/b/", "/x", "/x/y/", "s3://b/c", "file:///z", "*.mp4", "a?b"])


@given(st.lists(PLACES, max_size=4), PLACES)
def test_what_starts_somewhere_stays_and_all_else_starts_here(inputs: list[str], out: str) -> None:
    """In all fields that name places, a slash at the end kept; no other field is touched."""
    fields = {"input": inputs, "output": out, "sample": "all", "params": {"model": "m.om"}}
    made = with_absolute_paths(fields, Path("/here"))
    for before, after in zip([*inputs, out], [*made["input"], made["output"]], strict=True):
        is_absolute = before.startswith("/") or "://" in before
        assert after == (before if is_absolute else f"/here/{before}")
    assert {key: made[key] for key in ("sample", "params")} == {
        "sample": "all",
        "params": {"model": "m.om"},
    }
    assert not has_relative_paths(made)
    assert has_relative_paths(fields) == (made != fields)


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [(["me", "me"], True), (["me", "other"], False), (["other"], False), ([], False)],
)
def test_a_cluster_is_here_where_each_node_is(hosts: list[str], expected: bool) -> None:
    """Not where a tunnel leads to another machine, nor where nobody says who the nodes are."""
    assert is_here(hosts, "me") is expected


def test_only_an_address_of_this_machine_is_asked() -> None:
    """Others are refused without a connection."""
    assert may_be_here("http://127.0.0.1:8265")
    assert may_be_here("http://localhost:8265")
    assert not may_be_here("http://head:8265")


def submission(state: str, output: str) -> Submission:
    """Return a job of a cluster."""
    return Submission("raysubmit_a", state, "j.toml", output, 0.0, "me@here", None, None, "")


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_an_output_that_a_job_writes_to_is_refused(state: str) -> None:
    """With the commands that help."""
    with pytest.raises(OutputBusyError, match="fleet logs raysubmit_a --follow --address http://h"):
        refuse_in_use([submission(state, "s3://b/out")], "s3://b/out", "http://h")


@pytest.mark.parametrize(
    "other", [submission("SUCCEEDED", "s3://b/out"), submission("RUNNING", "s3://b/other")]
)
def test_an_output_that_nobody_writes_to_is_taken(other: Submission) -> None:
    """Of jobs that have ended, and of other outputs."""
    refuse_in_use([other], "s3://b/out", "http://h")


@given(st.text(st.sampled_from("a.b/ é"), max_size=12))
def test_an_extension_is_that_of_a_path(path: str) -> None:
    """Dots in front, behind and alone, slashes at the end and twice."""
    assert suffix_of(path) == PurePosixPath(path).suffix
