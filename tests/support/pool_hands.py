"""A pool on a cluster, and the nodes that a test adds to it and takes away."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ray.cluster_utils import Cluster

from fleet.core.progress import Progress
from fleet.core.run_events import (
    DevicesAwaited,
    Event,
)
from fleet.executors.ray.pool import RayPool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign

PATIENCE_S = 120


BROKEN = "FLEET_TEST_BROKEN_NODE"


class Nodes:
    """The nodes beside the head, with one NPU each: whole ones, and ones where nothing starts."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._broken: list[Any] = []

    def only(self, whole: int = 0, broken: int = 0) -> list[Any]:
        """Have so many of each, of which those that are there already need no start."""
        there = [node for node in self._cluster.worker_nodes if node not in self._broken]
        for node in there[whole:]:
            self._cluster.remove_node(node)
        while len(self._broken) > broken:
            self._cluster.remove_node(self._broken.pop())
        while len(self._broken) < broken:
            self._broken.append(self._add(**{BROKEN: "1"}))
        for _ in range(len(there), whole):
            self.add()
        return list(self._cluster.worker_nodes)

    def add(self) -> Any:
        """Add a whole one."""
        return self._add()

    def _add(self, **environment: str) -> Any:
        return self._cluster.add_node(num_cpus=0, resources={"NPU": 1}, env_vars=environment)

    def remove(self, node: Any) -> None:
        """Take a whole one away without notice."""
        self._cluster.remove_node(node, allow_graceful=False)


@dataclass
class Hands:
    """A pool, and everything that it has told."""

    pool: RayPool
    told: list[Event] = field(default_factory=list)

    def until(self, kind: type[Any], many: int = 1) -> Any:
        """Poll until there have been so many events of a kind; gives the last one."""
        end_s = time.monotonic() + PATIENCE_S
        while len(found := [event for event in self.told if isinstance(event, kind)]) < many:
            assert time.monotonic() < end_s, f"no {many} {kind.__name__} in {self.told}"
            self.told += self.pool.poll(0.1)
            self.pool.progress()
        return found[-1]

    def until_at(self, lease: str) -> None:
        """Poll until a device tells that it is at a lease."""
        end_s = time.monotonic() + PATIENCE_S
        while not any(
            isinstance(news, Progress) and news.lease == lease for news in self.pool.progress()
        ):
            assert time.monotonic() < end_s, f"nobody is at {lease}"
            self.told += self.pool.poll(0.1)

    def until_awaited(self, opening: int, unplaced: int) -> None:
        """Poll until the pool says that it waits for so many devices."""
        end_s, expected = time.monotonic() + PATIENCE_S, DevicesAwaited(opening, unplaced)
        while expected not in self.pool.progress():
            assert time.monotonic() < end_s, f"it does not wait for {expected}"
            self.told += self.pool.poll(0.1)

    def until_there(self, devices: int) -> None:
        """Poll until so many devices could be had."""
        end_s = time.monotonic() + PATIENCE_S
        while self.pool.capacity != devices:
            assert time.monotonic() < end_s, f"{self.pool.capacity} there, not {devices}"
            self.told += self.pool.poll(0.1)

    def give(self, device: str, lease: str) -> None:
        """Hand a lease out."""
        self.pool.apply(Assign(device, lease), LeaseOrder(lease, ()))
