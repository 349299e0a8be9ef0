"""cluster/slurm.sh: Ray under Slurm, of which there are two stand-ins here, on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from generate import Clip, write
from s3_server import free_ports, wait_until

import fleet

CLUSTER = Path(__file__).parents[2] / "cluster"
JOBS = CLUSTER.parent / "jobs"
# They stand in for Slurm's: a step runs here, and the job's script is where it was given.
SRUN = '#!/bin/bash\nwhile [[ "$1" == --* ]]; do shift; done\nexec "$@"\n'
SCONTROL = f'#!/bin/bash\necho "   Command={CLUSTER}/slurm.sh fleet"\n'


@pytest.fixture
def allocation(tmp_path: Path) -> dict[str, str]:
    """The environment of a batch script on one node of two cores."""
    (tmp_path / "bin").mkdir()
    for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    slurm = {"SLURM_JOB_ID": "77", "SLURM_CPUS_PER_TASK": "2", "SLURM_JOB_NUM_NODES": "1"}
    (port,) = free_ports(1)
    return {
        **os.environ,
        **slurm,
        "PATH": path,
        "HOME": str(tmp_path),
        "RAY_PORT": str(port),
        # The paths of Ray's sockets may not be long.
        "TMPDIR": "/tmp",  # noqa: S108 - its own folder is made in it
    }


def job(folder: Path, *more: str) -> list[str]:
    """Return a job over one clip, as sbatch is given it."""
    write(Clip(frames=120), folder / "clip.mp4")
    command = ["bash", str(CLUSTER / "slurm.sh"), "fleet", "run", str(JOBS / "thumbnails.toml")]
    return [*command, "--input", f"{folder}/clip.mp4", "--output", f"{folder}/out", *more]


def test_a_job_runs_and_leaves_nothing_behind(allocation: dict[str, str], tmp_path: Path) -> None:
    """Its exit code is that of the run; the token is gone, and so are Ray's processes."""
    command = job(tmp_path, "--sample", "every=10")
    done = subprocess.run(command, env=allocation, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert fleet.read(str(tmp_path / "out")).frames.count_rows() == 12
    assert list((tmp_path / ".fleet-slurm").iterdir()) == []
    _wait_for_the_end(tmp_path)


def test_an_allocation_that_ends_ends_the_run_cleanly(
    allocation: dict[str, str], tmp_path: Path
) -> None:
    """SIGTERM for the batch script, two minutes before its end: what is committed stays."""
    command = job(tmp_path, "--set", "lease_s=0.1", "--sample", "all")
    with subprocess.Popen(
        command, env=allocation, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        wait_until((tmp_path / "out" / "_JOB.json").exists, "the run", 120)
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=120)
    assert running.returncode in {0, 1}, said
    assert "Traceback" not in said
    _wait_for_the_end(tmp_path)


def test_a_script_without_a_command_says_how_it_is_used(allocation: dict[str, str]) -> None:
    """Before anything is started."""
    command = ["bash", str(CLUSTER / "slurm.sh")]
    done = subprocess.run(command, env=allocation, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: sbatch" in done.stderr


def _wait_for_the_end(folder: Path) -> None:
    """Wait until no process is left: Ray's agents ask now and then whether their raylet is there."""
    wait_until(lambda: not _of(folder), "the end of Ray's processes", 120)


def _of(folder: Path) -> list[str]:
    """Return the processes that were started with this folder as their home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"HOME={folder}".encode() in environment:
            found.append(entry.name)
    return found
