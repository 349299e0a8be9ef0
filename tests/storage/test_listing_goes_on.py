"""A run that begins while its inputs are listed still: nothing is called whole before they are."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from accounts import read_books, thumbnails
from listed_on import StandingListing
from recorded import write_grays
from window_runs import NAMES, Watch, check_whole, interrupt, run

import fleet
from fleet.core.run_events import LeaseDone, PlanGrew, Warned
from fleet.driver.preparing import listed
from fleet.driver.target.target import JobTarget, may_hold
from fleet.errors import InputNotFoundError, JobFailedError, StorageRefusedError, UsageError
from fleet.table.state.video_manifest import NOT_LISTED
from fleet.table.status import Status, read_status
from fleet.table.table import Table
from fleet.views import status as status_view
from fleet.views.summary import render


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three clips."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in NAMES:
        write_grays(folder / name)
    return folder


def check_listed_on(output: Path, archive: Path) -> Status:
    """The output says that there may be more, whatever is done of what it names."""
    table = Table.open(str(output))
    status = read_status(table)
    assert (status.finished, status.open_inputs) == (False, 1)
    assert "1 input not listed to the end" in status_view.render(status)
    report = table.verify()
    assert (str(archive), NOT_LISTED) in {(f.where, f.detail) for f in report.findings}
    assert "another version" not in {finding.kind for finding in report.findings}
    assert str(archive) not in table.videos()
    return status


def test_the_first_lease_is_done_while_the_listing_stands_still(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the output is not whole until all is listed; then it has the rows of one plan."""
    standing, output = StandingListing(archive, 1), tmp_path / "out"
    standing.install(monkeypatch)

    def go_on() -> None:
        check_listed_on(output, archive)
        standing.may_go_on.set()

    watch = Watch(LeaseDone, act=go_on)
    report = run(archive, output, watch)
    assert not standing.is_late, "no lease was done before all was listed"
    assert (report.videos, report.to_look, report.lists_on) == (3, 0, False)
    assert report.video_bytes == sum((archive / name).stat().st_size for name in NAMES)
    plans = watch.plans()
    assert [plan.lists_on for plan in (plans[0], plans[-1])] == [True, False]
    (lines,) = Table.open(str(output)).runs.read()
    assert (lines.videos, lines.is_part, lines.state) == (3, False, "finished")
    check_whole(output)
    assert not read_status(Table.open(str(output))).open_inputs


