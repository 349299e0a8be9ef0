"""This machine: Python, the libraries, memory, places to write to."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import parse

from fleet.core.format import plural, size
from fleet.doctor.finding import Finding, State, well
from fleet.errors import UsageError
from fleet.executors.ray.whereabouts import short_folder
from fleet.memory_limit import there_bytes
from fleet.version import __version__

LEAST_PYTHON = (3, 11)
DEVICE_BYTES = 1_000_000_000
"""What a device is to have: one was measured with 340 MB, and pictures may be larger."""
LEAST_FREE_BYTES = 1_000_000_000
"""What Ray's session wants of a disk."""
STORE_BYTES = 128 << 20
"""The size of a node's object store."""
LEAST_FILES = 4096
"""Open files for which a node with many devices has room."""
_WITHOUT_RAY = (
    "Runs on this machine go without Ray; a cluster, --on ray and `fleet submit` need it."
)
DECODERS = ("h264", "hevc", "mjpeg", "png")


@dataclass(frozen=True)
class Machine:
    """What is measured of a machine."""

    python: tuple[int, int]
    """The version of Python."""
    cores: int
    """Cores that this process may use."""
    memory_bytes: int
    """Memory of the machine, or of the container around this process."""
    open_files: int
    """How many files this process may have open."""
    folder: str
    """Where temporary files go."""
    free_bytes: int
    """What is free there."""
    shared_bytes: int
    """What is free in shared memory."""


def measure() -> Machine:
    """Return what this machine is."""
    folder = tempfile.gettempdir()
    shared = Path("/dev/shm")  # noqa: S108 - where Ray keeps its object store
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=there_bytes(),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        folder=folder,
        free_bytes=shutil.disk_usage(folder).free,
        shared_bytes=shutil.disk_usage(shared).free if shared.is_dir() else 0,
    )


def state_of_lack(*, for_cluster: bool) -> State:
    """Return how bad it is where Ray lacks something; runs on this machine go without Ray."""
    return State.BAD if for_cluster else State.WARNING


def judge(machine: Machine, *, for_cluster: bool = False) -> Iterator[Finding]:
    """Yield what is to be said of a machine; pure. `for_cluster`: whether a cluster is named."""
    named = ".".join(map(str, machine.python))
    if machine.python < LEAST_PYTHON:
        yield Finding("Python", State.BAD, f"This is Python {named}.", "Install 3.11 or later.")
    else:
        yield well("Python", f"{named}, Fleet {__version__}")
    memory = f"{plural(machine.cores, 'core')}, {size(machine.memory_bytes)} of memory"
    if machine.memory_bytes < DEVICE_BYTES * machine.cores:
        most = max(1, machine.memory_bytes // DEVICE_BYTES)
        way_out = f"Run with --devices {most} at most: a device wants a core and 1 GB."
        yield Finding("cores, memory", State.WARNING, memory, way_out)
    else:
        yield well("cores, memory", memory)
    if machine.open_files < LEAST_FILES:
        said = f"A process may have {machine.open_files:,} files open."
        yield Finding("open files", State.WARNING, said, "Before a run: ulimit -n 65536")
    else:
        yield well("open files", f"{machine.open_files:,} at most")
    free = f"{size(machine.free_bytes)} free in {machine.folder}"
    if machine.free_bytes < LEAST_FREE_BYTES:
        way_out = "Make room there, or set TMPDIR to another place: Ray keeps its session there."
        yield Finding("scratch", state_of_lack(for_cluster=for_cluster), free, way_out)
    else:
        yield well("scratch", free)
    shared = f"{size(machine.shared_bytes)} free in /dev/shm"
    if machine.shared_bytes < STORE_BYTES:
        way_out = "In a container, start it with --shm-size=256m; Ray takes a slower place else."
        yield Finding("shared memory", State.WARNING, shared, way_out)
    else:
        yield well("shared memory", shared)


def examine_scratch(*, for_cluster: bool = False) -> Iterator[Finding]:
    """Yield whether Ray's session has a place whose name is short enough."""
    try:
        short_folder(os.environ)
    except UsageError as error:
        state = state_of_lack(for_cluster=for_cluster)
        yield Finding("Ray's folder", state, f"{error.message} {_WITHOUT_RAY}", error.way_out)


def examine_libraries(*, for_cluster: bool = False) -> Iterator[Finding]:
    """Yield the versions of FFmpeg, ONNX Runtime and Ray, and whether FFmpeg has its decoders."""
    yield from _examine_ffmpeg()
    yield from _examine_onnxruntime()
    yield from judge_ray(_version("ray"), for_cluster=for_cluster)


def _examine_ffmpeg() -> Iterator[Finding]:
    try:
        import av  # noqa: PLC0415 - whether it loads is what is asked
    except ImportError as error:
        said = f"PyAV, which brings FFmpeg, does not load: {error}."
        yield Finding(
            "FFmpeg", State.BAD, said, "Install it anew: pip install --force-reinstall av"
        )
        return
    missing = [name for name in DECODERS if name not in av.codecs_available]
    numbers = av.library_versions.get("libavcodec", ())
    named = f"libavcodec {'.'.join(map(str, numbers))}, PyAV {av.__version__}"
    yield judge_decoders(named, missing)


def judge_decoders(named: str, missing: Sequence[str]) -> Finding:
    """Return what is to be said of FFmpeg, given the decoders that it lacks; pure."""
    if not missing:
        return well("FFmpeg", f"{named}, decodes {', '.join(DECODERS)}")
    said = f"{named} has no decoder of {', '.join(missing)}."
    return Finding(
        "FFmpeg", State.BAD, said, "Take PyAV's own wheel: pip install --only-binary av av"
    )


def _examine_onnxruntime() -> Iterator[Finding]:
    try:
        import onnxruntime  # noqa: PLC0415 - whether it loads is what is asked
    except ImportError as error:
        way_out = "Install it anew: pip install --force-reinstall onnxruntime"
        yield Finding("ONNX Runtime", State.BAD, f"It does not load: {error}.", way_out)
        return
    names = [n.removesuffix("ExecutionProvider") for n in onnxruntime.get_available_providers()]
    yield well("ONNX Runtime", f"{onnxruntime.__version__}, providers {', '.join(names)}")


def judge_ray(found: str, oldest: str = "2.60", *, for_cluster: bool = False) -> Iterator[Finding]:
    """Yield what is to be said of a version of Ray, empty for none; pure."""
    state = state_of_lack(for_cluster=for_cluster)
    if not found:
        said = f"It is not installed. {_WITHOUT_RAY}"
        yield Finding("Ray", state, said, "pip install 'ray[default]'")
    elif parse(found) < parse(oldest):
        said = f"This is Ray {found}. {_WITHOUT_RAY}"
        yield Finding("Ray", state, said, f"Fleet needs {oldest} or later.")
    else:
        yield well("Ray", f"{found}, on {platform.machine()}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
