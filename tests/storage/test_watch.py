"""What a run puts down of itself while it goes on: its note, and snapshots of its records."""

from __future__ import annotations

import time
import uuid

import pytest
from made_up import JOB, ORIGIN, claimed, commit_lease

from fleet.core.run_events import DeviceJoined, LeaseDone, RunEvent, RunStarted
from fleet.driver import checkpointer as keep
from fleet.driver.checkpointer import RecordKeeper
from fleet.driver.heartbeat import heartbeat
from fleet.errors import JobFailedError
from fleet.storage import Folder
from fleet.table.state.lock import Holder
from fleet.table.state.run_records import RunRecord, read_run_records
from fleet.table.state.state import read_state


@pytest.fixture
def folder() -> Folder:
    """A folder in memory, taken for the job."""
    return claimed(Folder(f"memory://{uuid.uuid4()}"))


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        self.events.append(event)


def begin() -> RunRecord:
    """A note of this process."""
    return RunRecord(Holder.me("fleet run", JOB.digest, time.time()), "preparing", time.time())


STARTED = RunStarted("out", 2, 1.28, 32, 4, done_video_s=0.64, done_frames=16, done_leases=2)


def test_a_note_tells_how_far_a_run_is(folder: Folder) -> None:
    """From its first moment to its last; events are passed on."""
    inner = Notes()
    with heartbeat(folder, begin(), inner, lambda: None) as beat:
        assert [note.state for note in read_run_records(folder)] == ["preparing"]
        beat.on_event(STARTED)
        beat.on_event(DeviceJoined("npu/0"))
        (note,) = read_run_records(folder)
        assert (note.state, note.frames, note.done_frames) == ("running", 32, 16)
        beat.put("finished")
    (note,) = read_run_records(folder)
    assert (note.state, note.device_count, note.devices[0].name) == ("finished", 1, "npu/0")
    assert inner.events == [STARTED, DeviceJoined("npu/0")]


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt(), "interrupted"), (JobFailedError("no"), "failed")]
)
def test_a_note_tells_how_a_run_ended(folder: Folder, error: BaseException, state: str) -> None:
    """Before the error goes on its way."""

    def run() -> None:
        with heartbeat(folder, begin(), Notes(), lambda: None):
            raise error

    with pytest.raises(type(error)):
        run()
    assert [note.state for note in read_run_records(folder)] == [state]


def test_a_run_that_was_taken_over_ends(folder: Folder) -> None:
    """At the next thing that happens."""

    def lost() -> None:
        raise JobFailedError("somebody else leads")

    inner = Notes()
    with (
        pytest.raises(JobFailedError, match="somebody else"),
        heartbeat(folder, begin(), inner, lost) as beat,
    ):
        beat.on_event(STARTED)
    assert inner.events == []


def test_records_are_kept_together_while_a_run_lasts(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a death, only the latest footers have to be read."""
    monkeypatch.setattr(keep, "EVERY", 4)
    inner = Notes()
    keeper = RecordKeeper(folder, ORIGIN, inner)
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(10)]
    for receipt in receipts:
        keeper.on_event(LeaseDone("npu/0", receipt.lease, receipt))
    assert len(inner.events) == 10
    state = read_state(folder, JOB.tables)
    assert (len(state), state.checkpointed) == (10, 8)
    assert state.total.frames == 10
