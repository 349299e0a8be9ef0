"""Frames on which a job's own code failed, done again once it is mended: --retry-failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import write_grays

import fleet
from fleet.cli.requeue import requeue
from fleet.core.run_events import LeaseDone, RunEvent, Warned
from fleet.driver.recheck.recheck import recheck
from fleet.errors import JobFailedError, OutputBusyError, OutputTakenError
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.state.holder import Holder
from fleet.table.state.taken_on import differ_in_code_alone
from fleet.table.status import read_status
from fleet.table.table import Table
from fleet.views.status import render as render_status
from fleet.views.summary import render
from fleet.views.verify import render as render_proof

FRAMES = 40
CODE = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
import pyarrow as pa
from fleet import Device, FrameBatch, FrameJob, Rows

@dataclass(frozen=True)
class Version(FrameJob):
    """Which version of the code a frame was done by; it fails on some."""

    of: int = 1
    table: ClassVar[str] = "versions"
    schema: ClassVar[pa.Schema] = pa.schema([("version", pa.int32()){columns}])

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Fail, or return a row a frame."""
        for frame in batch.frames:
            if {fails}:
                raise KeyError(int(frame))
        every = np.arange(len(batch), dtype=np.int32)
        return Rows(every, {{"version": np.full(len(batch), {version}, np.int32){values}}})
