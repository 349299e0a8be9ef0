"""A run that plans in windows: the same rows, and nothing taken for all before all is looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from accounts import read_books, thumbnails
from recorded import write_grays

import fleet
from fleet.core.interval import Interval
from fleet.core.interval_set import IntervalTable
from fleet.core.run_events import (
    LeaseDone,
    OutputRefused,
    PlanGrew,
    RunEvent,
    RunStarted,
    VideoRefused,
)
from fleet.core.source import Source
from fleet.driver import supply
from fleet.driver.heartbeat import Heartbeat
from fleet.driver.loss_recorder import LossRecorder
from fleet.driver.preparing import background, prepare
from fleet.driver.preparing.background import TaskCancelled, in_background
from fleet.driver.preparing.prepared import Prepared
from fleet.driver.session import Session
from fleet.errors import JobTooLargeError, StorageError
from fleet.executors import patient_pool
from fleet.table.state.kept_windows import KeptWindows
from fleet.table.state.run_records import RunRecords
from fleet.table.state.video_manifest import NOT_LOOKED_AT
from fleet.table.status import read_status
from fleet.table.table import Table
from fleet.views.summary import render

NAMES = ("a.mp4", "b.mp4", "c.mp4")


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three clips, a window each."""
    monkeypatch.setattr(prepare, "is_window", lambda *_: True)
    (tmp_path / "in").mkdir()
    for name in NAMES:
        write_grays(tmp_path / "in" / name)
    return tmp_path / "in"


class Watch:
    """An observer that notes events, and does something at one of a kind."""

    def __init__(
        self, at: type[RunEvent] = PlanGrew, nth: int = 0, act: Callable[[], None] | None = None
    ) -> None:
        self.events: list[RunEvent] = []
        self._at, self._left, self._act = at, nth, act

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        self.events.append(event)
        if isinstance(event, self._at) and self._act:
            if not self._left:
                self._act()
            self._left -= 1

    def plans(self) -> list[RunStarted]:
        """Return what was told of the plan."""
        grown = [e.plan for e in self.events if isinstance(e, PlanGrew)]
        return [e for e in self.events if isinstance(e, RunStarted)] + grown


def run(archive: Path, output: Path, watch: Watch | None = None) -> fleet.RunReport:
    """Run the job in this process."""
    job = thumbnails(archive, output, devices=1)
    return fleet.run(job, on="inline", observer=watch or Watch())


def die() -> None:
    """Be gone."""
    raise KilledError


def interrupt() -> None:
    """Press Ctrl-C."""
    raise KeyboardInterrupt


def check_whole(output: Path) -> None:
    """All frames of all clips are there, once, and the output says so."""
    pictures = read_books(output).pictures
    assert {Path(uri).name: len(frames) for uri, frames in pictures.items()} == dict.fromkeys(
        NAMES, 40
    )
    assert Table.open(str(output)).verify().proven


