"""What ends or hangs a worker costs the GOP that does it, and nothing else."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from generate import Clip, write
from ray import cloudpickle
from truth import probed

import fleet
from fleet.ascend.codes import Code
from fleet.core.run_events import Cause, DeviceLost, RunEvent
from fleet.driver.context import Resources
from fleet.driver.report import RunReport
from fleet.driver.run import run_job
from fleet.executors.inline import InlinePool
from fleet.executors.pool import Pool
from fleet.executors.processes.pool import ProcessPool
from fleet.executors.ray.pool import RayPool
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.scheduler.autoscale import Limits
from fleet.storage import canonical
from fleet.worker.fault_injection import Injection
from fleet.worker.spec import WorkerSpec

JOBS = Path(__file__).parents[2] / "jobs"
GOP, GOPS = 5, 20
MEMORY_BYTES = 2 << 30


class HeldGil(Injection):
    """A spin that costs no CPU: the process stands in C, holds the GIL, and hears no signal."""

    def trigger(self, lose: Callable[[Code], None]) -> None:
        """Stand still for good."""
        del lose
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        ctypes.PyDLL(None).pause()


class Witness:
    """Notes which devices went."""

    def __init__(self) -> None:
        self.lost: list[DeviceLost] = []

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        if isinstance(event, DeviceLost):
            self.lost.append(event)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two clips of twenty GOPs; the first lease takes a good part of one."""
    folder = tmp_path_factory.mktemp("clips")
    clip = Clip(frames=GOP * GOPS, gop=GOP, b_frames=1)
    return [write(clip, folder / f"{name}.mp4") for name in ("a", "b")]


