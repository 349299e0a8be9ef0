"""Whose an output folder is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_up import JOB, SCHEMAS, commit_lease

from fleet.errors import OutputCorruptError, OutputTakenError
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.state.ownership import JOB_FILE, claim, read_job
from fleet.table.table import Table


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder that exists and is empty."""
    return Folder(str(tmp_path))


def test_an_empty_folder_becomes_the_jobs(folder: Folder) -> None:
    """With a part without rows in each table."""
    assert claim(folder, JOB, SCHEMAS) is False
    assert read_job(folder) == JOB
    assert [entry.name for entry in folder.list()] == [
        JOB_FILE,
        "detections/schema.parquet",
        "errors/schema.parquet",
        "frames/schema.parquet",
    ]


def test_the_same_job_goes_on(folder: Folder) -> None:
    """What is there stays; what a death in the middle of claiming left out is put."""
    claim(folder, JOB, SCHEMAS)
    commit_lease(folder, "a", range(4))
    folder.delete("errors/schema.parquet")
    before = {entry.name for entry in folder.list()}
    assert claim(folder, JOB, SCHEMAS) is True
    assert {entry.name for entry in folder.list()} == before | {"errors/schema.parquet"}


@pytest.mark.parametrize(
    ("begun", "asked", "same"),
    [
        ("110", "110.0", True),
        ("110.0", "110", True),
        ("(1, 2)", "(1.0, 2.0)", True),
        ("1", "True", True),
        ("110", "110.5", False),
        ("110", "'110'", False),
        ("Size(1, 2)", "Size(1.0, 2.0)", False),
        ("12", "1" * 5000, False),
    ],
)
def test_a_job_is_the_same_however_its_numbers_are_written(
    folder: Folder, begun: str, asked: str, same: bool
) -> None:
    """As a job file has them and as Python has them; it goes on under the identity it began with."""
    first, second = (
        JobRecord.of("detections", {"params": {"level": text}}) for text in (begun, asked)
    )
    claim(folder, first, SCHEMAS)
    if not same:
        with pytest.raises(OutputTakenError, match=r"params\.level: "):
            claim(folder, second, SCHEMAS)
        return
    assert claim(folder, second, SCHEMAS) is True
    assert Table.of_job(folder.uri, second).job.digest == first.digest
    assert second.written_as(first) == first


def test_another_job_is_told_what_differs(folder: Folder) -> None:
    """Each field, old and new, and nothing that is the same."""
    claim(folder, JOB, SCHEMAS)
    fields = {"params": {"threshold": "0.5"}, "sample": "all", "partitions": "x" * 100}
    other = replace(JOB, digest="cd" * 32, fields=fields)
    with pytest.raises(OutputTakenError) as caught:
        claim(folder, other, SCHEMAS)
    text = str(caught.value)
    assert "params.threshold: 0.4 -> 0.5" in text
    assert f"partitions: (not there) -> {'x' * 57}..." in text
    assert "sample" not in text
    assert "another --output" in text


def test_changed_code_is_told_in_words(folder: Folder) -> None:
    """Its digests would say nothing."""
    before, after = (replace(JOB, digest=d * 64, fields={"code": d * 64}) for d in "ab")
    claim(folder, before, SCHEMAS)
    with pytest.raises(
        OutputTakenError, match=r"another job: the job's code has changed\. Nothing"
    ):
        claim(folder, after, SCHEMAS)


def test_jobs_that_differ_in_nothing_visible_are_told_apart(folder: Folder) -> None:
    """By their digests."""
    claim(folder, JOB, SCHEMAS)
    with pytest.raises(OutputTakenError, match="digest: abababababab -> cdcdcdcdcdcd"):
        claim(folder, replace(JOB, digest="cd" * 32), SCHEMAS)


def test_a_folder_with_other_things_is_refused(folder: Folder) -> None:
    """It names some, and puts nothing."""
    for number in range(5):
        folder.put(f"photos/{number}.jpg", b"x")
    with pytest.raises(OutputTakenError, match=r"photos/0\.jpg, .*2\.jpg, \.\.\.\. Use another"):
        claim(folder, JOB, SCHEMAS)
    assert len(list(folder.list())) == 5


def test_names_that_begin_with_a_mark_are_nobodys(folder: Folder) -> None:
    """Indexes kept beside the output, a file manager's files."""
    folder.put("_index/a.parquet", b"x")
    folder.put(".DS_Store", b"x")
    assert claim(folder, JOB, SCHEMAS) is False


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff", b'{"job": "x"}'])
def test_a_job_record_that_cannot_be_read_is_said_to_be_so(folder: Folder, text: bytes) -> None:
    """Rather than taken for an empty folder."""
    folder.put(JOB_FILE, text)
    with pytest.raises(OutputCorruptError, match="does not say which job"):
        claim(folder, JOB, SCHEMAS)
