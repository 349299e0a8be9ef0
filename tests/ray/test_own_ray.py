"""A run where there is no Ray: it starts one, and ends it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import ray
from s3_server import wait_until

import fleet
from fleet.executors.ray.pool import RayPool
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.executors.ray.whereabouts import check_answers
from fleet.table.status import read_status
from fleet.table.table import Table

PATIENCE_S = 120


def test_a_job_with_a_bug_fails_at_once_with_its_traceback(tmp_path: Path, town_hevc: Path) -> None:
    """Nothing is recorded as lost: it is the job that is wrong; and nothing of Ray is left."""
    module = tmp_path / "buggy.py"
    module.write_text(
        "from dataclasses import dataclass\nimport pyarrow as pa\nfrom fleet import FrameJob\n"
        "@dataclass(frozen=True)\nclass Buggy(FrameJob):\n    table = 'x'\n    schema = pa.schema([])\n"
        "    def run(self, opened, batch):\n        return batch.no_such_field\n"
    )
    (tmp_path / "job.toml").write_text(
        f'job = "buggy.py:Buggy"\ninput = ["{town_hevc}"]\noutput = "{tmp_path}/out"\ndevices = 1\n'
    )
    with pytest.raises(
        fleet.errors.JobFailedError, match=r"(?s)no_such_field.*buggy\.py"
    ) as raised:
        fleet.run(fleet.load_job(tmp_path / "job.toml"), on="ray")
    assert not ray.is_initialized()
    # What its exception still holds lets go of nothing that the next Ray has under the same number.
    assert raised.tb is not None
    held = [each for each in gc.get_objects() if type(each) is RayPool]
    assert not any(hasattr(pool, "_spec") for pool in held)


def test_sigterm_ends_a_run_as_ctrl_c_does(tmp_path: Path, town_hevc: Path) -> None:
    """As of systemd, or where a pod is evicted: it says how to go on, and keeps what is done."""
    (tmp_path / "slow.py").write_text(
        "from dataclasses import dataclass\nimport time\nimport numpy as np\nimport pyarrow as pa\n"
        "from fleet import FrameJob, Rows\n"
        "@dataclass(frozen=True)\nclass Slow(FrameJob):\n    table = 'x'\n    schema = pa.schema([])\n"
        "    def run(self, opened, batch):\n        time.sleep(0.1 * len(batch))\n"
        "        return Rows(np.zeros(0, np.int32), {})\n"
    )
    (tmp_path / "job.toml").write_text(
        f'job = "slow.py:Slow"\ninput = ["{town_hevc}"]\noutput = "{tmp_path}/out"\n'
        "devices = 1\nlease_s = 1.0\n"
    )
    command = [sys.executable, "-m", "fleet.cli", "run", str(tmp_path / "job.toml"), "--on", "ray"]
    frames = tmp_path / "out" / "frames"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        wait_until(lambda: len(list(frames.glob("part-*"))) >= 1, "the first lease")
        run.terminate()
        printed, _ = run.communicate(timeout=60)
    assert run.returncode == 1, printed
    assert "Interrupted" in printed
    assert "SIGTERM" not in printed
    assert read_status(Table.open(str(tmp_path / "out"))).state == "interrupted"


def test_ctrl_c_while_ray_starts_ends_in_words(tmp_path: Path, town_hevc: Path) -> None:
    """As at any other moment: the documented exit code, no traceback, no process of it left."""
    (tmp_path / "job.toml").write_text(
        f'job = "{Path(__file__).parents[2]}/jobs/thumbnails.py:Thumbnails"\n'
        f'input = ["{town_hevc}"]\noutput = "{tmp_path}/out"\ndevices = 1\n'
    )
    command = [sys.executable, "-m", "fleet.cli", "run", str(tmp_path / "job.toml"), "--on", "ray"]
    said = tmp_path / "said"
    with (
        said.open("w") as sink,
        subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True) as run,
    ):
        try:
            wait_until(lambda: "Ray starts on this machine" in said.read_text(), "Ray to start")
            # A terminal sends it to all that runs there.
            os.killpg(run.pid, signal.SIGINT)
            code = run.wait(PATIENCE_S)
            wait_until(lambda: not session(run.pid), "the end of all that it has started")
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    assert code == 1, said.read_text()
    assert "same command again" in said.read_text()
    assert "Traceback" not in said.read_text()


def session(leader: int) -> list[str]:
    """Return the processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, fields = path.read_text().rsplit(")", 1)
            state, _, _, number = fields.split()[:4]
            if int(number) == leader and state != "Z":
                found.append(name)
    return found


def programs() -> dict[int, str]:
    """Return what this process has started, and what that has started: number -> its arguments."""
    found = {}
    to_do = [os.getpid()]
    while to_do:
        for path in Path(f"/proc/{to_do.pop()}/task").glob("*/children"):
            for child in map(int, path.read_text("ascii").split()):
                found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
                to_do.append(child)
    return found


def test_ray_starts_in_spite_of_a_long_tmpdir_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths of its sockets would be too long there; at its address a cluster is found.

    It has none of the services that nobody asks, with which it takes three times as long to start;
    and nothing of it is left.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("x" * 80)))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    before = programs()
    with ray_left_as_found():
        start_ray(1)
        check_answers(ray.get_runtime_context().gcs_address, {})
        started = {n: arguments for n, arguments in programs().items() if n not in before}
    unasked = ("/dashboard.py", "/monitor.py", "/log_monitor.py", "/agent.py", "/agent/main.py")
    running = [arguments.split(" --", 1)[0] for arguments in started.values()]
    assert not [arguments for arguments in running if any(name in arguments for name in unasked)]
    assert sum("/unused_agent.py" in arguments for arguments in running) == 2
    wait_until(lambda: not any(Path(f"/proc/{n}").exists() for n in started), "the end of all")
