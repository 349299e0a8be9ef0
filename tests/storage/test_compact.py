"""Few large parts in the place of many small ones, whoever reads, writes or dies meanwhile."""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb
import pytest
from made_up import JOB, begun, claimed, closed, commit_lease, table_of
from tripped import Tripped

from fleet.core.loss import Loss
from fleet.core.receipt import Receipt
from fleet.errors import StorageError
from fleet.storage import Folder
from fleet.table.commits.record import part_name
from fleet.table.maintenance import close
from fleet.table.maintenance.compact import Compacted
from fleet.table.maintenance.garbage import SWITCHING
from fleet.table.state.read import read
from fleet.table.state.state import TableState

MANY_BYTES = 10**9


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


def fill(folder: Folder) -> list[Receipt]:
    """Commit leases of two videos, one with a loss, one that found nothing, out of order."""
    loss = Loss("a", "vdec", "BrokenVideo", "broken", start_pts=2048, end_pts=2560, frames=1)
    return [
        commit_lease(folder, "b", range(4, 9)),
        commit_lease(folder, "a", range(4, 8), loss=loss),
        commit_lease(folder, "b", range(4), found=0),
        commit_lease(folder, "a", range(4), found=2),
    ]


def squeeze(folder: Folder, target_bytes: int = MANY_BYTES) -> Compacted:
    """Compact without pauses."""
    return table_of(folder).compact(target_bytes)


def rows(folder: Folder) -> dict[str, list[str]]:
    """Read all rows of all tables, sorted."""
    tables = read(folder.uri)
    return {n: sorted(map(str, tables.table(n).to_table().to_pylist())) for n in tables.names}


def objects(folder: Folder) -> set[str]:
    """Name the data objects, and what an exchange puts beside them."""
    return {e.name for e in folder.list() if "part-" in e.name or SWITCHING in e.name}


def facts(state: TableState) -> tuple[object, ...]:
    """What must survive: leases, what they cover, their tallies."""
    return sorted(state.leases), set(state.covered.intervals), state.total


def test_nothing_changes_but_the_number_of_parts(folder: Folder) -> None:
    """Rows, leases, intervals, totals stay; each table has one part with rows."""
    fill(folder)
    before, stood = rows(folder), facts(table_of(folder).state())
    done = squeeze(folder)
    assert rows(folder) == before
    assert facts(table_of(folder).state()) == stood
    assert (done.objects_before, done.objects_after, done.leases) == (8, 3, 4)
    assert len(objects(folder)) == 3
    assert read(folder.uri).leases == 4


