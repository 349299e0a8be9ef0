"""Reading an output folder, with Fleet, DuckDB and pandas, in mid-job and after."""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from made_up import JOB, SCHEMAS, claimed, closed, commit_lease

import fleet
from fleet.core.loss import Loss, LossReason
from fleet.errors import OutputCorruptError, UsageError
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord, part_name
from fleet.table.parts.schema import output_schemas
from fleet.table.state.ownership import claim
from fleet.table.state.read import Tables, count_losses, read


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


@pytest.fixture
def out(tmp_path: Path) -> Folder:
    """A folder on disk, for readers that know nothing of Fleet."""
    return claimed(Folder(str(tmp_path / "it's out")))


def rows(tables: Tables) -> dict[str, int]:
    """Count the rows of each table."""
    return {name: tables.table(name).count_rows() for name in tables.names}


def test_a_job_that_has_only_begun_has_empty_tables(folder: Folder) -> None:
    """With their columns."""
    tables = read(folder.uri)
    assert rows(tables) == {"detections": 0, "errors": 0, "frames": 0}
    assert tables.detections.schema == SCHEMAS["detections"]
    assert not tables.finished


def test_committed_rows_are_seen_and_others_are_not(folder: Folder) -> None:
    """A lease shows whole or not at all."""
    commit_lease(folder, "a", range(4), loss=Loss("a", "vdec", "BrokenVideo", "broken"))
    torn = commit_lease(folder, "b", range(9))
    folder.delete(f"frames/{torn.parts[-1].name}")
    assert rows(read(folder.uri)) == {"detections": 4, "errors": 1, "frames": 4}


def test_what_was_opened_does_not_change(folder: Folder) -> None:
    """It is the folder as it was then; opening again shows more."""
    commit_lease(folder, "a", range(4))
    tables = read(folder.uri)
    commit_lease(folder, "b", range(9))
    assert tables.frames.to_table().num_rows == 4
    assert read(folder.uri).frames.to_table().num_rows == 13


def test_units_and_meanings_survive(folder: Folder) -> None:
    """From the schema through Parquet to whoever reads."""
    commit_lease(folder, "a", range(4))
    table = read(folder.uri).detections.to_table()
    assert table.schema.field("x1").metadata[b"unit"] == b"px"
    assert table.schema.field("time_s").metadata[b"unit"] == b"s"


def test_filters_and_columns_work(folder: Folder) -> None:
    """These are datasets: only what is asked for is read."""
    for uri in ("a", "b"):
        commit_lease(folder, uri, range(6))
    people = read(folder.uri).detections.to_table(
        columns=["frame"], filter=(ds.field("label") == "person") & (ds.field("uri") == "b")
    )
    assert people.column_names == ["frame"]
    assert people["frame"].to_pylist() == [0, 3]


def test_duckdb_reads_the_datasets(folder: Folder) -> None:
    """In the same process, without a copy on disk."""
    commit_lease(folder, "a", range(6))
    found = read(folder.uri).detections
    counts = duckdb.from_arrow(found).aggregate("label, count(*)").order("label").fetchall()
    assert counts == [("car", 2), ("dog", 2), ("person", 2)]


def test_what_the_folder_says_of_itself(folder: Folder) -> None:
    """Its job, its state, its tables."""
    receipt = commit_lease(folder, "a", range(4))
    closed(folder, [receipt])
    tables = fleet.read(folder.uri)
    assert (tables.finished, tables.leases, tables.job) == (True, 1, JOB)
    assert tables.names == ("detections", "errors", "frames")
    assert "finished, leases committed: 1; detections, errors, frames" in repr(tables)


def test_a_table_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    """A job of stills has no detections."""
    columns = SCHEMAS["frames"].empty_table().select(["rows"]).schema
    claim(Folder(str(tmp_path)), JobRecord("ab", "stills", {}), output_schemas("stills", columns))
    with pytest.raises(UsageError, match=r"no table detections\. It has stills, errors, frames"):
        _ = read(str(tmp_path)).detections


def test_a_folder_that_is_no_output_is_refused(tmp_path: Path) -> None:
    """Or that is not there at all."""
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="no output of Fleet"):
            read(str(path))


def test_a_part_that_changed_while_it_was_read_is_noticed(out: Folder) -> None:
    """Half of one version and half of another would be wrong rows."""
    receipt = commit_lease(out, "a", range(4))
    tables = read(out.uri)
    out.put(f"frames/{receipt.parts[-1].name}", b"PAR1")
    with pytest.raises(OSError, match="has changed meanwhile"):
        tables.frames.to_table()


