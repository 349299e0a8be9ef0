"""Whole runs through Ray: the same rows whatever the devices, leases and accidents.

They share one Ray, which this process is connected to; test_own_ray.py has a run start its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import fleet
from fleet.core.progress import Progress
from fleet.core.run_events import DeviceLost, LeaseDone, RunEvent
from fleet.driver.report import RunReport
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.export.chosen.choice import Choice
from fleet.export.missing import Where
from fleet.export.run import Exporting, export_output

JOBS = Path(__file__).parents[2] / "jobs"


def detect(data: Path, model: Path, output: Path, **settings: Any) -> fleet.Job:
    """Set the detect job up over the real clips."""
    named = {"input": [str(data)], "output": str(output), "model": str(model), "sample": "every=5"}
    return fleet.load_job(JOBS / "detect.toml", {**named, **settings})


def rows(output: Path) -> tuple[pa.Table, ...]:
    """Read detections and frames, sorted by everything."""
    tables = fleet.read(str(output))
    return tuple(_sorted(table.to_table()) for table in (tables.table("detections"), tables.frames))


def _sorted(table: pa.Table) -> pa.Table:
    plain = table.cast(pa.schema([(f.name, _plain(f.type)) for f in table.schema]))
    return plain.sort_by([(name, "ascending") for name in plain.column_names])


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


@pytest.fixture(scope="module")
def _ray_of_two() -> Iterator[None]:
    """A Ray with two devices, which every run here joins."""
    with ray_left_as_found():
        start_ray(2)
        yield


@pytest.fixture(scope="module")
def undisturbed(clips: Path, fastestdet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of one device in this process: what every other run must equal."""
    output = tmp_path_factory.mktemp("inline") / "out"
    report = fleet.run(detect(clips, fastestdet, output, devices=1), on="inline")
    assert report.exit_code == 0
    assert report.total.frames == 180
    return output


@pytest.mark.usefixtures("_ray_of_two")
@pytest.mark.parametrize(
    ("devices", "lease_s"), [(1, 60.0), (2, 60.0), (2, 0.5)], ids=["one", "two", "short-leases"]
)
def test_devices_and_lease_lengths_do_not_change_a_row(
    clips: Path,
    fastestdet: Path,
    undisturbed: Path,
    tmp_path: Path,
    devices: int,
    lease_s: float,
) -> None:
    """One or two actors, long or short leases: bit-identical tables."""
    job = detect(clips, fastestdet, tmp_path / "out", devices=devices, lease_s=lease_s)
    report = fleet.run(job)
    assert (report.exit_code, report.devices) == (0, devices)
    assert all(a.equals(b) for a, b in zip(rows(tmp_path / "out"), rows(undisturbed), strict=True))


class Killer:
    """Kills a worker process with SIGKILL after the first lease is done."""

    def __init__(self) -> None:
        self.killed: set[int] = set()
        self.lost: list[DeviceLost] = []
        self._done = 0

    def on_event(self, event: RunEvent) -> None:
        """Strike once, at a worker that is in the middle of a lease."""
        if isinstance(event, LeaseDone):
            self._done += 1
        if isinstance(event, DeviceLost):
            self.lost.append(event)
        if isinstance(event, Progress) and event.lease and self._done and not self.killed:
            os.kill(event.pid, signal.SIGKILL)
            self.killed.add(event.pid)


@pytest.mark.usefixtures("_ray_of_two")
def test_a_killed_worker_changes_no_row(
    clips: Path, fastestdet: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """SIGKILL in the middle of a lease: the job ends whole, with the same rows."""
    killer = Killer()
    job = detect(clips, fastestdet, tmp_path / "out", devices=2, lease_s=0.5)
    report = fleet.run(job, observer=killer)
    assert killer.killed
    assert len(killer.lost) == 1
    assert report.exit_code == 0
    assert all(a.equals(b) for a, b in zip(rows(tmp_path / "out"), rows(undisturbed), strict=True))


@pytest.mark.usefixtures("_ray_of_two")
def test_pictures_of_an_export_are_made_on_ray(undisturbed: Path, tmp_path: Path) -> None:
    """By two actors: the files that the export makes by itself, and no others."""
    asked = Exporting("mot", Choice(every=12), pictures=True)
    made = {}
    for name, where in (("ray", Where(2, "ray")), ("here", Where())):
        folder = tmp_path / name
        done = export_output(str(undisturbed), str(folder), asked, where)
        assert done.pictures == done.frames == 16
        files = (path for path in folder.rglob("*") if path.is_file())
        made[name] = {path.relative_to(folder): path.read_bytes() for path in files}
    assert made["ray"] == made["here"]


def test_the_same_command_again_has_nothing_to_do(
    clips: Path, fastestdet: Path, undisturbed: Path
) -> None:
    """A second run over a whole output commits nothing."""
    before = sorted(p.name for p in undisturbed.rglob("*.parquet"))
    report = fleet.run(detect(clips, fastestdet, undisturbed, devices=1), on="inline")
    assert (report.leases, report.exit_code, report.this_run.frames) == (0, 0, 0)
    assert report.total.frames == 180
    assert sorted(p.name for p in undisturbed.rglob("*.parquet")) == before


def test_a_new_video_costs_only_itself(
    town_hevc: Path, town_mkv: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """Added to the inputs of a finished job, only its own frames are done."""
    alike: dict[str, Any] = {"devices": 1, "sample": "every=20"}
    first = detect(town_hevc, fastestdet, tmp_path / "out", **alike)
    assert fleet.run(first, on="inline").total.frames == 20
    alike["input"] = [str(town_hevc), str(town_mkv)]
    report = fleet.run(detect(town_hevc, fastestdet, tmp_path / "out", **alike), on="inline")
    assert (report.this_run.frames, report.total.frames) == (20, 40)


class InterruptAfterOneLease:
    """Behaves like Ctrl-C once the first lease is done."""

    def on_event(self, event: RunEvent) -> None:
        """Interrupt."""
        if isinstance(event, LeaseDone):
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_where_it_stopped(
    town_hevc: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """What was committed is kept; the second run does the rest, and both make the whole."""
    job = detect(town_hevc, fastestdet, tmp_path / "out", devices=1, lease_s=0.2)
    report = fleet.run(job, on="inline", observer=InterruptAfterOneLease())
    assert report.interrupted
    assert report.exit_code == 1
    kept = report.total.frames
    assert not (tmp_path / "out" / "_SUCCESS.json").exists()
    again = fleet.run(job, on="inline")
    assert again.exit_code == 0
    assert again.total.frames == 80
    assert 0 < kept < 80
    assert again.this_run.frames == 80 - kept


def test_report_is_readable(undisturbed: Path, clips: Path, fastestdet: Path) -> None:
    """What a notebook shows of a report names the output and the counts."""
    report: RunReport = fleet.run(detect(clips, fastestdet, undisturbed, devices=1), on="inline")
    assert "180" in repr(report)
    assert str(undisturbed) in repr(report)
