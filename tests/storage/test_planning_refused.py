"""What planning puts is refused for a while, or for good; many videos are refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from window_runs import Watch, check_whole, clips_of_windows, run

import fleet
from fleet.core.run_events import (
    OutputRefused,
    RunStarted,
    VideoRefused,
)
from fleet.driver import supply
from fleet.driver.heartbeat import Heartbeat
from fleet.driver.loss_recorder import LossRecorder
from fleet.driver.preparing import prepare
from fleet.errors import StorageError
from fleet.executors import patient_pool
from fleet.table.state.kept_windows import KeptWindows
from fleet.table.state.run_records import RunRecords
from fleet.table.table import Table


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three clips, a window each."""
    return clips_of_windows(tmp_path / "in", monkeypatch)


class Refusing:
    """A step of planning before which the output refuses, a few times from its nth call on."""

    def __init__(self, step: Callable[..., Any], nth: int, times: int) -> None:
        self._step, self._nth, self.left = step, nth, times

    def __get__(self, instance: object, _: type | None = None) -> Callable[..., Any]:
        return partial(self, instance)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Refuse, or do the step."""
        self._nth -= 1
        if self._nth < 0 < self.left:
            self.left -= 1
            raise StorageError("No space is left.")
        return self._step(*arguments, **named)


def test_a_moment_without_space_while_the_plan_is_made_does_not_end_the_run(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the middle nor at the end of the plan: what is refused is put again."""
    monkeypatch.setattr(patient_pool, "FIRST_WAIT_S", 0.0)
    middle = Refusing(KeptWindows.add, 1, 2)
    end = Refusing(Table.keep_videos, 0, 2)
    monkeypatch.setattr(KeptWindows, "add", middle)
    monkeypatch.setattr(Table, "keep_videos", end)
    assert run(archive, tmp_path / "out").total.frames == 120
    assert (middle.left, end.left) == (0, 0)
    check_whole(tmp_path / "out")


def test_a_window_that_the_output_refuses_is_held_until_it_takes_it(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its leases or the losses of its files are refused: nothing is there twice."""
    monkeypatch.setattr(patient_pool, "FIRST_WAIT_S", 0.0)
    (archive / "b.mp4").write_text("I am a text.\n" * 100)
    leases = Refusing(RunRecords.put_leases, 0, 2)
    losses = Refusing(LossRecorder.commit, 0, 2)
    monkeypatch.setattr(RunRecords, "put_leases", leases)
    monkeypatch.setattr(LossRecorder, "commit", losses)
    watch = Watch()
    report = run(archive, tmp_path / "out", watch)
    assert (leases.left, losses.left) == (0, 0)
    assert (report.total.frames, report.refused_videos) == (80, 1)
    assert fleet.read(report.output).errors.count_rows() == 1
    assert sum(isinstance(event, VideoRefused) for event in watch.events) == 1
    said = [event.waits for event in watch.events if isinstance(event, OutputRefused)]
    assert said == [True, False, True, False]
    assert Table.open(str(tmp_path / "out")).verify().proven


def test_an_output_that_stays_away_ends_a_run_that_has_nothing_in_hand(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is told that it waits, and then why it ends."""
    monkeypatch.setattr(patient_pool, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(patient_pool, "GIVE_UP_S", 0.5)
    watch = Watch(RunStarted, act=lambda: monkeypatch.setattr(Heartbeat, "is_put", False))
    monkeypatch.setattr(RunRecords, "put_leases", Refusing(RunRecords.put_leases, 0, 1000))
    with pytest.raises(StorageError, match="No space is left"):
        run(archive, tmp_path / "out", watch)
    said = [event.waits for event in watch.events if isinstance(event, OutputRefused)]
    assert said[0]


def test_many_refused_videos_are_recorded_a_few_a_turn(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Devices are heard between them; each is recorded once, and none is left out."""
    monkeypatch.setattr(prepare, "is_window", lambda extent, _: extent.files >= 3)
    monkeypatch.setattr(supply, "REFUSALS_A_TURN", 2)
    for number in range(5):
        (archive / f"text{number}.mp4").write_text(f"I am text {number}.\n" * 100)
    turns: list[int] = []
    some = supply.Supply._record_some

    def record_some(plan: supply.Supply) -> bool:
        before = len(plan._refused)
        ended = some(plan)
        turns.append(len(plan._refused) - before)
        return ended

    monkeypatch.setattr(supply.Supply, "_record_some", record_some)
    report = run(archive, tmp_path / "out")
    assert turns == [0, 2, 1, 2]
    assert (report.total.frames, report.refused_videos) == (120, 5)
    assert fleet.read(report.output).errors.count_rows() == 5
    assert Table.open(str(tmp_path / "out")).verify().proven
