"""What a run puts down of itself while it goes on: its note, and snapshots of its records."""

from __future__ import annotations

import uuid

import pytest
from hand_clock import HandClock
from made_up import JOB, ORIGIN, begun, claimed, commit_lease, table_of

from fleet.core.run_events import DeviceJoined, LeaseDone, RunStarted
from fleet.driver import checkpointer as checkpointing
from fleet.driver.checkpointer import Checkpointer
from fleet.driver.heartbeat import ANSWERS_S, Heartbeat, beating
from fleet.errors import JobFailedError, StorageError
from fleet.storage import Folder
from fleet.table.state.holder import Holder
from fleet.table.state.run_records import HEARTBEAT_S, RunRecord, RunRecords
from fleet.table.state.state import read_state


@pytest.fixture
def folder() -> Folder:
    """A folder in memory, taken for the job."""
    return claimed(Folder(f"memory://{uuid.uuid4()}"))


@pytest.fixture
def clock() -> HandClock:
    """A clock that is moved by hand."""
    return HandClock()


def begin(folder: Folder, clock: HandClock) -> Heartbeat:
    """Begin a record of this process."""
    now_s = clock.unix_s()
    record = RunRecord(Holder.me("fleet run", JOB.digest, now_s), "preparing", now_s)
    return Heartbeat(RunRecords(folder), record, clock)


STARTED = RunStarted("out", 2, 1.28, 32, 4, done_video_s=0.64, done_frames=16, done_leases=2)


def test_a_record_tells_how_far_a_run_is(folder: Folder, clock: HandClock) -> None:
    """From its first moment to its last, every few seconds."""
    runs, beat = RunRecords(folder), begin(folder, clock)
    with beating(beat, clock):
        assert [record.state for record in runs.read()] == ["preparing"]
        beat.on_event(STARTED)
        beat.on_event(DeviceJoined("npu/0"))
        clock.sleep(HEARTBEAT_S)
        (record,) = runs.read()
        assert (record.state, record.frames, record.done_frames) == ("running", 32, 16)
        beat.put("finished")
    (record,) = runs.read()
    assert (record.state, record.device_count, record.devices[0].name) == ("finished", 1, "npu/0")


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt(), "interrupted"), (JobFailedError("no"), "failed")]
)
def test_a_record_tells_how_a_run_ended(
    folder: Folder, clock: HandClock, error: BaseException, state: str
) -> None:
    """Before the error goes on its way."""

    def run() -> None:
        with beating(begin(folder, clock), clock):
            raise error

    with pytest.raises(type(error)):
        run()
    assert [record.state for record in RunRecords(folder).read()] == [state]


def test_records_are_brought_together_while_a_run_lasts(
    folder: Folder, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a death, only the latest footers have to be read."""
    monkeypatch.setattr(checkpointing, "EVERY", 4)
    begun(folder)
    checkpointer = Checkpointer(table_of(folder), ORIGIN, clock)
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(10)]
    with beating(begin(folder, clock), clock, checkpointer.flush):
        for number, receipt in enumerate(receipts):
            checkpointer.on_event(LeaseDone("npu/0", receipt.lease, receipt))
            checkpointer.on_event(LeaseDone("npu/1", receipt.lease, receipt))
            if number % 4 == 3:
                clock.sleep(HEARTBEAT_S)
    state = read_state(folder, JOB.tables)
    assert (len(state), state.checkpointed) == (10, 8)
    assert state.total.frames == 10


def test_a_record_that_is_being_put_counts_as_put_unless_that_takes_long(
    folder: Folder, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each put takes a moment; one that is refused, or waits for a store, tells that it is away."""
    beat, seen = begin(folder, clock), []

    def slow(_runs: RunRecords, _record: RunRecord) -> None:
        seen.append(beat.is_put)
        clock.stand_still(ANSWERS_S + 1)
        seen.append(beat.is_put)
        raise StorageError("the store does not answer.")

    assert not beat.is_put
    beat.put()
    assert beat.is_put
    with monkeypatch.context() as away:
        away.setattr(RunRecords, "put", slow)
        with pytest.raises(StorageError):
            beat.put()
    assert [*seen, beat.is_put] == [True, False, False]
    beat.put()
    assert beat.is_put
