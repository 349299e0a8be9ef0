"""Taking an output over for a run, and closing it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import JOB, begun, claimed, closed, commit_lease, table_of

from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.errors import JobFailedError, OutputCorruptError
from fleet.storage import Folder
from fleet.table.commits.manifest import manifest_name
from fleet.table.commits.record import part_name
from fleet.table.state.lock import REWRITE_LOCK
from fleet.table.state.read import read
from fleet.table.state.success_name import SUCCESS_FILE

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
    assert begun(folder).leases == [receipt.lease]
    assert names(folder) - {REWRITE_LOCK} == before | parts(receipt) | {manifest_name(1)}


def test_a_commit_that_lacks_its_part_is_undone(folder: Folder) -> None:
    """Its frames may not be counted."""
    torn = commit_lease(folder, "a", range(4))
    folder.delete(f"detections/{torn.parts[0].name}")
    assert len(begun(folder)) == 0
    assert not parts(torn) & names(folder)


def test_of_two_leases_over_the_same_frames_one_keeps_them(folder: Folder) -> None:
    """Each frame is there once, and none is lost: what only one of them covers stays."""
    commit_lease(folder, "a", range(8))
    commit_lease(folder, "a", range(4, 12))
    beside = commit_lease(folder, "a", range(12, 13))
    state = begun(folder)
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
    state = begun(folder, {"a": "v2", "c": "v9"})
    assert set(state.leases) == {new.lease, gone.lease}
    assert not parts(old) & names(folder)


def test_a_part_of_another_job_is_named(folder: Folder) -> None:
    """It cannot have come there by itself."""
    receipt = commit_lease(folder, "a", range(4))
    with pytest.raises(OutputCorruptError, match=f"{receipt.lease}.* is of another job, abab"):
        begun(folder, job=replace(JOB, digest="cd" * 32))


@pytest.mark.parametrize("harm", ["detections gone", "detections cut", "frames gone"])
def test_a_trusted_lease_must_be_there(folder: Folder, harm: str) -> None:
    """Closing over a hole would be a lie."""
    begun(folder)
    receipt = commit_lease(folder, "a", range(4))
    table, what = harm.split()
    name = f"{table}/{part_name(receipt.lease)}"
    folder.put(name, b"cut") if what == "cut" else folder.delete(name)
    with pytest.raises(
        OutputCorruptError, match=r"rows of a were committed, but their part.*not there"
    ):
        closed(folder, [receipt])
    assert not table_of(folder).state().closed


@pytest.mark.parametrize("harm", ["detections", "frames"])
def test_what_an_earlier_epoch_held_must_be_there(folder: Folder, harm: str) -> None:
    """Nothing is closed that covers less than before, whoever asks."""
    receipt = commit_lease(folder, "a", range(4))
    begun(folder)
    folder.delete(f"{harm}/{part_name(receipt.lease)}")
    assert table_of(folder).state().lost == (receipt.lease,)
    with pytest.raises(OutputCorruptError, match=rf"{receipt.lease} was committed, and is not"):
        closed(folder)
    with pytest.raises(OutputCorruptError, match="is not there as it was put"):
        table_of(folder).compact()
    # The next run leaves it out, does it again, and closes.
    assert begun(folder).lost == ()
    commit_lease(folder, "a", range(4))
    assert closed(folder).frames == 4


def test_a_run_that_was_taken_over_closes_nothing(folder: Folder) -> None:
    """It worked in an epoch that is past."""
    epoch = begun(folder).manifest.epoch
    commit_lease(folder, "a", range(4))
    begun(folder)
    with pytest.raises(JobFailedError, match="was taken over"):
        table_of(folder).close([], epoch)
    assert not table_of(folder).state().closed


def test_what_is_committed_for_an_earlier_run_counts_until_it_is_taken_over(folder: Folder) -> None:
    """Then no more, so that the next run can do the same under another name."""
    epoch = begun(folder).manifest.epoch
    early = commit_lease(folder, "a", range(4))
    now = begun(folder)
    late = commit_lease(folder, "a", range(4, 8), epoch=epoch)
    again = commit_lease(folder, "a", range(2, 8))
    assert now.leases == [early.lease]
    assert set(table_of(folder).state().leases) == {early.lease, again.lease}
    assert late.lease not in begun(folder).leases
    assert not parts(late) & names(folder)


def test_closing_tells_the_whole_story(folder: Folder) -> None:
    """Totals and receipts over this run's leases, earlier ones and a late one nobody waited for."""
    begun(folder)
    loss = Loss("b", "vdec", "BrokenVideo", "broken", frames=3)
    known = [commit_lease(folder, "a", range(4)), commit_lease(folder, "b", range(9), loss=loss)]
    late = commit_lease(folder, "c", range(2))
    total = closed(folder, known)
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
    begun(folder)
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(3)]
    closed(folder, receipts)
    lines = folder.read(SUCCESS_FILE).decode().splitlines()
    starts = [line for line in lines if line.startswith('{"lease": ')]
    assert len(starts) == 3


def test_an_empty_job_closes_too(folder: Folder) -> None:
    """Nothing wanted, nothing lost."""
    assert closed(folder, []) == Tally()
    assert json.loads(folder.read(SUCCESS_FILE))["receipts"] == []


def test_a_closed_folder_can_be_taken_over_again(folder: Folder) -> None:
    """Before work is added: its marker goes first."""
    closed(folder)
    assert table_of(folder).state().closed
    for _ in range(2):
        assert not begun(folder).closed
        assert not folder.exists(SUCCESS_FILE)
    closed(folder)
    assert folder.exists(SUCCESS_FILE)


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
    state = begun(folder)
    table = read(folder.uri).frames.to_table()
    kept = list(zip(table["uri"].to_pylist(), table["frame"].to_pylist(), strict=True))
    assert len(kept) == len(set(kept)) == state.total.frames
    assert set(kept) == {(uri, frame) for uri, frames in made.values() for frame in frames}
    assert not len(state.covered.intervals.overlaps())
    assert sorted(begun(folder).leases) == sorted(state.leases)
