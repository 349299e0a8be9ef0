"""Outputs as Delta tables: the rows of `fleet.read`, whatever was rewritten or killed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import fleet_here
from made_up import JOB, begun, closed, commit_lease, table_of
from other_readers import read_apart
from published import (
    KilledError,
    begun_output,
    compacted_behind_its_back,
    leases_of_two_videos,
    rewritten_after_a_kill,
    rows_of,
)

import fleet
from fleet.clock import SYSTEM_CLOCK
from fleet.errors import OutputBusyError, OutputCorruptError
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.published import delta
from fleet.table.published.delta_log import (
    Snapshot,
    replay,
    version_name,
)
from fleet.table.state.holder import Holder
from fleet.table.state.lock import REWRITE_LOCK, locked
from fleet.table.table import Table


def log_of(folder: Folder, table: str) -> dict[int, bytes]:
    """The versions of a table, by number."""
    entries = list(folder.list(f"{table}/_delta_log/"))
    return {number: folder.read(entry.name) for number, entry in enumerate(entries)}


def snapshot(folder: Folder, table: str) -> Snapshot:
    """What the log of a table says now."""
    return replay(log_of(folder, table))


def published_rows(folder: Folder, table: str) -> list[dict[str, Any]]:
    """The rows of the files that the log names, and of no others."""
    parts = [
        pq.read_table(pa.BufferReader(folder.read(f"{table}/{path}")))
        for path in sorted(snapshot(folder, table).paths)
    ]
    return rows_of(pa.concat_tables(parts)) if parts else []


def check_equal(folder: Folder) -> None:
    """Each published table has the rows that `fleet.read` has."""
    tables = fleet.read(folder.uri)
    for name in JOB.tables:
        assert published_rows(folder, name) == rows_of(tables.table(name).to_table()), name


@pytest.fixture(params=["disk", "memory", "seaweed"])
def folder(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Folder:
    """An output with some leases of two videos, in stores of several kinds."""
    return leases_of_two_videos(Folder(place(request.param)))


def test_what_is_published_is_what_is_read(folder: Folder) -> None:
    """In one version a table, that has the schema and the numbers of rows; no part is copied."""
    before = {entry.name for entry in folder.list()}
    done = table_of(folder).publish()
    assert {(table.table, table.version, table.changed) for table in done} == {
        (name, 0, True) for name in JOB.tables
    }
    added = {entry.name for entry in folder.list()} - before
    assert {n for n in added if not n.startswith("_")} == {
        f"{name}/{version_name(0)}" for name in JOB.tables
    }
    check_equal(folder)
    rows = {table.table: table.rows for table in done}
    assert rows == {"detections": 55, "errors": 1, "frames": 45}
    for name in JOB.tables:
        lines = [json.loads(line) for line in log_of(folder, name)[0].splitlines()]
        counts = [json.loads(line["add"]["stats"])["numRecords"] for line in lines if "add" in line]
        assert sum(counts) == rows[name]


def test_publishing_again_puts_nothing_where_nothing_has_changed(folder: Folder) -> None:
    """And adds what was committed since, once."""
    table_of(folder).publish()
    before = {entry.name: entry.etag for entry in folder.list("detections/")}
    assert not any(table.changed for table in table_of(folder).publish())
    assert {entry.name: entry.etag for entry in folder.list("detections/")} == before
    commit_lease(folder, "/videos/c.mp4", range(5))
    changed = {table.table: table.version for table in table_of(folder).publish() if table.changed}
    assert changed == {"detections": 1, "frames": 1}
    check_equal(folder)


def test_each_rewrite_publishes_before_it_deletes(folder: Folder) -> None:
    """The latest version names no file that is not there, at any deletion; rows stay equal."""
    table_of(folder).publish()
    deleted = []
    delete = Folder.delete

    def watched(self: Folder, name: str) -> None:
        delete(self, name)
        table = name.partition("/")[0]
        if table in JOB.tables and name.endswith(".parquet"):
            deleted.append(name)
            assert name.partition("/")[2] not in snapshot(folder, table).paths

    with patch.object(Folder, "delete", watched):
        assert table_of(folder).compact().leases == 3
        assert len([name for name in deleted if "switching" not in name]) == 6
        check_equal(folder)
        store = IndexStore(Folder(f"{folder.uri}/_index"))
        assert table_of(folder).requeue(LossFilter("", ""), store).losses == 1
        check_equal(folder)
        begun(folder)
        commit_lease(folder, "/videos/a.mp4", range(20, 30))
        closed(folder)
        check_equal(folder)
    assert "_delta_log" not in repr(table_of(folder).verify().findings)
    assert snapshot(folder, "detections").version >= 3


def test_an_output_that_is_not_published_stays_so(folder: Folder) -> None:
    """Rewrites put no logs of themselves."""
    table_of(folder).compact()
    closed(folder)
    assert not [entry for entry in folder.list() if "_delta_log" in entry.name]


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_its_commit_it_is_published_once(folder: Folder, after: bool) -> None:
    """Before the version is put, or after: the next command finds the one or the other."""
    create = Folder.create

    def killed(self: Folder, name: str, data: bytes) -> str | None:
        if "_delta_log" not in name:
            return create(self, name, data)
        if after:
            create(self, name, data)
        raise KilledError

    with patch.object(Folder, "create", killed), pytest.raises(KilledError):
        table_of(folder).publish()
    # What the killed process held, others take over in time; here its lock is taken away.
    folder.delete(REWRITE_LOCK)
    done = table_of(folder).publish()
    assert {table.version for table in done} == {0}
    assert sum(table.changed for table in done) == 3 - after
    check_equal(folder)


def test_of_two_that_publish_at_once_one_wins_and_both_say_the_same(folder: Folder) -> None:
    """The other one sees that its version is taken, and looks again."""
    create = Folder.create
    raced: list[str] = []

    def raced_by(self: Folder, name: str, data: bytes) -> str | None:
        if "_delta_log" in name and not raced:
            raced.append(name)
            # Another writer puts the same content under its own mark.
            create(self, name, data.replace(b'"txnId": "', b'"txnId": "other'))
        return create(self, name, data)

    with patch.object(Folder, "create", raced_by):
        done = table_of(folder).publish()
    assert raced
    assert {table.version for table in done} == {0}
    check_equal(folder)


def test_what_is_known_no_longer_is_never_published(folder: Folder) -> None:
    """Of parts that others have brought together meanwhile, and deleted; it looks again."""
    table_of(folder).publish()
    commit_lease(folder, "/videos/c.mp4", range(5))
    with compacted_behind_its_back(delta, folder) as moved:
        delta.publish(folder, JOB, SYSTEM_CLOCK, lambda: None)
    assert moved == [4]
    check_equal(folder)


def test_publishing_is_refused_while_a_rewrite_goes_on(folder: Folder) -> None:
    """And the other way round it waits, as rewrites do for each other."""
    holder = Holder.me("fleet compact", JOB.digest, SYSTEM_CLOCK.unix_s())
    with (
        locked(folder, REWRITE_LOCK, holder, SYSTEM_CLOCK, conditional=True, wait_s=0),
        pytest.raises(OutputBusyError, match="fleet compact"),
    ):
        table_of(folder).publish()
    assert not [entry for entry in folder.list() if "_delta_log" in entry.name]


def test_a_log_that_others_have_changed_is_not_gone_on_with(folder: Folder) -> None:
    """One of a later protocol, one with versions missing, one that is damaged: each is named."""
    table_of(folder).publish()
    name = f"frames/{version_name(1)}"
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7}}
    for data in (json.dumps(protocol).encode(), b"{", b'{"add": {}}'):
        folder.put(name, data)
        with pytest.raises(OutputCorruptError, match="frames/_delta_log cannot be gone on with"):
            table_of(folder).publish()
    folder.delete(name)
    folder.put(f"frames/{version_name(2)}", b"")
    with pytest.raises(OutputCorruptError, match="versions of it are missing"):
        table_of(folder).publish()


def test_other_systems_read_the_same_rows(tmp_path: Path) -> None:
    """deltalake, now and as it was before: of the versions whose parts are still there."""
    folder = begun_output(tmp_path)
    table_of(folder).publish()
    first = rows_of(fleet.read(folder.uri).detections.to_table())
    commit_lease(folder, "/videos/c.mp4", range(5))
    table_of(folder).publish()
    tables = [f"{folder.uri}/{name}" for name in JOB.tables]
    for name, found in zip(JOB.tables, read_apart("deltalake", tables), strict=True):
        assert rows_of(found) == rows_of(fleet.read(folder.uri).table(name).to_table())
    detections = [f"{folder.uri}/detections"]
    (before,) = read_apart("deltalake", detections, "0")
    assert rows_of(before) == first
    table_of(folder).compact()
    (found,) = read_apart("deltalake", detections)
    assert rows_of(found) == rows_of(fleet.read(folder.uri).detections.to_table())


def test_the_command_says_which_versions_there_are(tmp_path: Path) -> None:
    """In words, and as JSON; other forms are refused."""
    folder = begun_output(tmp_path)
    done = fleet_here("publish", folder.uri)
    assert done.returncode == 0, done.stderr
    assert "detections: version 0; 40 rows in 1 part\n" in done.stdout
    assert "version 0, as before" in fleet_here("publish", folder.uri).stdout
    said = json.loads(fleet_here("publish", folder.uri, "--json").stdout)
    assert {table["rows"] for table in said["tables"]} == {40, 20, 0}
    refused = fleet_here("publish", folder.uri, "--format", "hudi")
    assert refused.returncode == 2
    assert "There are --format delta and --format iceberg" in refused.stderr
    misplaced = fleet_here("publish", folder.uri, "--namespace", "town")
    assert misplaced.returncode == 2
    assert "Delta tables are in no catalogue" in misplaced.stderr
    unsafe = replace_conditional(folder)
    with pytest.raises(fleet.errors.StorageRefusedError, match="fleet publish"):
        unsafe.publish()


def replace_conditional(folder: Folder) -> Any:
    """The door to an output in a store that has no conditional puts."""
    return Table(folder, replace(JOB), conditional=False)


@pytest.mark.parametrize("again", ["compact", "close"])
def test_a_rewrite_that_is_killed_before_it_publishes_is_made_good_by_the_next(
    tmp_path: Path, again: str
) -> None:
    """Which deletes nothing that the last version of a table names."""
    create = Folder.create

    def killed(self: Folder, name: str, data: bytes) -> str | None:
        if "_delta_log" in name:
            raise KilledError
        return create(self, name, data)

    folder = Folder(str(tmp_path / "out"))
    struck = patch.object(Folder, "create", killed)
    rewritten_after_a_kill(folder, again, lambda it: table_of(it).publish(), struck)
    check_equal(folder)