def test_windows_give_the_rows_of_one_plan(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Totals grow from window to window, and the last one says that it is the last."""
    (archive / "text.mp4").write_text("I am a text.\n" * 100)
    watch = Watch()
    report = run(archive, tmp_path / "windows", watch)
    assert (report.videos, report.refused_videos, report.total.frames) == (4, 1, 120)
    assert [plan.to_look for plan in watch.plans()] == [3, 2, 1, 0]
    assert [plan.frames for plan in watch.plans()] == [40, 80, 120, 120]
    assert sum(isinstance(event, VideoRefused) for event in watch.events) == 1
    (lines,) = Table.open(str(tmp_path / "windows")).runs.read()
    assert (lines.videos, lines.frames, lines.to_look, lines.state) == (4, 120, 0, "finished")
    check_whole(tmp_path / "windows")
    monkeypatch.undo()
    run(archive, tmp_path / "once")
    windows, once = read_books(tmp_path / "windows"), read_books(tmp_path / "once")
    assert windows.pictures == once.pictures
    assert windows.errors.keys() == once.errors.keys()


def test_a_closed_output_is_looked_through_for_what_is_new(archive: Path, tmp_path: Path) -> None:
    """Nothing is begun where nothing is; else the first window that has something begins it."""
    run(archive, tmp_path / "out")
    before = Table.open(str(tmp_path / "out")).state().manifest
    assert run(archive, tmp_path / "out").this_run.frames == 0
    assert Table.open(str(tmp_path / "out")).state().manifest == before
    write_grays(archive / "d.mp4")
    watch = Watch()
    report = run(archive, tmp_path / "out", watch)
    assert (report.this_run.frames, report.total.frames) == (40, 160)
    assert (watch.plans()[0].done_frames, watch.plans()[-1].frames) == (120, 160)


def test_what_is_there_is_not_gone_through_for_each_window(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be millions of stretches; a video that was refused before is no lease of them."""
    (archive / "bad.mp4").write_text("I am a text.\n" * 100)
    first = run(archive, tmp_path / "out")
    there = len(Table.open(str(tmp_path / "out")).state())
    write_grays(archive / "d.mp4")

    def gone_through(_: IntervalTable) -> Iterator[Interval]:
        raise AssertionError("all that is there is gone through")

    watch = Watch()
    with monkeypatch.context() as patched:
        patched.setattr(IntervalTable, "__iter__", gone_through)
        report = run(archive, tmp_path / "out", watch)
    assert (first.refused_videos, report.this_run.frames) == (1, 40)
    assert {plan.done_leases for plan in watch.plans()} == {there - 1}


def test_a_run_that_dies_between_windows_leaves_what_the_next_one_completes(
    archive: Path, tmp_path: Path
) -> None:
    """Until then nobody takes what was looked at for all there is."""
    output = tmp_path / "out"
    with pytest.raises(KilledError):
        run(archive, output, Watch(act=die))
    table = Table.open(str(output))
    left = {Path(v.uri).name: v.unread for v in table.videos().values() if v.unread}
    assert left.get("c.mp4") == NOT_LOOKED_AT
    status = read_status(table)
    assert (status.videos + status.to_look, status.unread) == (3, 0)
    assert not table.verify().proven
    watch = Watch()
    again = run(archive, output, watch)
    assert again.total.frames == 120
    check_whole(output)
    assert read_status(table).to_look == 0


def test_an_interrupt_between_windows_keeps_what_is_done(archive: Path, tmp_path: Path) -> None:
    """The run says that it was interrupted, and no thread of it goes on."""
    output = tmp_path / "out"
    report = run(archive, output, Watch(LeaseDone, act=interrupt))
    assert report.interrupted
    assert 0 < report.total.frames < 120
    assert report.videos + report.to_look == 3
    assert report.to_look > 0
    assert f"{report.to_look} not looked at yet" in render(report)
    assert not [t for t in threading.enumerate() if t.name.startswith(("background", "index"))]
    assert run(archive, output).total.frames == 120
    check_whole(output)


def test_a_video_that_no_device_has_memory_for_ends_the_run_before_it_is_begun(
    archive: Path, tmp_path: Path
) -> None:
    """What is done of others stays."""
    check = Session._check

    def refuse(session: Session, prepared: Prepared) -> None:
        check(session, prepared)
        if any(work.source.uri.endswith("c.mp4") for work in prepared.works):
            raise JobTooLargeError("It does not fit.", "Leave it out.", 207001)

    with patch.object(Session, "_check", refuse), pytest.raises(JobTooLargeError):
        run(archive, tmp_path / "out")
    assert "c.mp4" not in {Path(uri).name for uri in read_books(tmp_path / "out").pictures}
    assert not Table.open(str(tmp_path / "out")).verify().proven
    run(archive, tmp_path / "out")
    check_whole(tmp_path / "out")


def test_leases_are_offered_when_all_are_there(archive: Path, tmp_path: Path) -> None:
    """A run that joins takes what is not offered for its own work: then it would be done twice."""
    offered: dict[int, set[str]] = {}

    class Looking(Watch):
        def on_event(self, event: RunEvent) -> None:
            super().on_event(event)
            if isinstance(event, PlanGrew):
                runs = Table.open(str(tmp_path / "out")).runs
                leases = [lease for each in runs.read() for lease in runs.leases(each.id) or ()]
                uris = {interval.uri for each in leases for interval in each.intervals}
                offered[event.plan.to_look] = {Path(uri).name for uri in uris}

    run(archive, tmp_path / "out", Looking())
    assert offered == {1: set(), 0: set(NAMES)}


def test_what_is_made_ahead_ends_with_who_takes_it() -> None:
    """Its errors come to whoever takes it; it is closed, though nobody asks for the rest."""
    ended: list[str] = []

    def make(on_progress: Callable[[int], None]) -> Generator[int, None, None]:
        try:
            yield 1
            on_progress(1)
            yield 2
        except TaskCancelled:
            ended.append("cancelled")
            raise
        finally:
            ended.append("closed")

    with in_background(make) as ahead:
        assert ahead.wait() == 1
        assert ahead.take() is None
    assert ended == ["closed"]

    def fail(_: Callable[[int], None]) -> Generator[int, None, None]:
        yield 1
        raise StorageError("the store is away")

    with in_background(fail) as ahead:
        assert ahead.wait() == 1
        with pytest.raises(StorageError, match="away"):
            ahead.wait()


def test_who_interrupts_twice_does_not_wait_for_what_is_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second interrupt comes out as one, though a thread is in the middle of an item."""
    begun, goes_on = threading.Event(), threading.Event()

    class Impatient(ThreadPoolExecutor):
        def shutdown(self, *_: object, **__: object) -> None:
            super().shutdown(wait=False)
            interrupt()

    def make(_: Callable[[int], None]) -> Generator[int, None, None]:
        begun.set()
        goes_on.wait()
        yield 1

    monkeypatch.setattr(background, "ThreadPoolExecutor", Impatient)
    try:
        with pytest.raises(KeyboardInterrupt), in_background(make):  # noqa: PT012
            begun.wait()
            interrupt()
    finally:
        goes_on.set()


def test_a_file_that_takes_long_is_not_waited_for_where_nobody_wants_the_others() -> None:
    """Those behind it are not begun any more once that is told."""
    begun: list[str] = []
    goes_on = threading.Event()

    def look(source: Source) -> str:
        begun.append(source.uri)
        assert goes_on.wait(20), "it is waited for"
        return source.uri

    def cancel(_: int) -> None:
        raise TaskCancelled

    with ThreadPoolExecutor(1) as threads:
        found = prepare._in_order(threads, look, [Source(str(n), 1, "1") for n in range(3)], cancel)
        try:
            with pytest.raises(TaskCancelled):
                next(found)
        finally:
            goes_on.set()
    assert begun == ["0"]


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
