"""The process beside a submitted job's driver: it starts it again, and hands a stop on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from s3_server import wait_until

from fleet.cli.attended import may_pass
from fleet.errors import (
    AccessDeniedError,
    BrokenOffError,
    FleetError,
    JobFailedError,
    OutputBusyError,
    StorageError,
)
from fleet.storage import Folder
from fleet.submit.restart_policy import MOST_IN_VAIN
from fleet.submit.supervise import Supervisor, main
from fleet.table.state.holder import Holder
from fleet.table.state.run_records import RunRecord, RunRecords

SUPERVISOR = "import sys; from fleet.submit.supervise import Supervisor; "
# Each life of the driver leaves a line, and then what it is told besides.
DRIVER = """
import os, signal, sys, time
from pathlib import Path
lives = Path(sys.argv[1])
with lives.open("a") as file:
    file.write(f"born {' '.join(sys.argv[4:])}\\n")
if sys.argv[2] == "die" and lives.read_text().count("born") == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "wait":
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        lives.write_text("interrupted\\n")
        sys.exit(1)
sys.exit(int(sys.argv[3]))
"""


def supervise(folder: Path, *how: str, deadline_s: float | None = None) -> subprocess.Popen[str]:
    """Supervise a driver that does as it is told."""
    command = [sys.executable, "-c", DRIVER, str(folder / "lives"), *how]
    run = f"sys.exit(Supervisor({command!r}, {str(folder / 'out')!r}, {deadline_s}).run())"
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR + run], stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("code", [0, 3])
def test_a_driver_that_dies_is_started_again(tmp_path: Path, code: int) -> None:
    """Killed once; the second life's exit code is the job's, and what happened is said."""
    with supervise(tmp_path, "die", str(code)) as supervisor:
        _, said = supervisor.communicate(timeout=60)
    assert supervisor.returncode == code
    assert (tmp_path / "lives").read_text().count("born") == 2
    assert "the driver was killed by SIGKILL; it is started again in 1s" in said


def test_a_driver_that_is_started_again_has_less_time_left(tmp_path: Path) -> None:
    """A deadline is counted from the first life on."""
    with supervise(tmp_path, "die", "0", deadline_s=7200.0) as supervisor:
        supervisor.communicate(timeout=60)
    told = [line.split("--deadline=")[1] for line in (tmp_path / "lives").open()]
    first_s, second_s = (float(text.strip().removesuffix("s")) for text in told)
    assert 0 < second_s < first_s <= 7200


# From some life on it notes its progress; it is to start fast, and so does without Fleet.
NOTING = """
import json, os, sys
from pathlib import Path
lives = Path(sys.argv[1])
with lives.open("a") as file:
    file.write(f"born {' '.join(sys.argv[4:])}\\n")
life = lives.read_text().count("born")
if life > int(sys.argv[2]):
    notes = Path(sys.argv[3], "_runs")
    record = json.loads(min(notes.iterdir()).read_text())
    record["holder"].update(pid=os.getpid(), mark=f"{life:032x}")
    (notes / f"{life:032x}.json").write_text(json.dumps({**record, "done_frames": life}))
sys.exit(0 if life == LIVES else 75)
"""
LIVES = MOST_IN_VAIN + 4


@pytest.mark.parametrize("before_it_leads", [0, 2])
def test_what_is_to_be_done_again_is_asked_for_until_a_driver_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before_it_leads: int
) -> None:
    """And progress is that of the job's own drivers: an earlier run had more frames than these."""
    output, lives = str(tmp_path / "out"), tmp_path / "lives"
    monkeypatch.setattr("fleet.submit.restart_policy.FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    earlier = RunRecord(Holder.me("fleet run", "ab", 0.0), "finished", 0.0, done_frames=1000)
    RunRecords(Folder(output)).put(earlier)
    code = NOTING.replace("LIVES", str(LIVES))
    command = [sys.executable, "-c", code, str(lives), str(before_it_leads), output, "--report"]
    assert Supervisor(command, output, first=["--retry-failed"]).run() == 0
    with_it, without = "born --report --retry-failed", "born --report"
    again = before_it_leads + 1
    assert lives.read_text().splitlines() == [with_it] * again + [without] * (LIVES - again)


@pytest.mark.parametrize("code", [1, 2])
def test_a_driver_that_fails_is_not(tmp_path: Path, code: int) -> None:
    """A failed job and bad usage end it at once, with that exit code."""
    with supervise(tmp_path, "end", str(code)) as supervisor:
        supervisor.communicate(timeout=60)
    assert supervisor.returncode == code
    assert (tmp_path / "lives").read_text().count("born") == 1


def test_sigterm_interrupts_the_driver_and_starts_no_other(tmp_path: Path) -> None:
    """The driver hears of it as of Ctrl-C, and is waited for."""
    lives = tmp_path / "lives"
    with supervise(tmp_path, "wait") as supervisor:
        wait_until(lambda: lives.exists() and "born" in lives.read_text(), "the driver")
        supervisor.send_signal(signal.SIGTERM)
        supervisor.communicate(timeout=60)
    assert supervisor.returncode == 1
    assert lives.read_text() == "interrupted\n"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (StorageError("the store is down"), True),
        (AccessDeniedError("no keys"), False),
        (JobFailedError("no NPU"), False),
        (BrokenOffError("the inputs could not be listed to their end"), True),
        (OutputBusyError("in use"), False),
    ],
)
def test_what_may_pass_is_told_from_what_does_not(error: FleetError, passes: bool) -> None:
    """A store that is down may be up again; what is refused stays refused."""
    assert may_pass(error) is passes


@pytest.mark.parametrize("options", [(), ("--report", "--retry-failed")])
def test_what_a_job_is_submitted_with_reaches_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Of the copy that was kept as well, which goes at the end."""
    commands: list[list[str]] = []

    class Noted(Supervisor):
        def run(self) -> int:
            commands.append(self._command_now())
            return 3

    monkeypatch.setattr("fleet.submit.supervise.Supervisor", Noted)
    job, kept = tmp_path / "job.toml", tmp_path / "kept"
    job.write_text('output = "out"')
    kept.mkdir()
    monkeypatch.setattr(sys, "argv", ["supervise", *options, str(job), str(kept)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert [command[3:] for command in commands] == [["run", str(job), "--on", "ray", *options]]
    assert not kept.exists()
