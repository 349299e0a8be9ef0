"""A run that plans in windows: the same rows, and nothing taken for all before all is looked at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from accounts import read_books
from recorded import write_grays
from window_runs import NAMES, Watch, check_whole, clips_of_windows, interrupt, run

from fleet.core.interval import Interval
from fleet.core.interval_set import IntervalTable
from fleet.core.run_events import (
    LeaseDone,
    PlanGrew,
    RunEvent,
    VideoRefused,
)
from fleet.driver.preparing.prepared import Prepared
from fleet.driver.session import Session
from fleet.errors import JobTooLargeError
from fleet.table.state.video_manifest import NOT_LOOKED_AT
from fleet.table.status import read_status
from fleet.table.table import Table
from fleet.views.summary import render


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three clips, a window each."""
    return clips_of_windows(tmp_path / "in", monkeypatch)


def die() -> None:
    """Be gone."""
    raise KilledError


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
