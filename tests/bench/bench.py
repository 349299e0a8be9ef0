"""`make bench`: Fleet against the limit, in one run, on real video. Prints; asserts nothing.

Needs FLEET_TEST_DATA. Read the ratios: absolute figures drift with the machine.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from limit import limit

import fleet
from fleet.ascend.soc import soc
from fleet.core.run_events import DeviceJoined, LeaseDone, RunEvent
from fleet.driver.report import RunReport
from fleet.job.fields import Place
from fleet.models.compiler.compile import compile_model, read_labels

ROOT = Path(__file__).parents[2]
PROCESSES = 2
PLACES: tuple[Place, ...] = ("ray", "processes")
"""Where Fleet's devices live; the bare loop has processes either way."""
ROUNDS = 3
"""The machine's speed drifts: one pair of figures says little."""


@dataclass
class Stopwatch:
    """Notes when the first device was ready, when the first part was there, and when the last."""

    began_s: float = field(default_factory=time.perf_counter)
    ready_s: float = 0.0
    first_s: float = 0.0
    last_s: float = 0.0

    def on_event(self, event: RunEvent) -> None:
        """Take the time of what matters."""
        now_s = time.perf_counter() - self.began_s
        if isinstance(event, DeviceJoined):
            self.ready_s = self.ready_s or now_s
        if isinstance(event, LeaseDone):
            self.first_s = self.first_s or now_s
            self.last_s = now_s


@dataclass(frozen=True)
class Timed:
    """A run, and its rate from the moment when its first device was ready."""

    report: RunReport
    watch: Stopwatch

    @property
    def rate(self) -> float:
        """Frames a second, warm."""
        return self.report.total.frames / (self.watch.last_s - self.watch.ready_s)


def run_fleet(
    model: Path, sample: str, videos: list[str], devices: int, folder: Path | str, on: Place = "ray"
) -> Timed:
    """Run the detect job, from cold."""
    output = f"{folder}/out-{time.monotonic_ns()}"
    settings = {"input": videos, "output": output, "sample": sample, "devices": devices}
    job = fleet.load_job(ROOT / "jobs" / "detect.toml", {**settings, "model": str(model)})
    watch = Stopwatch()
    return Timed(fleet.run(job, on=on, observer=watch), watch)


def compile_detector(data: Path, folder: Path) -> Path:
    """Compile FastestDet."""
    labels = read_labels((data / "coco.names").read_text("utf-8"), "coco.names")
    om = compile_model(
        (data / "FastestDet.onnx").read_bytes(),
        head="fastestdet",
        labels=labels,
        name="fastestdet",
        soc=soc("Ascend310"),
    )
    path = folder / "fastestdet.om"
    path.write_bytes(om)
    return path


def compare(model: Path, sample: str, videos: list[str], folder: Path, on: Place) -> None:
    """Print the limit, Fleet, and their ratio, measured in turn; the median ratio counts."""
    ratios = []
    for _ in range(ROUNDS):
        bare = limit(model, sample, videos, PROCESSES)
        timed = run_fleet(model, sample, videos, PROCESSES, folder, on)
        ratios.append(timed.rate / bare)
        print(
            f"{sample:<8} limit {bare:7.1f}  fleet {timed.rate:7.1f} frames/s  ratio {ratios[-1]:.3f}"
        )
    print(f"{sample:<8} median ratio {median(ratios):.3f}")
    print_stages(timed)


def print_stages(timed: Timed) -> None:
    """Print CPU milliseconds a frame by stage, memory, and the time to the first part."""
    tally = timed.report.this_run
    stages = {name: 1000 * s / tally.frames for name, s in tally.host_s.items()}
    print("         CPU ms a frame: " + ", ".join(f"{n} {ms:.2f}" for n, ms in stages.items()))
    peak = timed.report.peak_rss_bytes / 1e6
    print(
        f"         peak memory of a worker {peak:.0f} MB, first part after {timed.watch.first_s:.1f} s cold"
    )


def main() -> None:
    """Run all comparisons."""
    data = Path(os.environ.get("FLEET_TEST_DATA", "")).resolve()
    town = data / "town_1080p.mp4"
    if not town.is_file():
        sys.exit("make bench needs FLEET_TEST_DATA, the folder of real clips.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = compile_detector(data, folder)
        copies = [str(shutil.copy(town, folder / f"copy{n}.mp4")) for n in range(4)]
        print(f"four copies of {town.name}, {PROCESSES} devices, warm:")
        for on in PLACES:
            print(f"on {on}:")
            compare(model, "all", copies, folder, on)
            compare(model, "fps=1", copies, folder, on)
        print("one video, every frame, on ray:")
        gains = []
        for _ in range(ROUNDS):
            one, two = (run_fleet(model, "all", copies[:1], n, folder) for n in (1, 2))
            gains.append(two.rate / one.rate)
            print(f"         1 device {one.rate:.1f}, 2 devices {two.rate:.1f} frames/s")
        print(f"         median gain x {median(gains):.2f}")


if __name__ == "__main__":
    main()
