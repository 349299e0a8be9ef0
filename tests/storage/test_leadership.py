"""Who leads a job, how long a run believes that, and who joins."""

from __future__ import annotations

import pytest
from hand_clock import HandClock
from made_up import JOB, table_of
from run_peers import folder_of, lease, run

from fleet.core.interval import Interval
from fleet.driver.peers import (
    acquire_or_join,
)
from fleet.errors import JobFailedError, OutputBusyError, StorageRefusedError
from fleet.index_cache.store import IndexStore
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.state.lock import EXPIRES_S, LEADER_LOCK
from fleet.table.state.run_records import RunRecord
from fleet.table.table import Table


def test_a_lock_grows_old_without_harm_while_the_output_is_away_and_a_minute_behind_that() -> None:
    """The run goes on; it ends where the output answers and the lock is still not renewed."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        leadership.check(output_answers=False)
        clock.stand_still(EXPIRES_S)
        leadership.check()  # the output has just come back
        clock.stand_still(1)
        with pytest.raises(JobFailedError, match="could not be renewed"):
            leadership.check()
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        with pytest.raises(JobFailedError, match="could not be renewed"):
            leadership.check()


def test_without_conditional_puts_an_old_lock_ends_a_run_though_the_output_is_away() -> None:
    """Nothing else keeps another run's parts from it."""
    folder, clock = folder_of(), HandClock()
    table = Table(folder, JOB, clock=clock, conditional=False)
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        with pytest.raises(JobFailedError, match="could not be renewed"):
            leadership.check(output_answers=False)


def test_who_closes_waits_until_an_old_lock_is_renewed() -> None:
    """And ends where somebody has taken it."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        leadership.settle()
        leadership.check()
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        folder.put(LEADER_LOCK, run(folder).holder.to_bytes())
        with pytest.raises(JobFailedError, match="taken over"):
            leadership.settle()


def test_the_second_leads_or_joins_or_is_refused() -> None:
    """With --join, once the first has said what it does."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    with acquire_or_join(table, clock, join=False) as first:
        assert first.leads
        with pytest.raises(OutputBusyError, match="--join"):
            acquire_or_join(table, clock, join=False).__enter__()
        table.runs.put(RunRecord(first.holder, "running", 0.0))
        table.runs.put_leases(first.holder.mark, [lease("ab" * 16, Interval("a", "v1", 0, 9))])
        with acquire_or_join(table, clock, join=True) as second:
            assert not second.leads
            second.check()
    with acquire_or_join(table, clock, join=True) as third:
        assert third.leads


def test_a_store_without_conditional_puts_is_not_shared() -> None:
    """It is refused, and said why."""
    folder = folder_of()
    table = Table(folder, JOB, conditional=False)
    with pytest.raises(StorageRefusedError, match="--join"):
        table.need_conditional("`--join`")
    for change in (table.compact, lambda: table.requeue(LossFilter(), IndexStore(folder))):
        with pytest.raises(StorageRefusedError, match="no conditional puts that hold"):
            change()
