"""What travels to a worker that is a process: a spec, and the code of its job."""

from __future__ import annotations

import ctypes
import hashlib
import inspect
import linecache
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pixel_leases import Pixels

from fleet import FrameJob
from fleet.errors import UsageError
from fleet.executors.processes.parcel import Parcel, pack, unpack
from fleet.job.code import code_digest, load_job_class
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


def packed_by(script: Path) -> bytes:
    """Return what a script writes, which imports what this test can."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *sys.path])}
    return subprocess.run(
        [sys.executable, script], stdout=subprocess.PIPE, check=True, env=env
    ).stdout


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
    parcel = pickle.loads(packed_by(script))  # noqa: S301 - packed just now
    assert unpacked(parcel)[1:3] == ["deep", "by value"]


@pytest.mark.parametrize("ending", ["\n", "", "\r\n", "\n# caf\u00e9"])
def test_what_travels_is_what_was_loaded_and_digested(tmp_path: Path, ending: str) -> None:
    """Also where the file is edited, or gone, before anything is packed."""
    path = tmp_path / "own.py"
    text = (TEXT % "'loaded'").rstrip() + ending
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    own: Any = load_job_class("own.py:Own", tmp_path)
    part = sys.modules[own.__module__].Part("deep")
    linecache.clearcache()
    whole = hashlib.sha256(inspect.getsource(sys.modules[own.__module__]).encode()).hexdigest()
    assert code_digest(own) == whole, "that of the text as inspect gives it"
    path.write_text(TEXT % "'edited'")
    linecache.clearcache()
    assert code_digest(own) == whole
    assert unpacked(pack(spec_of(own(part))))[2] == "loaded"
    path.unlink()
    linecache.clearcache()
    assert code_digest(own) == whole
    assert unpacked(pack(spec_of(own(part))))[2] == "loaded"


def test_a_jobs_file_is_run_with_its_own_futures_alone(tmp_path: Path) -> None:
    """Here and in a worker: annotations are evaluated, as Python does it without the import."""
    (tmp_path / "own.py").write_text(
        TEXT % "__annotations__['level'].__name__" + "\nlevel: int = 3\n"
    )
    own: Any = load_job_class("own.py:Own", tmp_path)
    work = own(sys.modules[own.__module__].Part("deep"))
    assert work.run(None, None) == "int"
    assert unpacked(pack(spec_of(work)))[2] == "int"


LOCAL = (
    TEXT
    + """
def make():
    @dataclass(frozen=True)
    class Near:
        name: str
    return Near

NAME = lambda part: part.name.upper()
"""
)


@pytest.mark.parametrize("part", ["module.make()('deep')", "type('Of', (), {'name': 'deep'})()"])
def test_what_pickle_refuses_travels_by_value(tmp_path: Path, part: str) -> None:
    """Local classes, with the module of a job's file, which no other process can import."""
    (tmp_path / "own.py").write_text(LOCAL % "NAME(self.part)")
    own: Any = load_job_class("own.py:Own", tmp_path)
    made = eval(part, {"module": sys.modules[own.__module__]})  # noqa: S307 - of the lines above
    assert unpacked(pack(spec_of(own(made))))[:3] == [own.__module__, "deep", "DEEP"]


def test_a_function_without_a_name_travels_by_value() -> None:
    """In a job that workers can import, also one that holds on to its surroundings."""
    seen = 7
    work: Any = unpack(pack(spec_of(Pixels(lambda frame: frame + seen)))).work  # type: ignore[arg-type]
    assert work.on_event(1) == 8


def test_what_is_of_a_script_travels_in_a_job_of_a_library(tmp_path: Path) -> None:
    """Pickle alone would name it, and no worker finds a name in the script."""
    script = tmp_path / "script.py"
    script.write_text(
        "import pickle, sys\n"
        "from pixel_leases import Pixels\n"
        "from fleet.executors.processes.parcel import pack\n"
        "from fleet.worker.spec import WorkerSpec\n"
        "def keep(frame):\n    return frame * 2\n"
        "spec = WorkerSpec(Pixels(keep), 'job', 'memory://nowhere', 'Ascend310', '', {}, {})\n"
        "sys.stdout.buffer.write(pickle.dumps(pack(spec)))\n"
    )
    parcel = pickle.loads(packed_by(script))  # noqa: S301 - packed just now
    work: Any = unpack(parcel).work
    assert work.on_event(4) == 8


@pytest.mark.parametrize(
    "held", [threading.Lock(), (n for n in range(3)), ctypes.pointer(ctypes.c_int(3))]
)
def test_what_cannot_travel_is_refused_in_words(held: Any) -> None:
    """As a mistake in what was asked, and with a way out."""
    with pytest.raises(UsageError, match="The job Pixels cannot travel to workers: ") as raised:
        pack(spec_of(Pixels(held)))
    assert "open()" in raised.value.way_out


def test_a_module_that_workers_find_travels_by_its_name() -> None:
    """Its text is not copied."""
    spec = spec_of(Pixels(print))
    parcel = pack(spec)
    assert (parcel.module, parcel.text) == ("", "")
    assert unpack(parcel) == spec
