"""What travels to a worker that is a process: a spec, and the code of its job."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from pixel_leases import Pixels

from fleet import FrameJob
from fleet.executors.processes.parcel import Parcel, pack, unpack
from fleet.job.code import load_job_class
from fleet.version import PACKAGE
from fleet.worker.spec import WorkerSpec

TEXT = """
from dataclasses import dataclass
import pyarrow as pa
from fleet import FrameJob

@dataclass(frozen=True)
class Part:
    name: str

@dataclass(frozen=True)
class Own(FrameJob):
    part: Part
    table = "x"
    schema = pa.schema([])

    def run(self, opened, batch):
        return %s
"""
READ = """
import pickle, sys
from fleet.executors.processes.parcel import unpack
work = unpack(pickle.loads(sys.stdin.buffer.read())).work
print(type(work).__module__, work.part.name, work.run(None, None), sep=chr(10))
print("ray" in sys.modules)
"""


def spec_of(work: FrameJob[Any]) -> WorkerSpec:
    """Return a spec of nothing but a job."""
    return WorkerSpec(work, "job", "memory://nowhere", "Ascend310", "", {}, {})


def unpacked(parcel: Parcel) -> list[str]:
    """Return what another process finds in a parcel: module, parameter, result, whether by Ray."""
    command = [sys.executable, "-c", READ]
    found = subprocess.run(
        command, input=pickle.dumps(parcel), capture_output=True, check=True, cwd=PACKAGE.parent
    )
    return found.stdout.decode().splitlines()


def test_a_jobs_file_travels_as_it_was(tmp_path: Path) -> None:
    """Also where it is another one, or gone, by the time a worker is started again."""
    path = tmp_path / "own.py"
    path.write_text(TEXT % "'before'")
    own = load_job_class("own.py:Own", tmp_path)
    module = sys.modules[own.__module__]
    make: Any = own
    parcel = pack(spec_of(make(module.Part("deep"))))
    path.write_text(TEXT % "'after'")
    assert unpacked(parcel) == [own.__module__, "deep", "before", "False"]
    path.unlink()
    assert unpacked(parcel) == [own.__module__, "deep", "before", "False"]


def test_a_script_travels_by_value(tmp_path: Path) -> None:
    """No other process can import it."""
    script = tmp_path / "script.py"
    packing = (
        "from fleet.executors.processes.parcel import pack\n"
        "from fleet.worker.spec import WorkerSpec\nimport pickle, sys\n"
        "spec = WorkerSpec(Own(Part('deep')), 'job', 'memory://nowhere', 'Ascend310', '', {}, {})\n"
        "sys.stdout.buffer.write(pickle.dumps(pack(spec)))\n"
    )
    script.write_text(TEXT % "'by value'" + packing)
    packed = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    parcel = pickle.loads(packed.stdout)  # noqa: S301 - packed just now
    assert unpacked(parcel)[1:3] == ["deep", "by value"]


def test_a_module_that_workers_find_travels_by_its_name() -> None:
    """Its text is not copied."""
    spec = spec_of(Pixels(print))
    parcel = pack(spec)
    assert (parcel.module, parcel.text) == ("", "")
    assert unpack(parcel) == spec
