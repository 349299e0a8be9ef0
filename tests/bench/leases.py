"""How many leases a second one driver leads through Ray, where the work itself takes no time.

python tests/bench/leases.py [--devices N] [--leases N]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import ray

from fleet import FrameJob
from fleet.driver.events import Assign, DeviceJoined, LeaseDone
from fleet.driver.ray_actor import DeviceActor
from fleet.driver.ray_pool import RayPool
from fleet.driver.ray_start import ray_left_as_found, start_ray
from fleet.frames import FrameBatch, Rows
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.plan.shard import DoneIntervals, video_work
from fleet.video.sampling import EVERY_FRAME
from fleet.worker.receipt import Receipt, Tally
from fleet.worker.spec import Progress, WorkerSpec

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from indexes import index_of

HELD = 2
SAMPLE_EVERY = 1000


@dataclass(frozen=True)
class Nothing(FrameJob):
    """A job that is never run."""

    table: ClassVar[str] = "nothing"
    schema: ClassVar[pa.Schema] = pa.schema([])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Not called."""
        raise NotImplementedError


class Idle(DeviceActor):
    """A worker that has done each lease as soon as it gets it."""

    def open(self) -> Progress:
        """Open nothing."""
        return self._stand()

    def run(self, order: LeaseOrder) -> Receipt:
        """Do nothing, and say that it is done."""
        return Receipt(order.lease, order.intervals, (), Tally(frames=1), self._name)

    @ray.method(concurrency_group="control")
    def progress(self) -> Progress:  # type: ignore[override]  # Ray wraps methods
        """Stand where it stood."""
        return self._stand()

    def _stand(self) -> Progress:
        return Progress(self._name, "", "", 0, 0.0)

    def close(self) -> None:
        """Close nothing."""


def orders() -> Iterator[LeaseOrder]:
    """Give orders of four GOPs, each under a name of its own."""
    index = index_of([(0, 49)] * 4)
    work = video_work(index, EVERY_FRAME.wanted(index), DoneIntervals([]), CostModel())
    made = order(Lease("0", (work.shard(0, 4),)), {index.source.uri: work})
    number = 0
    while True:
        yield LeaseOrder(f"{number:032x}", made.shards)
        number += 1


def resident_mb() -> float:
    """How much memory this process takes just now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


@dataclass(frozen=True)
class Measured:
    """Seconds that it took; of these, the driver's own CPU; its memory on the way, in MB."""

    wall_s: float
    cpu_s: float
    memory_mb: tuple[float, ...]


def lead(pool: RayPool, devices: int, leases: int) -> Measured:
    """Lead so many leases; the clocks start when the last device is there."""
    supply, done = orders(), 0
    memory: list[float] = []
    pool.want(devices)
    while done < leases:
        for event in pool.poll(0.25):
            wants = 0
            if isinstance(event, DeviceJoined):
                began_s, began_cpu_s, wants = time.monotonic(), time.process_time(), HELD
            elif isinstance(event, LeaseDone):
                done, wants = done + 1, 1
                if done % SAMPLE_EVERY == 0:
                    memory.append(resident_mb())
            for _ in range(wants):
                following = next(supply)
                pool.apply(Assign(event.device, following.lease), following)  # type: ignore[union-attr]
        pool.progress()
    cpu_s = time.process_time() - began_cpu_s
    return Measured(time.monotonic() - began_s, cpu_s, tuple(memory))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--leases", type=int, default=10_000)
    asked = parser.parse_args()
    spec = WorkerSpec(Nothing(), "job", "memory://nowhere", "Ascend310", "", {}, {})
    with ray_left_as_found():
        start_ray(asked.devices)
        with closing(RayPool(spec, Idle)) as pool:
            took = lead(pool, asked.devices, asked.leases)
    print(f"{asked.leases / took.wall_s:,.0f} leases/s on {asked.devices} devices that do nothing")
    print(f"the driver's own CPU: {took.cpu_s / asked.leases * 1000:.2f} ms a lease")
    memory = [round(mb) for mb in took.memory_mb]
    print(f"the driver's memory, every {SAMPLE_EVERY} leases, MB: {memory}")


if __name__ == "__main__":
    main()