def test_rows_of_a_pack_are_sorted(folder: Folder) -> None:
    """By video and frame, so that statistics leave parts out."""
    fill(folder)
    squeeze(folder)
    table = read(folder.uri).frames.to_table()
    keys = list(zip(table["uri"].to_pylist(), table["frame"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_parts_of_the_wanted_size_are_left_alone(folder: Folder) -> None:
    """A second time there is nothing to do; small targets make several packs."""
    for number in range(12):
        commit_lease(folder, "a", range(number * 4, number * 4 + 4))
    size = max(e.bytes for e in folder.list() if "part-" in e.name)
    first = squeeze(folder, 3 * size)
    assert first.objects_before == 24
    assert 4 <= first.objects_after < 12
    # Small rows in few large parts take less room than in many: once or twice more they fit.
    while (again := squeeze(folder, 3 * size)).leases:
        assert again.objects_after < again.objects_before
    assert squeeze(folder, 3 * size).leases == 0


def test_packs_and_new_leases_become_one(folder: Folder) -> None:
    """What was compacted is compacted again with what came after it."""
    fill(folder)
    squeeze(folder)
    commit_lease(folder, "c", range(5))
    before, stood = rows(folder), facts(table_of(folder).state())
    squeeze(folder)
    assert (rows(folder), facts(table_of(folder).state())) == (before, stood)
    assert len(objects(folder)) == 3


def test_a_job_goes_on_after_it(folder: Folder) -> None:
    """Receipts from before still close the folder; a sweep finds nothing to do."""
    receipts = fill(folder)
    squeeze(folder)
    before = rows(folder)
    late = commit_lease(folder, "c", range(5))
    total = closed(folder, [*receipts, late])
    assert total.frames == 4 + 4 + 5 + 4 + 5
    assert table_of(folder).state().closed
    assert sorted(begun(folder).leases) == sorted(r.lease for r in (*receipts, late))
    assert {name: len(found) for name, found in rows(folder).items()} == {
        name: len(found) + (5 if name != "errors" else 0) for name, found in before.items()
    }


def test_a_closed_folder_stays_closed(folder: Folder) -> None:
    """And what its seal tells of parts is what is there."""
    closed(folder, fill(folder))
    squeeze(folder)
    assert table_of(folder).state().closed
    story = folder.read("_SUCCESS.json").decode()
    assert story.count('"pack"') == 1
    assert '"lease"' not in story


def test_a_twin_that_commits_late_is_seen_once(folder: Folder) -> None:
    """Its rows are in the pack already; the next sweep or compaction takes its parts away."""
    begun(folder)
    fill(folder)
    before = rows(folder)
    squeeze(folder)
    for clean_up in (lambda: squeeze(folder), lambda: begun(folder)):
        commit_lease(folder, "a", range(4), found=2, epoch=1)
        assert rows(folder) == before
        clean_up()
        assert len(objects(folder)) == 3
        assert rows(folder) == before


def test_leases_that_cover_the_same_are_left_to_the_job(folder: Folder) -> None:
    """Their rows could not be told apart in one part."""
    for frames in (range(8), range(4, 12), range(20, 24)):
        commit_lease(folder, "a", frames)
    commit_lease(folder, "b", range(4))
    commit_lease(folder, "c", range(4))
    squeeze(folder)
    assert len(begun(folder)) == 5
    assert read(folder.uri).frames.count_rows() == 12 + 4 + 4 + 4


def glob_counts(folder: Folder) -> dict[str, int] | None:
    """Count rows as a plain reader would; None where it fails, naming the object in the way."""
    counts = {}
    for table in JOB.tables:
        try:
            path = f"{folder.uri}/{table}/*.parquet"
            with duckdb.connect() as connection:
                [[count]] = connection.execute(f"select count(*) from '{path}'").fetchall()  # noqa: S608
        except duckdb.Error as error:
            if SWITCHING not in str(error):
                raise
            return None
        counts[table] = int(count)
    return counts


def test_every_reader_at_every_moment_sees_each_row_once(tmp_path: Path) -> None:
    """Fleet always; a plain glob sees the same rows, or fails and says why."""
    folder = claimed(Folder(str(tmp_path)))
    fill(folder)
    before, counts = rows(folder), glob_counts(folder)
    seen: list[dict[str, int] | None] = []

    def look() -> None:
        assert rows(folder) == before
        assert facts(table_of(folder).state())[2].frames == 17  # type: ignore[attr-defined]
        seen.append(glob_counts(folder))

    table_of(Tripped(str(tmp_path), 1000, look)).compact(MANY_BYTES)
    assert len(seen) > 15
    assert None in seen
    assert all(found in (None, counts) for found in [*seen, glob_counts(folder)])
    assert glob_counts(folder) == counts


DEATHS = range(19)
"""The changes of an exchange at which a process can die."""


@pytest.mark.parametrize("changes", DEATHS)
@pytest.mark.parametrize("after", ["compact", "sweep"])
def test_a_death_at_any_moment_costs_nothing(tmp_path: Path, changes: int, after: str) -> None:
    """Rows are right then and there; the next compaction or run puts the folder right."""
    folder = claimed(Folder(str(tmp_path)))
    fill(folder)
    before, stood = rows(folder), facts(table_of(folder).state())
    tripped = Tripped(str(tmp_path), changes)
    died = False
    try:
        table_of(tripped).compact(MANY_BYTES)
    except StorageError:
        died = True
    assert died == (tripped.left < 0)
    assert rows(folder) == before
    assert facts(table_of(folder).state()) == stood
    squeeze(folder) if after == "compact" else begun(folder)
    assert (rows(folder), facts(table_of(folder).state())) == (before, stood)
    assert len(objects(folder)) in {3, 8 if after == "sweep" else 3}
    assert glob_counts(folder) == {name: len(found) for name, found in before.items()}


def test_the_deaths_tried_are_all_there_are(tmp_path: Path) -> None:
    """The last of them is behind the end."""
    folder = claimed(Folder(str(tmp_path)))
    fill(folder)
    alive = Tripped(str(tmp_path), 1000)
    table_of(alive).compact(MANY_BYTES)
    assert 1000 - alive.left == DEATHS[-1]


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many leases leave a snapshot behind: few; test_ops_s3.py has as many as it really takes."""
    monkeypatch.setattr(close, "WORTH_IT", 20)
    return 20


def test_snapshots_shrink_with_what_they_tell_of(folder: Folder, worth_it: int) -> None:
    """Many leases leave a snapshot behind, which goes when a pack tells the same."""
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(worth_it)]
    closed(folder, receipts)
    assert [e.name for e in folder.list("_done/parts-")]
    stood = table_of(folder).state()
    assert stood.checkpointed == worth_it
    squeeze(folder)
    assert not [e.name for e in folder.list("_done/parts-")]
    assert facts(table_of(folder).state()) == facts(stood)


def test_a_snapshot_counts_only_for_parts_that_are_there(folder: Folder, worth_it: int) -> None:
    """It is a copy: a lease whose frames part is gone or changed is read anew."""
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(worth_it)]
    closed(folder, receipts)
    gone, torn = receipts[0].lease, receipts[1].lease
    folder.delete(f"frames/{part_name(gone)}")
    folder.put(f"frames/{part_name(torn)}", b"PAR1 and then the power went")
    state = table_of(folder).state()
    assert set(state.leases) == {r.lease for r in receipts} - {gone, torn}
    for entry in list(folder.list("_done/parts-")):
        folder.put(entry.name, b"damaged")
    assert facts(table_of(folder).state()) == facts(state)


def test_what_came_late_to_a_closed_folder_is_not_taken_along(folder: Folder) -> None:
    """From a worker that was given up for dead: it would be there twice, and vouched for."""
    fill(folder)
    closed(folder)
    before = rows(folder)
    commit_lease(folder, "b", range(5, 7))
    squeeze(folder)
    after = rows(folder)
    assert after["frames"] == before["frames"]
    assert {name: len(several) for name, several in after.items()} == {
        name: len(several) for name, several in before.items()
    }
    assert table_of(folder).state().closed
