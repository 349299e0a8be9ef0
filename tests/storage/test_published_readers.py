"""What other systems read of a published output: the rows of `fleet.read`, by every reader.

As it is published, after `compact`, and after `requeue` and a run that takes up what was lost.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import pyarrow as pa
import pytest
from command import fleet_here
from made_up import JOB, begun, closed, commit_lease, table_of
from published import leases_of_two_videos, rows_of

import fleet
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.published.publish import AsIceberg

pytest.importorskip("pyiceberg", reason="pyiceberg is of the extra [iceberg]")
pytest.importorskip("polars", reason="Polars is not installed: pip install polars")

import polars as pl
from pyiceberg.catalog import load_catalog
from pyiceberg.table import Table as Iceberg

PAGE = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text("utf-8")
DUCKDB_VARIABLE = "FLEET_TEST_DUCKDB"
DUCKDB = (
    f"{DUCKDB_VARIABLE} names no folder of DuckDB 1.5.5 with its readers: pip install --no-deps "
    "--target DIR duckdb==1.5.5 duckdb-extension-{delta,iceberg,avro,httpfs}==1.5.5"
)
ASK = """\
import duckdb, json, sys
from pathlib import Path
folder, sql = sys.argv[1:]
database = duckdb.connect(config={"allow_unsigned_extensions": "true"})
for name in ("avro", "httpfs", "delta", "iceberg"):
    (path,) = Path(folder).glob(f"duckdb_extension_{name}/extensions/*/*.duckdb_extension")
    database.execute(f"LOAD '{path}'")
print(json.dumps(database.sql(sql).fetchall()))
"""


def as_published(folder: Folder) -> None:
    """Nothing has happened since."""
    del folder


def compacted(folder: Folder) -> None:
    """Its parts are others now."""
    assert table_of(folder).compact().leases == 3


def requeued(folder: Folder) -> None:
    """What was lost was taken up again, by a run that closed it."""
    store = IndexStore(Folder(f"{folder.uri}/_index"))
    assert table_of(folder).requeue(LossFilter("", ""), store).losses == 1
    begun(folder)
    commit_lease(folder, "/videos/a.mp4", range(20, 30), found=3)
    closed(folder)


CHANGES: Mapping[str, Callable[[Folder], None]] = {
    "published": as_published,
    "compacted": compacted,
    "requeued": requeued,
}


@pytest.fixture(scope="module", params=CHANGES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """An output that is published in both forms, and was changed since."""
    tmp_path = tmp_path_factory.mktemp("published")
    made = leases_of_two_videos(Folder(str(tmp_path / "out")))
    table_of(made).publish()
    table_of(made).publish(AsIceberg(f"sqlite:///{tmp_path}/catalog.db", "town"))
    CHANGES[request.param](made)
    return made


@contextmanager
def iceberg(folder: Folder, table: str) -> Iterator[Iceberg]:
    """A table in the catalogue, as pyiceberg finds it."""
    catalogue = load_catalog("fleet", uri=f"sqlite:///{Path(folder.uri).parent}/catalog.db")
    try:
        yield catalogue.load_table(f"town.{table}")
    finally:
        catalogue.close()


def by_deltalake(folder: Folder, table: str) -> pa.Table:
    """The reader of Delta's own."""
    return deltalake.DeltaTable(f"{folder.uri}/{table}").to_pyarrow_table()


def by_polars_of_delta(folder: Folder, table: str) -> pa.Table:
    """Polars, which finds the files by deltalake and reads them itself."""
    return pl.scan_delta(f"{folder.uri}/{table}").collect().to_arrow()


def by_duckdb_of_delta(folder: Folder, table: str) -> pa.Table:
    """DuckDB, over what deltalake finds."""
    found = deltalake.DeltaTable(f"{folder.uri}/{table}").to_pyarrow_dataset()
    with duckdb.connect() as database:
        return database.from_arrow(found).to_arrow_table()


def by_pyiceberg(folder: Folder, table: str) -> pa.Table:
    """The reader of Iceberg's own."""
    with iceberg(folder, table) as found:
        return found.scan().to_arrow()


def by_polars_of_iceberg(folder: Folder, table: str) -> pa.Table:
    """Polars, which finds the files by pyiceberg and reads them itself."""
    with iceberg(folder, table) as found:
        return pl.scan_iceberg(found, reader_override="native").collect().to_arrow()


def by_duckdb_of_iceberg(folder: Folder, table: str) -> pa.Table:
    """DuckDB, over what pyiceberg reads."""
    with iceberg(folder, table) as found, duckdb.connect() as database:
        return database.from_arrow(found.scan().to_arrow_batch_reader()).to_arrow_table()


READERS = [
    by_deltalake,
    by_polars_of_delta,
    by_duckdb_of_delta,
    by_pyiceberg,
    by_polars_of_iceberg,
    by_duckdb_of_iceberg,
]


@pytest.mark.filterwarnings("ignore:.*polars_iceberg")
@pytest.mark.parametrize("reader", READERS)
def test_each_reader_has_the_rows_of_fleet_read(
    folder: Folder, reader: Callable[[Folder, str], pa.Table]
) -> None:
    """Of each table, row for row and with its columns."""
    tables = fleet.read(folder.uri)
    for name in JOB.tables:
        found, wanted = reader(folder, name), tables.table(name).to_table()
        assert found.column_names == wanted.column_names
        assert rows_of(found) == rows_of(wanted), name


@pytest.mark.filterwarnings("ignore:.*polars_iceberg")
def test_what_the_page_shows_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands and its Python, word for word, on an output that is called as there."""
    monkeypatch.chdir(tmp_path)
    leases_of_two_videos(Folder("build/town"))
    commands = re.findall(r"^    fleet (publish .*)$", PAGE, re.MULTILINE)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert (len(commands), len(blocks)) == (2, 2)
    for command in commands:
        done = fleet_here(*command.split())
        assert done.returncode == 0, done.stderr
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - it is the page's own
    names["catalog"].close()
    assert len(names["table"].scan().to_arrow()) == 55


@pytest.mark.parametrize("form", ["delta", "iceberg"])
def test_duckdbs_own_readers_have_the_rows_of_fleet_read(folder: Folder, form: str) -> None:
    """By a DuckDB that has them with it, in a process of its own."""
    home = os.environ.get(DUCKDB_VARIABLE)
    if not home:
        pytest.skip(DUCKDB)
    tables = fleet.read(folder.uri)
    for name in JOB.tables:
        at = f"delta_scan('{folder.uri}/{name}')"
        if form == "iceberg":
            with iceberg(folder, name) as found:
                at = f"iceberg_scan('{found.metadata_location}')"
        columns = [column for column in tables.table(name).schema.names if column != "time"]
        listed = ", ".join(f'"{column}"' for column in columns)
        rows = asked_of_duckdb(home, f"select {listed} from {at}")  # noqa: S608
        wanted = tables.table(name).to_table().select(columns).to_pylist()
        told: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in rows]
        assert sorted(told, key=repr) == sorted(wanted, key=repr), name


def asked_of_duckdb(home: str, sql: str) -> list[list[Any]]:
    """Return the rows of a query, by the DuckDB in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, home, sql],
        env={**os.environ, "PYTHONPATH": home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))
