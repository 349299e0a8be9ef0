"""The tables of an output as Delta tables, in the folders where they lie: no part is copied.

Each version is one object that is put where there is none of its number, so that of several
writers one wins. Once a table is published, each manifest that is put publishes it again before
what it replaces is deleted: the latest version names no part that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fleet.clock import Clock
from fleet.errors import OutputCorruptError, StorageError
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.parts.schema import ERRORS, FRAMES, IDENTITY
from fleet.table.published.data_files import (
    DataFile,
    PublishedTable,
    data_files,
    in_order,
)
from fleet.table.published.delta_log import (
    LOG_FOLDER,
    Snapshot,
    next_version,
    replay,
    version_name,
    version_of,
)
from fleet.table.state.ownership import read_schema
from fleet.table.state.state import TableState, read_state

_TRIES = 5


def publish(
    folder: Folder,
    job: JobRecord,
    clock: Clock,
    check: Callable[[], None],
    only_again: bool = False,
) -> tuple[PublishedTable, ...]:
    """Publish what an output holds now, each of its tables in one version of its own.

    `check`: raises JobFailedError where the lock that keeps rewrites away is lost. `only_again`:
    only tables that are published already. Raises OutputCorruptError where a log cannot be gone on
    with, StorageError where other writers are always faster.
    """
    tables = [name for name in job.tables if not only_again or _is_published(folder, name)]
    if not tables:
        return ()
    for _ in range(_TRIES):
        # The logs first: where others publish what they change after that, the version of what was
        # the state before comes too late.
        before = {name: _snapshot(folder, name) for name in tables}
        state = read_state(folder, job.tables)
        files = data_files(state, job)
        found = [
            _publish(folder, job, state, name, before[name], files[name], clock, check)
            for name in in_order(tables)
        ]
        done = [table for table in found if table is not None]
        if len(done) == len(found):
            return tuple(done)
    raise StorageError(f"{folder.uri} is published by others faster than by this process.")


def _publish(
    folder: Folder,
    job: JobRecord,
    state: TableState,
    table: str,
    before: Snapshot,
    files: Sequence[DataFile],
    clock: Clock,
    check: Callable[[], None],
) -> PublishedTable | None:
    """Publish one table; None where another writer has put the version meanwhile."""
    columns = dict(zip(job.tables, (IDENTITY, ERRORS, FRAMES), strict=True))[table]
    data = next_version(
        before,
        files,
        read_schema(folder, table, columns),
        table=table,
        job=job.digest,
        number=state.manifest.number,
        now_ms=int(clock.unix_s() * 1000),
    )
    version = before.version
    if data is not None:
        check()
        version += 1
        if folder.create(f"{table}/{version_name(version)}", data) is None:
            return None
    rows = sum(file.rows for file in files)
    uri = f"{folder.uri}/{table}"
    return PublishedTable(table, uri, uri, version, data is not None, len(files), rows)


def _is_published(folder: Folder, table: str) -> bool:
    return next(folder.list(f"{table}/{LOG_FOLDER}/"), None) is not None


def _snapshot(folder: Folder, table: str) -> Snapshot:
    names = [entry.name for entry in folder.list(f"{table}/{LOG_FOLDER}/")]
    versions = sorted(number for name in names if (number := version_of(name)) is not None)
    try:
        return replay(
            {number: folder.read(f"{table}/{version_name(number)}") for number in versions}
        )
    except (ValueError, LookupError, TypeError, FileNotFoundError) as error:
        raise OutputCorruptError(
            f"{folder.uri}/{table}/{LOG_FOLDER} cannot be gone on with: {error}.",
            "Delete that folder, and run `fleet publish` again: it begins with version 0.",
        ) from error
