"""What other systems read of a published output: the rows of `fleet.read`, by every reader.

As it is published, after `compact`, and after `requeue` and a run that takes up what was lost.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from command import fleet_here
from made_up import JOB, begun, closed, commit_lease, table_of
from other_readers import READERS, answered, iceberg, read_apart
from published import leases_of_two_videos, rows_of

import fleet
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.published.publish import AsIceberg

pytest.importorskip("pyiceberg", reason="pyiceberg is of the extra [iceberg]")
pytest.importorskip("polars", reason="Polars is not installed: pip install polars")

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


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_has_the_rows_of_fleet_read(folder: Folder, reader: str) -> None:
    """Of each table, row for row and with its columns."""
    tables = fleet.read(folder.uri)
    addresses = [f"{folder.uri}/{name}" for name in JOB.tables]
    for name, found in zip(JOB.tables, read_apart(reader, addresses), strict=True):
        wanted = tables.table(name).to_table()
        assert found.column_names == wanted.column_names
        assert rows_of(found) == rows_of(wanted), name


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
    told = "import os; print('rows', len(table.scan().to_arrow()), flush=True); os._exit(0)"
    printed = answered([sys.executable, "-c", "\n".join([*blocks, told])])
    assert printed.decode().endswith("rows 55\n")


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
            with iceberg(f"{folder.uri}/{name}") as found:
                at = f"iceberg_scan('{found.metadata_location}')"
        columns = [column for column in tables.table(name).schema.names if column != "time"]
        listed = ", ".join(f'"{column}"' for column in columns)
        rows = asked_of_duckdb(home, f"select {listed} from {at}")  # noqa: S608
        wanted = tables.table(name).to_table().select(columns).to_pylist()
        told: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in rows]
        assert sorted(told, key=repr) == sorted(wanted, key=repr), name


def asked_of_duckdb(home: str, sql: str) -> list[list[Any]]:
    """Return the rows of a query, by the DuckDB in a folder."""
    environment = {**os.environ, "PYTHONPATH": home}
    return list(json.loads(answered([sys.executable, "-c", ASK, home, sql], environment)))
