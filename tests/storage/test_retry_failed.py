"""Frames on which a job's own code failed, done again once it is mended: --retry-failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mended_jobs import (
    FRAMES,
    NEVER,
    ON_SOME,
    Dying,
    KilledError,
    lost,
    no_pauses,
    proven,
    versions,
    writer_of_versions,
)
from recorded import write_grays

import fleet
from fleet.cli.requeue import requeue
from fleet.driver.recheck.recheck import recheck
from fleet.errors import OutputBusyError
from fleet.table.state.holder import Holder
from fleet.table.status import read_status
from fleet.table.table import Table
from fleet.views.status import render as render_status
from fleet.views.summary import render
from fleet.views.verify import render as render_proof


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads meanwhile."""
    no_pauses(monkeypatch)


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., fleet.Job]:
    """Write a version of a job's code, and load the job."""
    return writer_of_versions(tmp_path)


def test_mended_code_does_what_the_former_failed_on_and_nothing_else(
    job: Callable[..., fleet.Job],
) -> None:
    """GOPs with losses are done by the code as it is; the others stay as they were made."""
    before = fleet.run(job(1, ON_SOME), on="inline")
    assert before.exit_code == 3
    assert "its command with --retry-failed does again" in " ".join(render(before).split())
    status = render_status(read_status(Table.open(before.output)))
    assert "--retry-failed" in status
    assert "requeue" not in status
    mended = job(2, NEVER)
    watch = Dying()
    report = fleet.run(mended, on="inline", retry_failed=True, observer=watch)
    assert (report.exit_code, report.total.frames, report.this_run.frames) == (0, 80, 56)
    assert "Done again: 8 errors in 2 videos" in " ".join(watch.said)
    assert "The job's code has changed" in " ".join(watch.said)
    assert versions(mended) == {
        (name, frame): 1 if 24 <= frame < 36 else 2 for name in "ab" for frame in range(FRAMES)
    }
    assert (lost(mended), proven(mended)) == (0, True)
    assert "--retry-failed" not in render(report)


@pytest.mark.parametrize(("leases", "again"), [(0, True), (1, False), (2, True)])
def test_a_run_that_dies_with_it_is_gone_on_with(
    job: Callable[..., fleet.Job], leases: int, again: bool
) -> None:
    """Wherever it dies nothing is there twice; the rest is done by the same command, or without."""
    fleet.run(job(1, ON_SOME), on="inline")
    mended = job(2, NEVER)
    with pytest.raises(KilledError):
        fleet.run(mended, on="inline", retry_failed=True, observer=Dying(leases))
    assert not proven(mended)
    assert set(versions(mended).items()) >= {(("a", frame), 1) for frame in range(24, 36)}
    report = fleet.run(mended, on="inline", retry_failed=again)
    assert (report.exit_code, lost(mended), proven(mended)) == (0, 0, True)
    assert sorted(versions(mended).values()) == [1] * 24 + [2] * 56


def test_rows_of_an_earlier_version_are_not_condemned(job: Callable[..., fleet.Job]) -> None:
    """Decoded again they differ, and nobody is told to delete them; where all are alike, as ever."""
    fleet.run(job(1, "frame == 3"), on="inline")
    mended = job(2, NEVER)
    fleet.run(mended, on="inline", retry_failed=True)
    again = recheck(mended, 20, 1)
    assert (again.proven, again.findings, again.codes) == (True, (), 2)
    assert again.apart
    assert not any(finding.way_out for finding in again.apart)
    text = " ".join(render_proof(Table.open(mended.output).verify(), again).split())
    assert text.startswith("Proven")
    assert "made by up to 2 versions of the job's code" in text
    assert "another version may have made" in text
    assert "last bit" not in text
    assert "Delete" not in text


def test_what_fails_again_is_recorded_again(job: Callable[..., fleet.Job]) -> None:
    """Whatever else there is to do: a run that has nothing but such frames comes to its end."""
    fleet.run(job(1, "frame == 3"), on="inline")
    worse = job(2, "frame < 12")
    report = fleet.run(worse, on="inline", retry_failed=True)
    assert (report.exit_code, lost(worse), proven(worse)) == (3, 24, True)
    better = job(3, NEVER)
    assert fleet.run(better, on="inline", retry_failed=True).exit_code == 0
    assert (lost(better), set(versions(better).values())) == (0, {1, 3})


def test_code_that_was_mended_badly_is_mended_again(job: Callable[..., fleet.Job]) -> None:
    """A run by it that came to nothing has taken the losses out; the next version finds that to do."""
    fleet.run(job(1, "frame == 3"), on="inline")
    with pytest.raises(KilledError):
        fleet.run(job(2, NEVER), on="inline", retry_failed=True, observer=Dying(0))
    better = job(3, NEVER)
    assert fleet.run(better, on="inline", retry_failed=True).exit_code == 0
    assert (lost(better), proven(better)) == (0, True)
    assert {versions(better)["b", frame] for frame in range(12, FRAMES)} == {1}
    assert "3 versions of its code" in " ".join(
        render_status(read_status(Table.open(better.output))).split()
    )


def test_the_same_code_can_be_tried_again(job: Callable[..., fleet.Job]) -> None:
    """As where it failed for something outside; a second time there is nothing to do again."""
    same = job(1, "frame == 3")
    fleet.run(same, on="inline")
    report = fleet.run(same, on="inline", retry_failed=True)
    assert (report.exit_code, report.this_run.errors, lost(same)) == (3, 2, 2)
    assert not list(Table.open(same.output).folder.list("_codes/"))


def test_only_what_the_job_came_to_is_done_again(job: Callable[..., fleet.Job]) -> None:
    """A file that is no video stays refused, unless all losses are asked for."""
    mine = job(1, "frame == 3")
    (Path(mine.inputs[0]) / "text.mp4").write_text("I am a text.\n" * 100)
    fleet.run(mine, on="inline")
    status = render_status(read_status(Table.open(mine.output)))
    assert "What was lost otherwise can be taken up again:" in status
    report = fleet.run(job(2, NEVER), on="inline", retry_failed=True)
    assert (report.exit_code, report.total.errors, report.refused_videos) == (3, 1, 1)
    status = render_status(read_status(Table.open(mine.output)))
    assert "What was lost can be taken up again:" in status
    write_grays(Path(mine.inputs[0]) / "text.mp4")
    report = fleet.run(job(2, NEVER), on="inline", retry_lost=True)
    assert (report.exit_code, report.total.frames) == (0, 120)


def test_requeue_says_what_changed_code_needs_besides(
    job: Callable[..., fleet.Job], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it took out what the job's own code came to: only then is it the code that is mended."""
    mine = job(1, "frame == 3")
    (Path(mine.inputs[0]) / "text.mp4").write_text("I am a text.\n" * 100)
    fleet.run(mine, on="inline")
    requeue(mine.output, uri="text.mp4")
    assert "--retry-failed" not in capsys.readouterr().out
    requeue(mine.output)
    assert "If its code has changed since, add --retry-failed." in capsys.readouterr().out


def test_beside_a_run_at_work_nothing_is_taken_up(job: Callable[..., fleet.Job]) -> None:
    """It would lose what that run has in hand."""
    mine = job(1, "frame == 3")
    fleet.run(mine, on="inline")
    table = Table.open(mine.output)
    with (
        table.leading(Holder.me("fleet run", table.job.digest, 0.0)),
        pytest.raises(OutputBusyError),
    ):
        fleet.run(mine, on="inline", retry_failed=True)
    assert (lost(mine), proven(mine)) == (2, True)
