"""plan, status, verify, requeue and compact as users meet them, on real outputs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import fleet_here as run

import fleet
from fleet.table.state.lock import LEADER_LOCK

EVERY_FRAME = ("all,to_s=20", "--inline", "--set", "lease_s=0.3")
"""Of both clips: 400."""


@pytest.fixture
def archive(town_hevc: Path, town_mkv: Path, tmp_path: Path) -> Path:
    """Two real clips and a text that poses as one."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for clip in (town_hevc, town_mkv):
        shutil.copy(clip, folder / clip.name)
    (folder / "text.mp4").write_text("I am a text, not a video.\n" * 100)
    return folder


@pytest.fixture
def job(archive: Path, fastestdet: Path, tmp_path: Path) -> list[object]:
    """The options that name a job over them."""
    named = {"--input": archive, "--model": fastestdet, "--output": tmp_path / "out"}
    return [*(word for pair in named.items() for word in pair), "--sample", "every=20"]


def rows(output: Path) -> dict[str, list[str]]:
    """Read all rows of all tables, sorted."""
    tables = fleet.read(str(output))
    return {n: sorted(map(str, tables.table(n).to_table().to_pylist())) for n in tables.names}


def test_plan_tells_before_and_after_and_changes_nothing(job: list[object], tmp_path: Path) -> None:
    """What is to do, what it takes and costs, what will be refused; then that all is done."""
    before = run("plan", *job, "--devices", 2, "--price-per-device-hour", "1.5")
    assert before.returncode == 3, before.stderr
    for words in ("2 videos, 40 frames", "to fetch", "estimated", "modelled", "price", "text.mp4"):
        assert words in before.stdout, before.stdout
    assert not (tmp_path / "out").exists()
    story = json.loads(run("plan", *job, "--json").stdout)
    assert (story["todo"]["frames"], story["done"]["frames"], story["leases"] > 0) == (40, 0, True)
    assert [Path(r["uri"]).name for r in story["refused"]] == ["text.mp4"]
    assert story["chip"]["device_s"] > 0
    assert run("run", *job, "--inline").returncode == 3
    assert run("run", *job, "--inline", "--accept-errors").returncode == 0
    listed = sorted(tmp_path.rglob("*"))
    after = run("plan", *job)
    assert "Nothing is left to do" in after.stdout
    assert sorted(tmp_path.rglob("*")) == listed
    other = run("plan", *job[:-1], "all")
    assert other.returncode == 2
    assert "another job" in other.stderr


def test_a_sample_that_takes_no_frame_says_so_before_and_after(
    job: list[object], tmp_path: Path
) -> None:
    """The exit code is that of a run that is whole; the way out is told with it."""
    (tmp_path / "archive" / "text.mp4").unlink()
    nothing = [*job[:-1], "all,from_s=500"]
    takes_nothing = "The sample all,from_s=500 takes no frame of these videos, the longest of which"
    before = run("plan", *nothing)
    assert takes_nothing in " ".join(before.stdout.split())
    done = run("run", *nothing, "--inline")
    assert (before.returncode, done.returncode) == (0, 0)
    assert takes_nothing in " ".join(done.stdout.split())
    assert "lasts 40s" in " ".join(done.stdout.split())
    assert "Choose another --sample and another --output." in " ".join(done.stdout.split())
    again = run("run", *nothing, "--inline")
    assert takes_nothing in " ".join(again.stdout.split())
    status = run("status", tmp_path / "out").stdout
    assert "frames      0: the sample takes none of these videos" in status


def test_plan_takes_what_a_run_takes_to_end_by_a_deadline(job: list[object]) -> None:
    """As few devices as that takes, of those that may be asked for; or that they are too few."""
    story = json.loads(run("plan", *job, "--max-devices", 7, "--deadline", "2h", "--json").stdout)
    assert (story["here"]["devices"], story["devices_for_deadline"]["devices"]) == (7, 1)
    early = run("plan", *job, "--max-devices", 7, "--deadline", "2h").stdout
    assert "1 device at first, as few as end within 2h00m" in early
    late = run("plan", *job, "--max-devices", 7, "--deadline", "9s").stdout
    assert "the run does not end within 9s" in " ".join(late.split())