@pytest.fixture(scope="module")
def _ray_of_two() -> Iterator[None]:
    """A Ray with two devices, which ends a process that holds the GIL sooner than it would."""
    with ray_left_as_found(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_kill_worker_timeout_milliseconds", "100")
        start_ray(2)
        # Workers do not see the folder of the tests.
        here = sys.modules[__name__]
        cloudpickle.register_pickle_by_value(here)  # type: ignore[no-untyped-call]
        yield
        cloudpickle.unregister_pickle_by_value(here)  # type: ignore[no-untyped-call]


MakePool = Callable[[WorkerSpec], Pool]


@pytest.fixture(params=[RayPool, ProcessPool])
def each_pool(request: pytest.FixtureRequest) -> MakePool:
    """Each pool whose workers are processes, which can be ended."""
    if request.param is RayPool:
        request.getfixturevalue("_ray_of_two")
    make_pool: MakePool = request.param
    return make_pool


def run(
    clips: list[Path],
    output: Path,
    injected: list[Injection],
    make_pool: MakePool,
    devices: int,
    watchdog_s: float = 60,
    cores: int = 1,
) -> tuple[RunReport, Witness]:
    """Make thumbnails of all frames, with faults injected."""
    settings: dict[str, Any] = {
        "input": [str(clips[0].parent)],
        "output": str(output),
        "sample": "all",
    }
    settings |= {"width": 64, "devices": devices, "watchdog_s": watchdog_s}
    settings |= {"cores_per_device": cores}
    job = fleet.load_job(JOBS / "thumbnails.toml", settings)
    witness = Witness()

    def pool(spec: WorkerSpec) -> Pool:
        return make_pool(replace(spec, injections=tuple(injected), memory_bytes=MEMORY_BYTES))

    means = Resources(devices, pool, Limits(most=devices))
    return run_job(job, means, witness), witness


def packet_of(clip: Path, gop: int) -> tuple[str, int]:
    """The URI, and the pts of the second picture of a GOP."""
    index = probed(clip.read_bytes())
    frame = gop * GOP + 1
    return canonical(str(clip)), int(index.packets.pts[index.order[frame]])


def outcome(output: Path) -> tuple[dict[str, set[int]], list[dict[str, Any]]]:
    """Read the frames that came out, by the clip's name, and the rows of errors/."""
    tables = fleet.read(str(output))
    frames: dict[str, set[int]] = {}
    for row in tables.frames.to_table(columns=["uri", "frame"]).to_pylist():
        seen = frames.setdefault(Path(row["uri"]).stem, set())
        assert row["frame"] not in seen, "no frame is there twice"
        seen.add(row["frame"])
    return frames, tables.errors.to_table().to_pylist()


EVERYTHING = set(range(GOP * GOPS))


def of(gop: int) -> set[int]:
    """The frames of a GOP."""
    return set(range(gop * GOP, (gop + 1) * GOP))


def test_only_the_gops_that_do_it_are_lost(
    clips: list[Path], tmp_path: Path, each_pool: MakePool
) -> None:
    """A crash on one GOP, and all the memory taken on another, out of leases of many GOPs.

    In processes, of devices that decode ahead: the job was looking at frames before.
    """
    injected = [
        Injection("exit", *packet_of(clips[0], 7)),
        Injection("memory", *packet_of(clips[1], 12)),
    ]
    cores = 2 if each_pool is ProcessPool else 1
    report, witness = run(clips, tmp_path / "out", injected, each_pool, devices=2, cores=cores)
    frames, errors = outcome(tmp_path / "out")
    assert frames == {"a": EVERYTHING - of(7), "b": EVERYTHING - of(12)}
    crash, memory = sorted(errors, key=lambda row: str(row["uri"]))
    assert (crash["stage"], crash["name"], crash["frames"]) == ("worker", "WorkerDied", GOP)
    # Out of memory, a process may also be ended by a thread of Ray's that finds none.
    assert (memory["stage"], memory["frames"]) == ("worker", GOP)
    assert (crash["start_s"], crash["end_s"]) == (pytest.approx(1.4), pytest.approx(1.6))
    assert (report.exit_code, report.total.lost_frames, report.quarantined) == (3, 2 * GOP, 2)
    assert Cause.DIED in {event.cause for event in witness.lost}


def test_a_spin_that_holds_the_gil_costs_its_gop(
    clips: list[Path], tmp_path: Path, each_pool: MakePool
) -> None:
    """The watchdog ends it; the lease is the last one, of a single GOP."""
    injected: list[Injection] = [HeldGil("spin", *packet_of(clips[1], 19))]
    report, witness = run(clips, tmp_path / "out", injected, each_pool, devices=2, watchdog_s=5)
    frames, (row,) = outcome(tmp_path / "out")
    assert frames == {"a": EVERYTHING, "b": EVERYTHING - of(19)}
    assert (row["stage"], row["name"], row["code"]) == (
        "worker",
        "ACL_ERROR_RT_LOST_HEARTBEAT",
        507010,
    )
    assert (report.exit_code, report.total.lost_frames, report.quarantined) == (3, GOP, 1)
    assert {event.cause for event in witness.lost} == {Cause.SILENT}


@pytest.mark.usefixtures("_ray_of_two")
@pytest.mark.parametrize("make_pool", [InlinePool, RayPool, ProcessPool])
def test_a_device_that_is_lost_again_and_again_costs_the_gop(
    clips: list[Path], tmp_path: Path, make_pool: MakePool
) -> None:
    """Each time another device goes on, and nothing else is lost (docs/chip.md#codes-lost)."""
    injected = [Injection("lose", *packet_of(clips[1], 19))]
    report, witness = run(clips, tmp_path / "out", injected, make_pool, devices=2)
    frames, (row,) = outcome(tmp_path / "out")
    assert frames == {"a": EVERYTHING, "b": EVERYTHING - of(19)}
    assert (row["stage"], row["name"], row["code"], row["frames"]) == (
        "worker",
        "ACL_ERROR_RT_SOCKET_CLOSE",
        507901,
        GOP,
    )
    assert "the device is gone" in row["message"]
    assert (report.exit_code, report.quarantined) == (3, 1)
    lost = [event for event in witness.lost if event.code]
    assert {(event.cause, event.code) for event in lost} == {(Cause.DIED, 507901)}
    assert len({event.device for event in lost}) == len(lost) > 1


@dataclass(frozen=True)
class LostOnce(Injection):
    """A device that is lost at the first meeting; `note` is where that is noted."""

    note: str = ""

    def trigger(self, lose: Callable[[Code], None]) -> None:
        """Lose it, unless that was done."""
        with suppress(FileExistsError):
            Path(self.note).touch(exist_ok=False)
            super().trigger(lose)


def test_a_device_that_is_lost_once_costs_nothing(clips: list[Path], tmp_path: Path) -> None:
    """Another one does what it had begun, and no frame is recorded as lost."""
    place = packet_of(clips[0], 7)
    injected: list[Injection] = [LostOnce("lose", *place, note=str(tmp_path / "lost"))]
    report, witness = run(clips, tmp_path / "out", injected, InlinePool, devices=1)
    frames, errors = outcome(tmp_path / "out")
    assert (report.exit_code, errors) == (0, [])
    assert frames == {"a": EVERYTHING, "b": EVERYTHING}
    assert [event.code for event in witness.lost if event.code] == [507901]


def test_an_unexpected_error_costs_its_gop_on_any_pool(clips: list[Path], tmp_path: Path) -> None:
    """Also where all devices share this process, and nothing dies."""
    injected = [
        Injection("raise", *packet_of(clips[1], 0)),
        Injection("raise", *packet_of(clips[1], 19)),
    ]
    report, _ = run(clips, tmp_path / "out", injected, InlinePool, devices=2)
    frames, errors = outcome(tmp_path / "out")
    assert frames == {"a": EVERYTHING, "b": EVERYTHING - of(0) - of(19)}
    assert {(row["stage"], row["name"], row["frames"]) for row in errors} == {
        ("worker", "ArithmeticError", GOP)
    }
    assert (report.exit_code, report.quarantined) == (3, 2)
    again, _ = run(clips, tmp_path / "out", [], InlinePool, devices=1)
    assert (again.leases, again.this_run.frames) == (0, 0)