'''
ON_SOME = "frame % 20 in {3, 17}"
"""Of the GOPs of 12 frames, all but the third one have such a frame."""
NEVER = "frame < 0"


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no globs out: nobody reads meanwhile."""
    defaults = Table.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "pause_s", 0.0)


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., fleet.Job]:
    """Write a version of a job's code, and load the job; its archive is two videos."""
    archive = tmp_path / "in"
    archive.mkdir()
    for name in ("a", "b"):
        write_grays(archive / f"{name}.mp4")

    def load(
        version: int, fails: str, columns: str = "", values: str = "", of: int = 1
    ) -> fleet.Job:
        code = CODE.format(version=version, fails=fails, columns=columns, values=values)
        (tmp_path / "mine.py").write_text(code)
        fields = {"input": [str(archive)], "output": str(tmp_path / "out"), "lease_s": 0.05}
        (tmp_path / "mine.toml").write_text('job = "mine.py:Version"\n')
        return fleet.load_job(tmp_path / "mine.toml", {**fields, "params.of": of})

    return load


def versions(job: fleet.Job) -> dict[tuple[str, int], int]:
    """Return which version of the code did each frame; no frame is there twice."""
    rows = fleet.read(job.output).table("versions").to_table().to_pylist()
    found = {(Path(row["uri"]).stem, row["frame"]): row["version"] for row in rows}
    assert len(found) == len(rows)
    return found


def lost(job: fleet.Job) -> int:
    """Return how many frames errors/ says are lost."""
    rows = fleet.read(job.output).errors.to_table().to_pylist()
    return sum(row["frames"] for row in rows)


def proven(job: fleet.Job) -> bool:
    """Return whether all is there, once, and as it was put."""
    return Table.open(job.output).verify().proven


class Dying:
    """An observer that ends the run behind so many leases; it keeps what was told."""

    def __init__(self, leases: int = 1 << 30) -> None:
        self.said: list[str] = []
        self._left = leases

    def on_event(self, event: RunEvent) -> None:
        """Be told of something."""
        if isinstance(event, Warned):
            self.said.append(event.text)
        if isinstance(event, LeaseDone):
            self._left -= 1
            if self._left < 0:
                raise KilledError


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


def test_without_it_changed_code_is_refused_and_the_option_is_told(
    job: Callable[..., fleet.Job],
) -> None:
    """Where all is done and nothing was failed on also with it; of another job in any case."""
    fleet.run(job(1, ON_SOME), on="inline")
    with pytest.raises(OutputTakenError, match=r"code has changed\.\n.*--retry-failed\.\n"):
        fleet.run(job(2, NEVER), on="inline")
    fleet.run(job(2, NEVER), on="inline", retry_failed=True)
    assert fleet.run(job(2, NEVER), on="inline").this_run.frames == 0
    with pytest.raises(OutputTakenError, match="All is done there") as refused:
        fleet.run(job(3, NEVER), on="inline")
    assert "--retry-failed" not in str(refused.value)
    with pytest.raises(OutputTakenError, match="nothing is lost that --retry-failed would"):
        fleet.run(job(3, NEVER), on="inline", retry_failed=True)
    with pytest.raises(OutputTakenError, match=r"params\.of: 1 -> 2"):
        fleet.run(job(2, NEVER, of=2), on="inline", retry_failed=True)


def test_changed_code_is_offered_an_output_that_is_open(job: Callable[..., fleet.Job]) -> None:
    """Where it was given up before its end, though the code failed on nothing."""
    with pytest.raises(KilledError):
        fleet.run(job(1, NEVER), on="inline", observer=Dying(1))
    with pytest.raises(OutputTakenError, match=r"what is open, .*add --retry-failed"):
        fleet.run(job(2, NEVER), on="inline")


def test_code_with_other_columns_is_refused(job: Callable[..., fleet.Job]) -> None:
    """A table has one set of them; nothing is taken out for it."""
    fleet.run(job(1, "frame == 3"), on="inline")
    other = job(2, NEVER, ', ("more", pa.int32())', ', "more": every')
    with pytest.raises(OutputTakenError, match="columns of versions: more"):
        fleet.run(other, on="inline", retry_failed=True)
    assert (lost(other), proven(other)) == (2, True)


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


def codes(job: fleet.Job) -> list[str]:
    """Name the later versions of the code that an output has taken on."""
    return [entry.name for entry in Table.open(job.output).folder.list("_codes/")]


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("join", [False, True])
def test_beside_a_run_at_work_changed_code_is_not_taken_on(
    job: Callable[..., fleet.Job], is_done: bool, join: bool
) -> None:
    """Whether there is anything lost or not: what is refused leaves nothing behind."""
    if is_done:
        fleet.run(job(1, ON_SOME), on="inline")
    else:
        with pytest.raises(KilledError):
            fleet.run(job(1, NEVER), on="inline", observer=Dying(1))
    mended = job(2, NEVER)
    table = Table.open(mended.output)
    with (
        table.leading(Holder.me("fleet run", table.job.digest, 0.0)),
        pytest.raises(OutputBusyError),
    ):
        fleet.run(mended, on="inline", retry_failed=True, join=join)
    assert not codes(mended)
    with pytest.raises(OutputTakenError, match="code has changed"):
        fleet.run(mended, on="inline")
    assert fleet.run(mended, on="inline", retry_failed=True).exit_code == 0
    assert (len(versions(mended)), proven(mended)) == (2 * FRAMES, True)


@pytest.mark.parametrize("at", ["_codes/", "_done/manifest-"])
def test_a_run_that_dies_as_it_takes_code_on_is_gone_on_with(
    job: Callable[..., fleet.Job], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Before it, or before the losses are taken out: all rows are there still, and none is lost."""
    fleet.run(job(1, ON_SOME), on="inline")
    mended = job(2, NEVER)
    before = versions(mended)
    with monkeypatch.context() as patched:
        for name in ("put", "create"):
            patched.setattr(Folder, name, dying_at(at, getattr(Folder, name)))
        with pytest.raises(KilledError):
            fleet.run(mended, on="inline", retry_failed=True)
    assert (versions(mended), lost(mended)) == (before, 8)
    assert len(codes(mended)) == (at != "_codes/")
    assert fleet.run(mended, on="inline", retry_failed=True).exit_code == 0
    assert (lost(mended), proven(mended), len(codes(mended))) == (0, True, 1)


def dying_at(prefix: str, change: Callable[..., object]) -> Callable[..., object]:
    """Return a put that ends the process where it is about to put such an object."""

    def changed(folder: Folder, name: str, *others: object, **named: object) -> object:
        if name.startswith(prefix):
            raise KilledError
        return change(folder, name, *others, **named)

    return changed


def test_code_that_was_mended_badly_does_not_lose_what_was_never_done(
    job: Callable[..., fleet.Job],
) -> None:
    """The run stops at the first of it, as one on a new output does; what is there stays."""
    with pytest.raises(KilledError):
        fleet.run(job(1, "frame == 3"), on="inline", observer=Dying(2))
    there = versions(job(1, "frame == 3"))
    assert 0 < len(there) < FRAMES
    for _ in range(2):
        with pytest.raises(JobFailedError, match="KeyError"):
            fleet.run(job(2, "True"), on="inline", retry_failed=True)
    assert lost(job(2, "True")) <= 12
    assert set(versions(job(2, "True")).items()) <= set(there.items())
    better = job(3, NEVER)
    assert fleet.run(better, on="inline", retry_failed=True).exit_code == 0
    assert (len(versions(better)), lost(better), proven(better)) == (2 * FRAMES, 0, True)


FIELDS = st.dictionaries(
    st.sampled_from(["code", "heads", "params", "sample", "soc"]), st.sampled_from("ab"), max_size=5
)


@given(FIELDS, FIELDS, st.sampled_from("tu"))
def test_jobs_differ_in_code_alone_where_nothing_else_does(
    one: dict[str, str], other: dict[str, str], table: str
) -> None:
    """Whatever their fields; the order does not matter."""
    first, second = JobRecord("x", "t", one), JobRecord("y", table, other)
    differing = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    expected = bool(differing) and differing <= {"code", "heads"} and table == "t"
    assert differ_in_code_alone(first, second) is expected
    assert differ_in_code_alone(second, first) is expected