def test_a_folder_without_its_schema_says_how_to_mend_it(out: Folder) -> None:
    """Somebody cleaned up what looked empty."""
    out.delete("errors/schema.parquet")
    with pytest.raises(OutputCorruptError, match="run the job's command again"):
        read(out.uri)


def test_losses_are_summed_up_by_reason(folder: Folder) -> None:
    """The most frequent first, each with an example."""
    for uri, frames in (("a", 3), ("b", None)):
        loss = Loss(uri, "vdec", "BrokenVideo", f"broken {uri}", frames=frames)
        commit_lease(folder, uri, range(4), loss=loss)
    commit_lease(folder, "c", range(1), loss=Loss("c", "index", "NotAVideo", "no video"))
    frequent, rare = count_losses(read(folder.uri).errors)
    assert (frequent.stage, frequent.name, frequent.losses, frequent.frames) == (
        "vdec",
        "BrokenVideo",
        2,
        3,
    )
    assert (frequent.uri, frequent.message) in {("a", "broken a"), ("b", "broken b")}
    assert rare == LossReason("index", "NotAVideo", 1, 0, "c", "no video")


def duckdb_count(out: Folder, table: str) -> int:
    """Count rows as a user would."""
    path = f"{out.uri}/{table}/*.parquet".replace("'", "''")
    [[count]] = duckdb.execute(f"select count(*) from read_parquet('{path}')").fetchall()  # noqa: S608
    return int(count)


@pytest.mark.parametrize("table", ["detections", "errors", "frames"])
def test_duckdb_and_pandas_read_each_folder_at_any_time(out: Folder, table: str) -> None:
    """Before the first commit, in the middle, with a put under way, and at the end."""

    def counts() -> set[int]:
        return {duckdb_count(out, table), len(pd.read_parquet(f"{out.uri}/{table}"))}

    assert counts() == {0}
    commit_lease(out, "a", range(4))
    assert counts() == {0 if table == "errors" else 4}
    # What a local put writes to before it renames.
    Path(f"{out.uri}/{table}/.{part_name('0' * 32)}.0a1b.tmp").write_bytes(b"half a file")
    assert counts() == {0 if table == "errors" else 4}
    closed(out, [commit_lease(out, "b", range(5))])
    assert counts() == {0 if table == "errors" else 9}


def test_a_part_by_itself_tells_where_it_comes_from(out: Folder) -> None:
    """Job, chip, models, version; and the columns' units."""
    receipt = commit_lease(out, "a", range(4))
    for part in receipt.parts:
        path = f"{out.uri}/{part.table}/{part.name}"
        kept = pq.read_metadata(path).metadata[b"fleet"].decode()
        for fact in (JOB.digest, receipt.lease, "Ascend310", "cd" * 32, fleet.__version__):
            assert f'"{fact}"' in kept
        assert pq.read_schema(path).field("uri").metadata[b"about"]


def test_pandas_sees_text_as_categories(out: Folder) -> None:
    """A million rows of long URIs stay small."""
    commit_lease(out, "a", range(4))
    commit_lease(out, "b", range(4))
    frame = pd.read_parquet(f"{out.uri}/detections")
    assert {name: str(frame[name].dtype) for name in ("uri", "label")} == {
        "uri": "category",
        "label": "category",
    }
    assert sorted(frame["uri"].unique()) == ["a", "b"]


def test_what_comes_late_to_a_closed_folder_is_not_seen(folder: Folder) -> None:
    """From a worker that was given up for dead, whose lease others have cut in another way."""
    commit_lease(folder, "a", range(4))
    commit_lease(folder, "a", range(4, 8))
    closed(folder)
    before = rows(read(folder.uri))
    commit_lease(folder, "a", range(2, 6))
    late = read(folder.uri)
    assert (rows(late), late.leases, late.finished) == (before, 2, True)
    closed(folder)
    assert rows(read(folder.uri)) == before


def test_a_closing_record_that_makes_no_sense_is_named(folder: Folder) -> None:
    """With the way out."""
    commit_lease(folder, "a", range(4))
    folder.put("_SUCCESS.json", b"{}")
    with pytest.raises(
        OutputCorruptError, match=r"_SUCCESS\.json does not tell .* Delete this object"
    ):
        read(folder.uri)
