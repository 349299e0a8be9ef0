"""Iceberg tables of an output, as pyiceberg reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from made_up import JOB
from published import (
    rows_of,
)
from pyiceberg.catalog import Catalog, load_catalog

import fleet
from fleet.storage import Folder
from fleet.table.published.publish import AsIceberg


@contextmanager
def reading(asked: AsIceberg) -> Iterator[Catalog]:
    """Open the catalogue as a reader does, who knows nothing of Fleet."""
    own = {
        "s3.endpoint": os.environ.get("AWS_ENDPOINT_URL"),
        "s3.access-key-id": os.environ.get("AWS_ACCESS_KEY_ID"),
        "s3.secret-access-key": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        "s3.region": os.environ.get("AWS_REGION"),
    }
    given = {name: value for name, value in own.items() if value}
    catalogue = load_catalog("fleet", uri=asked.catalogue, **given)
    try:
        yield catalogue
    finally:
        catalogue.close()


def named(asked: AsIceberg, table: str) -> list[str]:
    """The files that the current snapshot names, by their names below the table's folder."""
    with reading(asked) as catalogue:
        found = catalogue.load_table(f"town.{table}")
        paths = found.inspect.files()["file_path"].to_pylist()
        return [path.removeprefix(f"{found.location()}/") for path in paths]


def snapshots(asked: AsIceberg, table: str) -> list[int]:
    """The numbers of all snapshots of a table, oldest first."""
    with reading(asked) as catalogue:
        return [each.snapshot_id for each in catalogue.load_table(f"town.{table}").snapshots()]


def rows_at(asked: AsIceberg, table: str, snapshot: int | None = None) -> list[dict[str, Any]]:
    """The rows of a table, now or as it was in a snapshot."""
    with reading(asked) as catalogue:
        found = catalogue.load_table(f"town.{table}")
        return rows_of(found.scan(snapshot_id=snapshot).to_arrow())


def check_equal(folder: Folder, asked: AsIceberg) -> None:
    """Each published table has the rows that `fleet.read` has."""
    tables = fleet.read(folder.uri)
    for name in JOB.tables:
        assert rows_at(asked, name) == rows_of(tables.table(name).to_table()), name
