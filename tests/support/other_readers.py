"""What other systems read of published tables, each in a process of its own.

So what theirs leaves behind, or where one stands still, is no matter of the tests beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyiceberg.table import Table as Iceberg

ANSWERS_S = 90
"""A reader needs some seconds of it, most of them for its imports."""


def read_apart(reader: str, tables: Sequence[str], *options: str) -> list[pa.Table]:
    """Return tables as a reader of `READERS` reads them, in a process of its own.

    `tables`: the addresses of their folders. `options`: the reader's own.
    """
    command = [sys.executable, __file__, reader, ",".join(tables), *options]
    printed = pa.BufferReader(answered(command))
    found = []
    for _ in tables:
        with pa.ipc.open_stream(printed) as stream:
            found.append(stream.read_all())
    return found


def answered(command: list[str], environment: Mapping[str, str] | None = None) -> bytes:
    """Return what a command prints, which ends well and in time."""
    done = subprocess.run(
        command, capture_output=True, check=False, timeout=ANSWERS_S, env=environment
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _by_deltalake(table: str, version: str = "") -> pa.Table:
    """The reader of Delta's own; `version`: an earlier one."""
    import deltalake

    return deltalake.DeltaTable(table, version=int(version) if version else None).to_pyarrow_table()


def _by_polars_of_delta(table: str) -> pa.Table:
    """Polars, which finds the files by deltalake and reads them itself."""
    import polars as pl

    return pl.scan_delta(table).collect().to_arrow()


def _by_duckdb_of_delta(table: str) -> pa.Table:
    """DuckDB, over what deltalake finds."""
    import deltalake
    import duckdb

    found = deltalake.DeltaTable(table).to_pyarrow_dataset()
    with duckdb.connect() as database:
        return database.from_arrow(found).to_arrow_table()


@contextmanager
def iceberg(table: str) -> Iterator[Iceberg]:
    """A table in the catalogue beside its output, as pyiceberg finds it."""
    from pyiceberg.catalog import load_catalog

    output = Path(table).parent
    catalogue = load_catalog("fleet", uri=f"sqlite:///{output.parent}/catalog.db")
    try:
        yield catalogue.load_table(f"town.{Path(table).name}")
    finally:
        catalogue.close()


def _by_pyiceberg(table: str) -> pa.Table:
    """The reader of Iceberg's own."""
    with iceberg(table) as found:
        return found.scan().to_arrow()


def _by_polars_of_iceberg(table: str) -> pa.Table:
    """Polars, which finds the files by pyiceberg and reads them itself."""
    import polars as pl

    with iceberg(table) as found:
        return pl.scan_iceberg(found, reader_override="native").collect().to_arrow()


def _by_duckdb_of_iceberg(table: str) -> pa.Table:
    """DuckDB, over what pyiceberg reads."""
    import duckdb

    with iceberg(table) as found, duckdb.connect() as database:
        return database.from_arrow(found.scan().to_arrow_batch_reader()).to_arrow_table()


READERS: Mapping[str, Callable[..., pa.Table]] = {
    "deltalake": _by_deltalake,
    "polars-of-delta": _by_polars_of_delta,
    "duckdb-of-delta": _by_duckdb_of_delta,
    "pyiceberg": _by_pyiceberg,
    "polars-of-iceberg": _by_polars_of_iceberg,
    "duckdb-of-iceberg": _by_duckdb_of_iceberg,
}


def _main() -> None:
    reader, tables, *options = sys.argv[1:]
    for table in tables.split(","):
        found = READERS[reader](table, *options)
        with pa.ipc.new_stream(sys.stdout.buffer, found.schema) as stream:
            stream.write_table(found)
    sys.stdout.flush()
    # Threads of deltalake's abort the interpreter now and then where it ends in an orderly way.
    os._exit(0)


if __name__ == "__main__":
    _main()
