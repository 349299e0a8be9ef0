"""Outputs as Iceberg tables: the rows of `fleet.read`, whatever was rewritten or killed meanwhile.

They are read by pyiceberg with its own access to files, never by Fleet's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import fleet_here, fleet_process
from iceberg_reading import check_equal, named, reading, rows_at, snapshots
from made_up import JOB, begun, closed, commit_lease, table_of
from published import (
    begun_output,
    leases_of_two_videos,
)

from fleet.errors import OutputCorruptError, StorageError, UsageError
from fleet.index_cache.store import IndexStore
from fleet.parquet.encoding import encode
from fleet.storage import Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.published.iceberg_record import RECORD_FILE, record_of
from fleet.table.published.iceberg_schema import iceberg_schema
from fleet.table.published.publish import AsIceberg
from fleet.table.state.lock import REWRITE_LOCK
from fleet.table.state.ownership import read_schema

pytest.importorskip("pyiceberg", reason="pyiceberg is of the extra [iceberg]")


@pytest.fixture(params=["disk", "seaweed"])
def folder(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Folder:
    """An output with some leases of two videos, in stores of several kinds."""
    return leases_of_two_videos(Folder(place(request.param)))


def test_what_is_published_is_what_is_read(folder: Folder, asked: AsIceberg) -> None:
    """In one snapshot a table, with the numbers of rows; no part is copied."""
    before = {entry.name for entry in folder.list()}
    done = table_of(folder).publish(asked)
    assert {(table.name, table.changed) for table in done} == {
        (f"town.{name}", True) for name in JOB.tables
    }
    added = {entry.name for entry in folder.list()} - before
    assert not [name for name in added if name.endswith(".parquet")]
    assert {n.partition("/")[0] for n in added if "/_iceberg/" not in n} <= {
        RECORD_FILE,
        REWRITE_LOCK,
    }
    check_equal(folder, asked)
    assert {table.table: table.rows for table in done} == {
        "detections": 55,
        "errors": 1,
        "frames": 45,
    }
    for table in done:
        assert snapshots(asked, table.table) == [table.version]
        paths = named(asked, table.table)
        assert len(paths) == table.files
        assert all(folder.exists(f"{table.table}/{path}") for path in paths)


def test_parts_without_numbers_of_columns_are_read_by_name(
    folder: Folder, asked: AsIceberg
) -> None:
    """The table says which column has which name, and what each is about; parts need no change."""
    table_of(folder).publish(asked)
    with reading(asked) as catalogue:
        found = catalogue.load_table("town.detections")
        (about,) = [field.doc for field in found.schema().fields if field.name == "score"]
        assert about == "how sure the model is"
        mapping = json.loads(found.properties["schema.name-mapping.default"])
    assert [name for field in mapping for name in field["names"]] == read_schema(
        folder, "detections"
    ).names
    part = pq.read_schema(
        pa.BufferReader(folder.read(f"detections/{named(asked, 'detections')[0]}"))
    )
    assert not [field for field in part if b"PARQUET:field_id" in (field.metadata or {})]


def test_publishing_again_does_nothing_where_nothing_has_changed(
    folder: Folder, asked: AsIceberg
) -> None:
    """And adds what was committed since, once; where it is published need not be said again."""
    table_of(folder).publish(asked)
    before = {entry.name: entry.etag for entry in folder.list("detections/")}
    assert not any(table.changed for table in table_of(folder).publish(AsIceberg()))
    assert {entry.name: entry.etag for entry in folder.list("detections/")} == before
    commit_lease(folder, "/videos/c.mp4", range(5))
    done = table_of(folder).publish(AsIceberg())
    assert {table.table for table in done if table.changed} == {"detections", "frames"}
    assert len(snapshots(asked, "detections")) == 2
    check_equal(folder, asked)


def test_each_rewrite_publishes_before_it_deletes(folder: Folder, asked: AsIceberg) -> None:
    """The current snapshot names no file that is not there, at any deletion; rows stay equal."""
    table_of(folder).publish(asked)
    deleted = []
    delete = Folder.delete

    def watched(self: Folder, name: str) -> None:
        delete(self, name)
        table, _, path = name.partition("/")
        if table in JOB.tables and name.endswith(".parquet"):
            deleted.append(name)
            assert path not in named(asked, table)

    with patch.object(Folder, "delete", watched):
        assert table_of(folder).compact().leases == 3
        assert len([name for name in deleted if "switching" not in name]) == 6
        check_equal(folder, asked)
        store = IndexStore(Folder(f"{folder.uri}/_index"))
        assert table_of(folder).requeue(LossFilter("", ""), store).losses == 1
        check_equal(folder, asked)
        begun(folder)
        commit_lease(folder, "/videos/a.mp4", range(20, 30))
        closed(folder)
        check_equal(folder, asked)
    assert rows_at(asked, "errors") == []
    assert "_iceberg" not in repr(table_of(folder).verify().findings)


def test_as_it_was_before_it_is_read_as_long_as_its_parts_are_there(
    folder: Folder, asked: AsIceberg
) -> None:
    """That is until compact deletes them; the snapshots themselves stay."""
    table_of(folder).publish(asked)
    first = rows_at(asked, "detections")
    commit_lease(folder, "/videos/c.mp4", range(5))
    table_of(folder).publish(asked)
    (one, two) = snapshots(asked, "detections")
    assert rows_at(asked, "detections", one) == first
    assert len(rows_at(asked, "detections", two)) == len(first) + 5
    table_of(folder).compact()
    assert snapshots(asked, "detections")[:2] == [one, two]
    with pytest.raises(FileNotFoundError):
        rows_at(asked, "detections", one)


def test_an_output_that_is_not_published_stays_so(folder: Folder) -> None:
    """Rewrites make no tables by themselves."""
    table_of(folder).compact()
    closed(folder)
    assert not [entry for entry in folder.list() if "iceberg" in entry.name.lower()]


def test_tables_of_another_output_are_left_alone(tmp_path: Path, asked: AsIceberg) -> None:
    """And an output stays in the catalogue that it is published in."""
    one, two = begun_output(tmp_path / "one"), begun_output(tmp_path / "two")
    table_of(one).publish(asked)
    with pytest.raises(UsageError, match=r"town.frames .* is no table of .*two/out"):
        table_of(two).publish(asked)
    assert not two.exists(RECORD_FILE)
    with pytest.raises(UsageError, match="is published as town in the catalogue sqlite"):
        table_of(one).publish(AsIceberg(namespace="village"))
    check_equal(one, asked)
    table_of(two).publish(AsIceberg(asked.catalogue, "village"))
    one.put(RECORD_FILE, b"{}")
    with pytest.raises(OutputCorruptError, match="does not say in which catalogue"):
        table_of(one).compact()


def test_nothing_of_the_output_is_changed_that_is_not_icebergs(
    tmp_path: Path, asked: AsIceberg
) -> None:
    """Though others may say in the catalogue where a table's metadata goes."""
    folder = begun_output(tmp_path)
    table_of(folder).publish(asked)
    elsewhere = {"write.metadata.path": f"file://{folder.uri}/frames"}
    with reading(asked) as catalogue, catalogue.load_table("town.frames").transaction() as change:
        change.set_properties(elsewhere)
    commit_lease(folder, "/videos/c.mp4", range(5))
    with pytest.raises(StorageError, match=r"would change .*/frames/.*, which is Fleet's"):
        table_of(folder).publish(AsIceberg())


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("memory://out", "memory"),
        ("obs://bucket/out", "obs"),
        ("/videos/out#1", "mean something"),
        ("/videos/caf\udce9", r"caf\\udce9, which is not UTF-8"),
    ],
)
def test_where_no_reader_finds_an_output_it_is_refused(uri: str, said: str) -> None:
    """Before a table is made."""
    from fleet.table.published.iceberg_record import location_of

    with pytest.raises(UsageError, match=said):
        location_of(uri)
    assert location_of("/videos/out 1") == "file:///videos/out 1"


