"""Code that was changed since an output was begun: when it is refused, and when it is taken on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

import fleet
from fleet.errors import JobFailedError, OutputBusyError, OutputTakenError
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.state.holder import Holder
from fleet.table.state.taken_on import differ_in_code_alone
from fleet.table.table import Table


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads meanwhile."""
    no_pauses(monkeypatch)


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., fleet.Job]:
    """Write a version of a job's code, and load the job."""
    return writer_of_versions(tmp_path)


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


def test_changed_code_is_refused_in_words_where_errors_are_damaged(
    job: Callable[..., fleet.Job],
) -> None:
    """What is lost there nobody can tell: that is no reason to end in a traceback."""
    first = job(1, "frame == 3")
    fleet.run(first, on="inline")
    for part in Path(first.output, "errors").glob("part-*"):
        data = bytearray(part.read_bytes())
        data[len(data) // 3] ^= 1
        part.write_bytes(data)
    with pytest.raises(OutputTakenError, match="code has changed"):
        fleet.run(job(2, NEVER), on="inline")


def test_code_with_other_columns_is_refused(job: Callable[..., fleet.Job]) -> None:
    """A table has one set of them; nothing is taken out for it."""
    fleet.run(job(1, "frame == 3"), on="inline")
    other = job(2, NEVER, ', ("more", pa.int32())', ', "more": every')
    with pytest.raises(OutputTakenError, match="columns of versions: more"):
        fleet.run(other, on="inline", retry_failed=True)
    assert (lost(other), proven(other)) == (2, True)


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


def test_what_a_job_file_begins_python_goes_on_with(job: Callable[..., fleet.Job]) -> None:
    """A parameter that is a float in one and an int in the other makes no other job or code."""
    begun = job(1, ON_SOME, of=1)
    fleet.run(begun, on="inline")
    python = replace(begun.work, of=1.0)  # type: ignore[call-arg]
    same = fleet.Job(python, begun.inputs, begun.output, lease_s=0.05)
    assert fleet.run(same, on="inline").this_run.frames == 0
    assert fleet.run(same, on="inline", retry_failed=True).this_run.frames
    assert proven(same)
    assert fleet.run(begun, on="inline").this_run.frames == 0


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
