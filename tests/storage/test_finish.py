"""Sweeping and closing an output folder."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import JOB, claimed, commit_lease, swept

from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.errors import OutputCorruptError
from fleet.storage import Folder
from fleet.table.commits.record import part_name
from fleet.table.maintenance.close import finish
from fleet.table.state.lock import REWRITE_LOCK
from fleet.table.state.read import read
from fleet.table.state.success_marker import SUCCESS_FILE, is_finished, unfinish

STRAY = "0" * 32


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


def names(folder: Folder) -> set[str]:
    """List all objects."""
    return {entry.name for entry in folder.list()}


def parts(*receipts: Receipt) -> set[str]:
    """Name the parts of receipts."""
    return {f"{part.table}/{part.name}" for receipt in receipts for part in receipt.parts}


def test_what_no_commit_makes_real_is_deleted(folder: Folder) -> None:
    """And nothing else: parts without rows, other names, other folders stay."""
    before = names(folder)
    receipt = commit_lease(folder, "a", range(4))
    for kept in ("_index/x.parquet", "detections/notes.txt", f"other/{part_name(STRAY)}"):
        folder.put(kept, b"x")
        before.add(kept)
    folder.put(f"detections/{part_name(STRAY)}", b"x")
    folder.put(f"errors/{part_name(receipt.lease)}", b"not named by its commit")
    folder.put(f"frames/.{part_name(STRAY)}.0a1b.tmp", b"half")
    assert swept(folder).leases == [receipt.lease]
    assert names(folder) - {REWRITE_LOCK} == before | parts(receipt)


def test_a_commit_that_lacks_its_part_is_undone(folder: Folder) -> None:
    """Its frames may not be counted."""
    torn = commit_lease(folder, "a", range(4))
    folder.delete(f"detections/{torn.parts[0].name}")
    assert len(swept(folder)) == 0
    assert not parts(torn) & names(folder)


def test_of_two_leases_over_the_same_frames_one_keeps_them(folder: Folder) -> None:
    """Each frame is there once, and none is lost: what only one of them covers stays."""
    commit_lease(folder, "a", range(8))
    commit_lease(folder, "a", range(4, 12))
    beside = commit_lease(folder, "a", range(12, 13))
    state = swept(folder)
    tables = read(folder.uri)
    assert sorted(tables.frames.to_table()["frame"].to_pylist()) == list(range(13))
    assert tables.detections.count_rows() == 13
    assert beside.lease in state.leases
    assert state.done.spans("a", "v1").tolist() == [[0, 13 * 512]]
    assert (state.total.frames, state.total.rows) == (13, 13)
    assert sum(state.total.by_label.values()) == 13
    assert state.total.video_s == pytest.approx(13 / 25)


def test_rows_of_another_version_of_a_video_are_deleted(folder: Folder) -> None:
    """They are of a video that is no more; unlisted videos are left alone."""
    old = commit_lease(folder, "a", range(4), etag="v1")
    new = commit_lease(folder, "a", range(4, 8), etag="v2")
    gone = commit_lease(folder, "b", range(4), etag="v1")
    state = swept(folder, {"a": "v2", "c": "v9"})
    assert set(state.leases) == {new.lease, gone.lease}
    assert not parts(old) & names(folder)


def test_a_part_of_another_job_is_named(folder: Folder) -> None:
    """It cannot have come there by itself."""
    receipt = commit_lease(folder, "a", range(4))
    with pytest.raises(OutputCorruptError, match=f"{receipt.lease}.* is of another job, abab"):
        swept(folder, job=replace(JOB, digest="cd" * 32))


@pytest.mark.parametrize("harm", ["detections gone", "detections cut", "frames gone"])
def test_a_trusted_lease_must_be_there(folder: Folder, harm: str) -> None:
    """Closing over a hole would be a lie."""
    receipt = commit_lease(folder, "a", range(4))
    table, what = harm.split()
    name = f"{table}/{part_name(receipt.lease)}"
    folder.put(name, b"cut") if what == "cut" else folder.delete(name)
    with pytest.raises(
        OutputCorruptError, match=r"rows of a were committed, but their part.*not there"
    ):
        finish(folder, JOB, [receipt])
    assert not is_finished(folder)


def test_a_twins_record_does_not_break_the_closing(folder: Folder) -> None:
    """The same rows with another worker's counts: the frames part has another size."""
    receipt = commit_lease(folder, "a", range(4))
    name = f"frames/{part_name(receipt.lease)}"
    frames = replace(receipt.parts[-1], bytes=receipt.parts[-1].bytes + 7)
    other = replace(receipt, parts=(*receipt.parts[:-1], frames))
    assert finish(folder, JOB, [other]).frames == 4
    assert folder.exists(name)


def test_closing_tells_the_whole_story(folder: Folder) -> None:
    """Totals and receipts over this run's leases, earlier ones and a late one nobody waited for."""
    loss = Loss("b", "vdec", "BrokenVideo", "broken", frames=3)
    known = [commit_lease(folder, "a", range(4)), commit_lease(folder, "b", range(9), loss=loss)]
    late = commit_lease(folder, "c", range(2))
    total = finish(folder, JOB, known)
    assert (total.frames, total.lost_frames, total.rows, total.errors) == (15, 3, 15, 1)
    story = json.loads(folder.read(SUCCESS_FILE))
    assert Tally(**story["totals"]) == total
    assert (story["job"], story["leases"]) == (JOB.digest, 3)
    told = {line["lease"]: line for line in story["receipts"]}
    assert told.keys() == {receipt.lease for receipt in (*known, late)}
    assert told[late.lease]["intervals"] == 1
    assert told[late.lease]["parts"] == [
        [part.table, part.rows, part.bytes, part.sha256] for part in late.parts
    ]


def test_a_lease_is_a_line_of_its_own(folder: Folder) -> None:
    """So that line tools can read it."""
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(3)]
    finish(folder, JOB, receipts)
    lines = folder.read(SUCCESS_FILE).decode().splitlines()
    starts = [line for line in lines if line.startswith('{"lease": ')]
    assert len(starts) == 3


def test_an_empty_job_closes_too(folder: Folder) -> None:
    """Nothing wanted, nothing lost."""
    assert finish(folder, JOB, []) == Tally()
    assert json.loads(folder.read(SUCCESS_FILE))["receipts"] == []


def test_a_closed_folder_can_be_opened_again(folder: Folder) -> None:
    """Before work is added; opening what is open does nothing."""
    finish(folder, JOB, [])
    assert is_finished(folder)
    unfinish(folder)
    unfinish(folder)
    assert not is_finished(folder)


SPANS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.integers(1, 6)), max_size=8
)


@given(SPANS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_sweep_no_frame_is_there_twice(spans: list[tuple[str, int, int]]) -> None:
    """Whatever was committed; and no lease goes that stands alone."""
    folder = claimed(Folder(f"memory://{uuid.uuid4()}"))
    made = {
        receipt.lease: (uri, set(range(start, start + length)))
        for uri, start, length in spans
        for receipt in [commit_lease(folder, uri, range(start, start + length), found=0)]
    }
    state = swept(folder)
    table = read(folder.uri).frames.to_table()
    kept = list(zip(table["uri"].to_pylist(), table["frame"].to_pylist(), strict=True))
    assert len(kept) == len(set(kept)) == state.total.frames
    assert set(kept) == {(uri, frame) for uri, frames in made.values() for frame in frames}
    assert not len(state.covered.intervals.overlaps())
    assert swept(folder).leases == state.leases