def test_an_address_of_a_file_holds_wherever_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept as a whole one; one with credentials is not kept at all."""
    folder = begun_output(tmp_path)
    monkeypatch.chdir(tmp_path)
    record = record_of(folder, "sqlite:///catalog.db", None)
    assert record.catalogue == f"sqlite:///{tmp_path}/catalog.db"
    assert record.namespace == "out"
    with pytest.raises(UsageError, match="carries credentials"):
        record_of(folder, "postgresql://me:secret@host/catalog", None)


def test_a_column_that_iceberg_has_no_type_for_is_named() -> None:
    """Unsigned numbers, for one; lists of what it has are taken."""
    schema = iceberg_schema(pa.schema([("found", pa.list_(pa.float32(), 4))]), "crops")
    assert schema.field("found").type == pa.list_(pa.float32())
    with pytest.raises(UsageError, match="no type for the column count of crops: uint32"):
        iceberg_schema(pa.schema([("count", pa.uint32())]), "crops")


def test_a_column_more_is_a_new_schema_of_the_same_table(tmp_path: Path, asked: AsIceberg) -> None:
    """Parts that lack it have no value there."""
    folder = begun_output(tmp_path)
    table_of(folder).publish(asked)
    wider = read_schema(folder, "detections").append(pa.field("camera", pa.string()))
    folder.put("detections/schema.parquet", encode(wider.empty_table(), {}))
    commit_lease(folder, "/videos/b.mp4", range(5))
    table_of(folder).publish(asked)
    with reading(asked) as catalogue:
        found = catalogue.load_table("town.detections")
        assert found.schema().column_names[-1] == "camera"
        assert '"camera"' in found.properties["schema.name-mapping.default"]
    rows = rows_at(asked, "detections")
    assert len(rows) == 45
    assert {row["camera"] for row in rows} == {None}


def test_the_command_says_which_snapshots_there_are(tmp_path: Path, asked: AsIceberg) -> None:
    """In words, and as JSON; on standard error it says nothing."""
    folder = begun_output(tmp_path)
    catalogue = str(asked.catalogue)
    command = ("publish", folder.uri, "--format", "iceberg")
    # In a process of its own, where nothing but the command says what is logged.
    done = fleet_process(*command, "--catalog", catalogue, "--namespace", "town")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (snapshot,) = snapshots(asked, "detections")
    assert f"town.detections: snapshot {snapshot}; 40 rows in 1 part\n" in done.stdout
    assert "town.errors: no snapshot yet, as before; 0 rows in 0 parts\n" in done.stdout
    assert f"snapshot {snapshot}, as before" in fleet_here(*command).stdout
    said = json.loads(fleet_here(*command, "--json").stdout)
    assert {table["rows"] for table in said["tables"]} == {40, 20, 0}
    lost = fleet_here(*command, "--catalog", "nowhere")
    assert lost.returncode == 2
    assert "is published as town" in lost.stderr


def test_a_catalogue_that_pyiceberg_does_not_know_is_refused(tmp_path: Path) -> None:
    """By what pyiceberg says of it, and nothing is kept."""
    folder = begun_output(tmp_path)
    with pytest.raises(StorageError, match="PYICEBERG_CATALOG__NOWHERE__URI"):
        table_of(folder).publish(AsIceberg("nowhere"))
    assert not folder.exists(RECORD_FILE)
