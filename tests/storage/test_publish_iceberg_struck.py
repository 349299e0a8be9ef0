"""An output that is published as Iceberg tables while something is killed, goes away or is faster."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from iceberg_reading import check_equal, reading, rows_at, snapshots
from made_up import JOB, commit_lease, table_of
from published import (
    KilledError,
    begun_output,
    compacted_behind_its_back,
    leases_of_two_videos,
    rewritten_after_a_kill,
)
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

from fleet.clock import SYSTEM_CLOCK
from fleet.errors import OutputBusyError, StorageError, UsageError
from fleet.parquet.encoding import encode
from fleet.storage import Folder
from fleet.table.published import iceberg
from fleet.table.published.iceberg_record import RECORD_FILE, record_of
from fleet.table.published.publish import AsIceberg
from fleet.table.state.holder import Holder
from fleet.table.state.lock import REWRITE_LOCK, locked
from fleet.table.state.ownership import read_schema


@pytest.fixture(params=["disk", "seaweed"])
def folder(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Folder:
    """An output with some leases of two videos, in stores of several kinds."""
    return leases_of_two_videos(Folder(place(request.param)))


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_its_commit_it_is_published_once(
    folder: Folder, asked: AsIceberg, after: bool
) -> None:
    """Between the put of what a snapshot is and its commit, or after: the next command sees which."""
    commit = SqlCatalog.commit_table
    put: list[str] = []

    def killed(self: SqlCatalog, *arguments: Any) -> Any:
        put.extend(entry.name for entry in folder.list() if entry.name.endswith(".avro"))
        if after:
            commit(self, *arguments)
        raise KilledError

    with patch.object(SqlCatalog, "commit_table", killed), pytest.raises(KilledError):
        table_of(folder).publish(asked)
    assert put
    # What the killed process held, others take over in time; here its lock is taken away.
    folder.delete(REWRITE_LOCK)
    done = table_of(folder).publish(asked)
    assert sum(table.changed for table in done) == 3 - after
    assert [len(snapshots(asked, name)) for name in JOB.tables] == [1, 1, 1]
    check_equal(folder, asked)


def test_of_two_that_publish_at_once_one_wins_and_rows_are_there_once(
    folder: Folder, asked: AsIceberg
) -> None:
    """The other one is told that it came too late, and looks again."""
    commit = SqlCatalog.commit_table
    raced: list[bool] = []

    def raced_by(self: SqlCatalog, *arguments: Any) -> Any:
        if not raced:
            raced.append(True)
            lock = folder.read(REWRITE_LOCK)
            folder.delete(REWRITE_LOCK)
            table_of(folder).publish(asked)
            folder.put(REWRITE_LOCK, lock)
        return commit(self, *arguments)

    with patch.object(SqlCatalog, "commit_table", raced_by):
        done = table_of(folder).publish(asked)
    assert raced
    assert not any(table.changed for table in done)
    assert [len(snapshots(asked, name)) for name in JOB.tables] == [1, 1, 1]
    check_equal(folder, asked)


def test_what_is_known_no_longer_is_never_published(folder: Folder, asked: AsIceberg) -> None:
    """Of parts that others have brought together meanwhile, and deleted; it looks again."""
    table_of(folder).publish(asked)
    commit_lease(folder, "/videos/c.mp4", range(5))
    record = record_of(folder, None, None)
    with compacted_behind_its_back(iceberg, folder) as moved:
        iceberg.publish(folder, JOB, record, lambda: None)
    assert moved == [4]
    check_equal(folder, asked)


def test_publishing_is_refused_while_a_rewrite_goes_on(folder: Folder, asked: AsIceberg) -> None:
    """And leaves nothing behind."""
    holder = Holder.me("fleet compact", JOB.digest, SYSTEM_CLOCK.unix_s())
    with (
        locked(folder, REWRITE_LOCK, holder, SYSTEM_CLOCK, conditional=True, wait_s=0),
        pytest.raises(OutputBusyError, match="fleet compact"),
    ):
        table_of(folder).publish(asked)
    assert not [entry for entry in folder.list() if "iceberg" in entry.name.lower()]


@pytest.mark.parametrize("again", ["compact", "close"])
def test_a_rewrite_that_is_killed_before_it_publishes_is_made_good_by_the_next(
    tmp_path: Path, asked: AsIceberg, again: str
) -> None:
    """Which deletes nothing that the current snapshot of a table names."""
    folder = Folder(str(tmp_path / "out"))
    killed = patch.object(SqlCatalog, "commit_table", side_effect=KilledError)
    rewritten_after_a_kill(folder, again, lambda it: table_of(it).publish(asked), killed)
    check_equal(folder, asked)


def test_where_the_catalogue_does_not_answer_nothing_is_begun(
    tmp_path: Path, asked: AsIceberg
) -> None:
    """No part is moved or deleted that a snapshot names; the way out is said."""
    folder = begun_output(tmp_path)
    commit_lease(folder, "/videos/b.mp4", range(15))
    table_of(folder).publish(asked)
    (tmp_path / "catalog.db").rename(tmp_path / "away.db")
    (tmp_path / "catalog.db").mkdir()
    before = [entry.name for entry in folder.list()]
    with pytest.raises(StorageError, match=r"catalog\.db does not publish") as caught:
        table_of(folder).compact()
    assert RECORD_FILE in caught.value.way_out
    assert [entry.name for entry in folder.list() if entry.name != REWRITE_LOCK] == [
        name for name in before if name != REWRITE_LOCK
    ]
    with (
        patch.dict(sys.modules, {"pyiceberg.catalog": None}),
        pytest.raises(UsageError, match=r"pyiceberg.catalog, which is not installed"),
    ):
        table_of(folder).compact()
    (tmp_path / "catalog.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "catalog.db")
    assert table_of(folder).compact().leases == 2
    check_equal(folder, asked)


@pytest.mark.parametrize("is_first", [False, True])
def test_a_schema_that_others_change_at_once_is_looked_at_again(
    tmp_path: Path, asked: AsIceberg, is_first: bool
) -> None:
    """Whether the output has said by then where it is published, or is to say so."""
    folder = begun_output(tmp_path)
    table_of(folder).publish(asked)
    wider = read_schema(folder, "detections").append(pa.field("camera", pa.string()))
    folder.put("detections/schema.parquet", encode(wider.empty_table(), {}))
    if is_first:
        folder.delete(RECORD_FILE)
    commit = SqlCatalog.commit_table
    refused: list[bool] = []

    def raced_by(self: SqlCatalog, *arguments: Any) -> Any:
        if not refused:
            refused.append(True)
            raise CommitFailedException
        return commit(self, *arguments)

    with patch.object(SqlCatalog, "commit_table", raced_by):
        table_of(folder).publish(asked)
    assert refused
    assert folder.exists(RECORD_FILE)
    with reading(asked) as catalogue:
        assert catalogue.load_table("town.detections").schema().column_names[-1] == "camera"
    assert {row["camera"] for row in rows_at(asked, "detections")} == {None}
