"""The tables of an output as Iceberg tables: the same parts, in a catalogue; none is copied.

Each version is one snapshot, which the catalogue takes where the last one is still the one that
was looked at, so that of several writers one wins. Once an output is published, each manifest that
is put publishes it again before what it replaces is deleted: the current snapshot names no part
that is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.errors import StorageError, UsageError
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.parts.schema import ERRORS, FRAMES, IDENTITY
from fleet.table.published.catalogue import opened
from fleet.table.published.data_files import DataFile, PublishedTable, data_files, in_order
from fleet.table.published.iceberg_record import (
    METADATA_FOLDER,
    IcebergRecord,
    location_of,
    put_record,
)
from fleet.table.published.iceberg_schema import iceberg_schema
from fleet.table.state.ownership import read_schema
from fleet.table.state.state import read_state
from fleet.version import __version__

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile as Registered
    from pyiceberg.table import Table as Iceberg

_TRIES = 5
_OUTPUT = "fleet.output"
_FIXED = {
    # The parts are the output's: nobody deletes them who drops the table or its snapshots.
    "gc.enabled": "false",
    # A commit that came too late would be done again as it was, with parts that another one has
    # added by then: it is made anew here, by what is there.
    "commit.retry.num-retries": "0",
}
"""Properties of each table."""


@dataclass(frozen=True)
class _Source:
    """What is published where."""

    folder: Folder
    job: JobRecord
    record: IcebergRecord

    def at(self, table: str) -> str:
        """Return where a table lies."""
        return f"{location_of(self.folder.uri)}/{table}"


def publish(
    folder: Folder, job: JobRecord, record: IcebergRecord, check: Callable[[], None]
) -> tuple[PublishedTable, ...]:
    """Publish what an output holds now, each of its tables in one snapshot of its own.

    `check`: raises JobFailedError where the lock that keeps rewrites away is lost. Raises
    UsageError where the catalogue has such tables of another output, or Iceberg has no type for a
    column; StorageError where the catalogue does not answer, or other writers are always faster.
    """
    tables, source = in_order(job.tables), _Source(folder, job, record)
    with opened(folder, record) as catalogue:
        from pyiceberg.exceptions import CommitFailedException  # noqa: PLC0415 - of an extra

        is_recorded = False
        for _ in range(_TRIES):
            try:
                # The tables first: where others publish what they change after that, the commit of
                # what was the state before comes too late.
                there = {table: _opened(catalogue, source, table) for table in tables}
                if not is_recorded:
                    # Before a snapshot names a part, so that no rewrite deletes that unseen.
                    put_record(folder, record)
                    is_recorded = True
                state = read_state(folder, job.tables)
                files = data_files(state, job)
                about = {
                    "fleet.version": __version__,
                    "fleet.job": job.digest,
                    "fleet.manifest": str(state.manifest.number),
                }
                return tuple(_publish(source, n, there[n], files[n], about, check) for n in tables)
            except CommitFailedException:
                # Another writer was faster.
                continue
    raise StorageError(f"{folder.uri} is published by others faster than by this process.")


def _opened(catalogue: Catalog, source: _Source, table: str) -> Iceberg:
    """Return a table of the catalogue, which is made where there is none.

    Raises CommitFailedException where others have changed it meanwhile.
    """
    from pyiceberg.catalog.rest import RestCatalog  # noqa: PLC0415 - of an extra
    from pyiceberg.exceptions import NoSuchTableError  # noqa: PLC0415 - likewise

    name = source.record.name_of(table)
    columns = dict(zip(source.job.tables, (IDENTITY, ERRORS, FRAMES), strict=True))[table]
    schema = iceberg_schema(read_schema(source.folder, table, columns), table)
    try:
        found = catalogue.load_table(name)
    except NoSuchTableError:
        location: str | None = source.at(table)
        properties = _FIXED | {
            _OUTPUT: source.folder.uri,
            "write.metadata.path": f"{location}/{METADATA_FOLDER}",
        }
        if isinstance(catalogue, RestCatalog):
            # Its server writes by itself, with its own credentials, and may not reach the output:
            # so it says where.
            location = None
            del properties["write.metadata.path"]
        found = catalogue.create_table_if_not_exists(name, schema, location, properties=properties)
    if found.properties.get(_OUTPUT) != source.folder.uri:
        raise UsageError(
            f"{name} in the catalogue {source.record.catalogue} is no table of "
            f"{source.folder.uri}.",
            "Publish under another --namespace; or drop it there, if the output was moved.",
        )
    if set(schema.names) - {field.name for field in found.schema().fields}:
        with found.update_schema() as update:
            update.union_by_name(schema)
    return found


def _publish(
    source: _Source,
    table: str,
    found: Iceberg,
    files: list[DataFile],
    about: dict[str, str],
    check: Callable[[], None],
) -> PublishedTable:
    """Publish one table; `about`: what its snapshot is to say."""
    wanted = {f"{source.at(table)}/{file.path}" for file in files}
    there = _registered(found)
    added, removed = sorted(wanted - there.keys()), sorted(there.keys() - wanted)
    if added or removed:
        gone = [there[path] for path in removed]
        _commit(source.folder, found, added, gone, about, check)
    now = found.current_snapshot()
    return PublishedTable(
        table,
        source.record.name_of(table),
        found.metadata_location,
        now.snapshot_id if now else None,
        bool(added or removed),
        len(files),
        sum(file.rows for file in files),
    )


def _registered(found: Iceberg) -> dict[str, Registered]:
    """Return the files that the current snapshot names, by location."""
    snapshot = found.current_snapshot()
    if snapshot is None:
        return {}
    manifests = snapshot.manifests(found.io)
    entries = [entry for each in manifests for entry in each.fetch_manifest_entry(found.io)]
    return {entry.data_file.file_path: entry.data_file for entry in entries}


def _commit(
    folder: Folder,
    found: Iceberg,
    added: list[str],
    removed: list[Registered],
    about: dict[str, str],
    check: Callable[[], None],
) -> None:
    """Make one snapshot: what is added, and without what is removed.

    Raises CommitFailedException where others have published or rewritten it meanwhile.
    """
    from pyiceberg.exceptions import CommitFailedException  # noqa: PLC0415 - of an extra
    from pyiceberg.io.pyarrow import parquet_file_to_data_file  # noqa: PLC0415 - likewise

    change = found.transaction()
    change.set_properties(_FIXED | _names(found))

    def described(path: str) -> Registered:
        return parquet_file_to_data_file(found.io, change.table_metadata, path)

    try:
        files = folder.each(described, added)
    except FileNotFoundError as error:
        raise CommitFailedException(f"{error} was brought into another part") from error
    snapshot = change.update_snapshot(snapshot_properties=about)
    with snapshot.overwrite() if removed else snapshot.fast_append() as update:
        for file in removed:
            update.delete_data_file(file)
        for file in files:
            update.append_data_file(file)
    # What is described by now may have taken a while.
    check()
    change.commit_transaction()


def _names(found: Iceberg) -> dict[str, str]:
    """Return the property that says which column of a part is which: parts have no numbers."""
    return {"schema.name-mapping.default": found.schema().name_mapping.model_dump_json()}