def test_status_verify_requeue_and_compact_of_a_finished_job(
    job: list[object], tmp_path: Path
) -> None:
    """Each says what it should, and none changes a row but requeue, whose rows come back."""
    out = tmp_path / "out"
    assert run("run", *job, "--inline").returncode == 3
    whole = rows(out)
    status = run("status", out)
    assert status.returncode == 0
    for words in ("Finished", "100 %", "1 refused", "NotAVideo", "fleet requeue"):
        assert words in status.stdout, status.stdout
    assert json.loads(run("status", "--json", out).stdout)["state"] == "finished"
    assert run("verify", out).returncode == 0
    compacted = run("compact", out)
    assert "no row was changed" in compacted.stdout, compacted.stderr
    assert "Nothing to bring together" in run("compact", out).stdout
    assert rows(out) == whole
    proven = run("verify", out)
    assert (proven.returncode, "Proven" in proven.stdout) == (0, True), proven.stdout
    taken = run("requeue", out, "--reason", "NotAVideo")
    assert "1 refused video whole" in taken.stdout, taken.stderr
    assert rows(out)["errors"] == []
    assert run("verify", "--quick", out).returncode == 1
    assert "Nothing to take up" in run("requeue", out).stdout
    assert run("run", *job, "--inline").returncode == 3
    assert rows(out) == whole
    assert run("verify", out).returncode == 0


def test_what_is_no_output_is_refused(tmp_path: Path) -> None:
    """Exit code 2, and the path is named."""
    for command in ("status", "verify", "requeue", "compact"):
        done = run(command, tmp_path / "nothing")
        assert done.returncode == 2
        assert f"{tmp_path}/nothing holds no output of Fleet" in done.stderr


@pytest.fixture
def at_work(job: list[object], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, with its first rows there."""
    options = [*job[:-1], *EVERY_FRAME]
    command = [sys.executable, "-m", "fleet.cli", "run", *map(str, options)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as p:
        wait_for_parts(p, tmp_path / "out", 1)
        yield p
        p.kill()


def wait_for_parts(process: subprocess.Popen[str], out: Path, count: int) -> None:
    """Wait until a run has put so many parts of a table."""
    while len(list((out / "frames").glob("part-*"))) < count:
        assert process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.05)


def test_a_second_run_is_refused_or_joins(
    at_work: subprocess.Popen[str], job: list[object], tmp_path: Path
) -> None:
    """It is told who is at work; joined, both end whole, and every row is there once."""
    options = [*job[:-1], *EVERY_FRAME]
    # Held up for less than its lock lasts: it must not have ended before all have been refused.
    os.kill(at_work.pid, signal.SIGSTOP)
    refused = run("run", *options)
    assert refused.returncode == 2
    assert f"pid {at_work.pid}" in refused.stderr
    assert "--join" in refused.stderr
    assert f"pid {at_work.pid}" in run("status", tmp_path / "out").stdout
    assert "in use" in run("plan", *job[:-1], EVERY_FRAME[0]).stdout
    assert run("requeue", tmp_path / "out").returncode == 2
    os.kill(at_work.pid, signal.SIGCONT)
    joined = run("run", *options, "--join")
    assert joined.returncode == 3, joined.stderr
    at_work.communicate()
    assert at_work.returncode == 3
    proven = run("verify", tmp_path / "out")
    assert proven.returncode == 0, proven.stdout
    assert fleet.read(str(tmp_path / "out")).frames.count_rows() == 400
    videos = fleet.read(str(tmp_path / "out")).videos.to_table().to_pylist()
    assert len({row["uri"] for row in videos}) == len(videos)
    assert sum(row["frames_done"] or 0 for row in videos) == 400
    assert {row["status"] for row in videos} == {"done", "refused"}


def test_the_same_command_goes_on_at_once_after_a_kill(
    at_work: subprocess.Popen[str], job: list[object], tmp_path: Path
) -> None:
    """The lock of a process of this machine that is dead holds nobody up."""
    os.kill(at_work.pid, signal.SIGKILL)
    at_work.wait()
    assert (tmp_path / "out" / LEADER_LOCK).exists()
    stopped = run("status", tmp_path / "out")
    assert "Stopped" in stopped.stdout, stopped.stdout
    kept = {p.name for p in (tmp_path / "out" / "frames").glob("part-*")}
    assert run("run", *job[:-1], *EVERY_FRAME).returncode == 3
    assert kept <= {p.name for p in (tmp_path / "out" / "frames").glob("part-*")}
    proven = run("verify", tmp_path / "out")
    assert proven.returncode == 0, proven.stdout


def test_compaction_while_a_job_runs_costs_nothing(
    at_work: subprocess.Popen[str], tmp_path: Path
) -> None:
    """The job ends whole, and every row is there once."""
    wait_for_parts(at_work, tmp_path / "out", 3)
    assert run("compact", tmp_path / "out").returncode == 0
    at_work.communicate()
    assert at_work.returncode == 3
    proven = run("verify", tmp_path / "out")
    assert proven.returncode == 0, proven.stdout
    assert [p.name for p in (tmp_path / "out" / "frames").glob("part-pack-*")]
    assert fleet.read(str(tmp_path / "out")).frames.count_rows() == 400