def test_a_listing_that_breaks_ends_the_run_and_what_is_done_stays(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run lists all, and does what is missing."""
    error = StorageRefusedError("in could not be listed: it is on fire.", "Put it out.")
    standing, output = StandingListing(archive, 1, error), tmp_path / "out"
    with monkeypatch.context() as patched:
        standing.install(patched)
        with pytest.raises(
            JobFailedError, match=r"on fire\. Put it out\. What is committed is kept"
        ):
            run(archive, output, Watch(LeaseDone, act=standing.may_go_on.set))
    assert not standing.is_late, "no lease was done before the listing broke"
    assert check_listed_on(output, archive).total.frames > 0
    again = run(archive, output)
    assert (again.total.frames, again.this_run.frames < 120) == (120, True)
    check_whole(output)


def test_a_run_on_what_is_there_knows_all_inputs_before_it_begins(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a video that has changed go at once, though it is the last one that is listed."""
    output = tmp_path / "out"
    run(archive, output)
    before = read_books(output).pictures
    write_grays(archive / "c.mp4")
    write_grays(archive / "d.mp4")
    monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
    watch = Watch()
    report = run(archive, output, watch)
    assert (report.this_run.frames, report.total.frames) == (80, 160)
    assert not any(plan.lists_on for plan in watch.plans())
    assert read_books(output).pictures.keys() == {*before, str(archive / "d.mp4")}
    assert Table.open(str(output)).verify().proven


def test_an_interrupt_ends_the_listing_and_says_what_was_not_listed(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread goes on that lists names which nobody takes."""
    standing, output = StandingListing(archive, 2), tmp_path / "out"
    standing.install(monkeypatch)

    def press() -> None:
        standing.may_go_on.set()
        interrupt()

    report = run(archive, output, Watch(LeaseDone, act=press))
    assert (report.interrupted, report.lists_on) == (True, True)
    assert "inputs not listed to the end" in render(report)
    assert not [t for t in threading.enumerate() if t.name.startswith("listing")]
    check_listed_on(output, archive)


def test_an_input_that_holds_nothing_is_refused_before_anything_is_there(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though another one is full, and listed before it."""
    monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
    job = thumbnails(archive, tmp_path / "out", devices=1, input=[str(archive), f"{archive}/x*"])
    with pytest.raises(InputNotFoundError, match="matches nothing"):
        fleet.run(job, on="inline")
    assert not (tmp_path / "out").exists()


def test_a_column_in_no_path_is_refused_before_anything_runs(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is listed for that; where one path has it, the others are counted in the end."""
    monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
    monkeypatch.setattr(listed, "AHEAD_FILES", 1)
    none = thumbnails(archive, tmp_path / "none", devices=1, partitions="in/(?P<camera>z)")
    with pytest.raises(UsageError, match="finds no camera in the path of any video"):
        fleet.run(none, on="inline")
    assert not (tmp_path / "none").exists()
    last = thumbnails(archive, tmp_path / "last", devices=1, partitions="in/(?P<camera>c)")
    watch = Watch()
    fleet.run(last, on="inline", observer=watch)
    said = [event.text for event in watch.events if isinstance(event, Warned)]
    assert [text for text in said if text.startswith("2 videos have no camera in the path")]


def test_a_new_output_is_planned_at_once_where_few_files_are_named(
    archive: Path, tmp_path: Path
) -> None:
    """So that nothing is told of a listing that is over before anything begins."""
    watch = Watch()
    run(archive, tmp_path / "out", watch)
    assert [plan.lists_on for plan in watch.plans()] == [False]
    assert not any(isinstance(event, PlanGrew) for event in watch.events)


@pytest.mark.parametrize(
    ("given", "output", "is_inside"),
    [
        ("/in", "/in/out", True),
        ("/in/", "/in/out", True),
        ("/in/*/clip.mp4", "/in/out", True),
        ("/in/day-*.mp4", "/in/out", False),
        ("/in/day-*/", "/in/day-out", True),
        ("s3://bucket", "s3://bucket/found", True),
        ("s3://bucket/in", "s3://bucket/found", False),
    ],
)
def test_an_output_inside_an_input_is_known(given: str, output: str, *, is_inside: bool) -> None:
    """What a run puts there is not to be met by a listing that goes on."""
    assert may_hold(given, output) is is_inside


@pytest.mark.parametrize("given", ["link", "link/", "link/*.mp4", "link/o*"])
def test_an_output_inside_an_input_is_known_by_any_name(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links lead to one folder by two paths."""
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    assert may_hold(given, f"{tmp_path}/in/out")
    assert may_hold(f"{tmp_path}/{given}", "in/out")
    assert may_hold(given.replace("link", "in"), "link/out")
    assert not may_hold(given, f"{tmp_path}/other/out")


@pytest.mark.parametrize("why", ["deadline", "inside"])
def test_all_is_listed_first_where_that_matters(
    why: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many devices keep a deadline follows from all; what a run puts is no input of its own."""
    output = archive / "out" if why == "inside" else tmp_path / "out"
    standing = StandingListing(archive, 1)
    standing.install(monkeypatch)
    early: list[bool] = []
    whole = JobTarget.whole

    def awaited(target: JobTarget) -> JobTarget:
        standing.may_go_on.set()
        return whole(target)

    def done() -> None:
        early.append(not standing.may_go_on.is_set())
        standing.may_go_on.set()

    monkeypatch.setattr(JobTarget, "whole", awaited)
    job = thumbnails(archive, output, devices=1)
    job = replace(job, deadline_s=3600.0) if why == "deadline" else job
    on: Literal["processes", "inline"] = "processes" if why == "deadline" else "inline"
    fleet.run(job, on=on, observer=Watch(LeaseDone, act=done))
    assert early == [False]
    check_whole(output)
