"""The nodes of a Ray cluster: which are there, which go away, how many NPUs they have to give."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray

# Nothing public tells of nodes that drain, of one node's free resources, of one actor's node.
from ray._private.state import state

from fleet.scheduler.placement import UNKNOWN, ForeignUsage

LOOK_EVERY_S = 0.5
LOOK_SHARE = 20
"""Looking takes a driver no more than one part in so many of its time, however many nodes."""
NPU = "NPU"


@dataclass(frozen=True)
class Node:
    """A node that is alive.

    `name`: for people. `npus`: how many it has; `free`: of these, not in use. `left_s`: seconds
    until it goes away, where it drains; infinite where nobody says when. `cpus`: the cores that Ray
    gives out there.
    """

    name: str
    npus: int
    free: int
    left_s: float | None
    cpus: int = 0

    @property
    def works(self) -> bool:
        """Whether it is there to do work: one without anything to give out is kept free of it."""
        return self.npus > 0 or self.cpus > 0

    def devices(self, cores: int) -> int:
        """Return how many devices of so many cores it has room for; one core is not asked for."""
        return self.npus if cores == 1 else min(self.npus, self.cpus // cores)

    @property
    def draining(self) -> bool:
        """Whether it is about to go away."""
        return self.left_s is not None


@dataclass(frozen=True)
class Held:
    """Devices that are held."""

    placed: int = 0
    """Those that have a node."""
    unplaced: int = 0
    """Those that are asked for, and have not told their node yet."""


class Nodes:
    """The nodes that are alive, by Ray's id, as of the last look; from one thread.

    `cores`: what a device asks for.
    """

    def __init__(self, cores: int = 1) -> None:
        self.alive: Mapping[str, Node] = {}
        self._cores = cores
        self._names: dict[str, str] = {UNKNOWN: "a node unknown"}
        self._others = ForeignUsage()
        self._next_s = -math.inf

    def look(self, now_s: float, *, at_once: bool = False) -> bool:
        """Look again, where it is time to or `at_once`; tells whether it did."""
        if now_s < self._next_s and not at_once:
            return False
        began_s = time.monotonic()
        self.alive = _alive()
        self._names.update({node: alive.name for node, alive in self.alive.items()})
        took_s = time.monotonic() - began_s
        self._next_s = now_s + max(LOOK_EVERY_S, LOOK_SHARE * took_s)
        return True

    def name(self, node: str) -> str:
        """Name a node for people, also one that is gone."""
        return self._names.get(node, node)

    @property
    def usable(self) -> frozenset[str]:
        """The nodes that have NPUs and stay."""
        return frozenset(n for n, node in self.alive.items() if node.npus and not node.draining)

    def capacity(self, ours: Counter[str], others: Held, now_s: float) -> int:
        """How many devices there are for all jobs of Fleet: NPUs, but for those in other use.

        No more than there are cores for.

        `ours`: how many devices of ours there are by node; under the empty name, those that have
        not told their node yet. `others`: devices of other jobs of Fleet.
        """
        usable = [(node, self.alive[node]) for node in self.usable]
        in_use = sum(max(0, node.npus - node.free - ours[name]) for name, node in usable)
        unplaced = ours[UNKNOWN] + others.unplaced
        foreign = self._others.update(in_use - others.placed, unplaced, now_s)
        npus = sum(node.npus for _, node in usable) - foreign
        return min(npus, sum(node.devices(self._cores) for _, node in usable))


def room_for(cores: int) -> int:
    """Return for how many devices of so many cores the cluster has room, whoever has them now."""
    return sum(node.devices(cores) for node in _alive().values())


def node_of_dead(actor: Any) -> str:
    """Find out on which node an actor was that died before it could say so; empty where unknown."""
    record = state.actor_table(actor._actor_id.hex())  # noqa: SLF001 - Ray has no public name
    # One that never had a process names the node that was to find it a place.
    return str(record["Address"]["NodeID"]) if record and record["Pid"] else ""


def _alive() -> dict[str, Node]:
    records = [record for record in ray.nodes() if record["Alive"]]  # type: ignore[no-untyped-call]
    free = state.available_resources_per_node()  # type: ignore[no-untyped-call]
    draining = state.get_draining_nodes()
    now_ms = time.time() * 1000
    named = Counter(record["NodeManagerHostname"] for record in records)
    addressed = Counter(record["NodeManagerAddress"] for record in records)
    nodes = {}
    for record in records:
        node, host = record["NodeID"], record["NodeManagerHostname"]
        name = host if named[host] == 1 else record["NodeManagerAddress"]
        if named[host] > 1 and addressed[name] > 1:
            # Several on one machine.
            name = f"{name}/{short_id(node)}"
        npus, cpus = (int(record["Resources"].get(kind, 0)) for kind in (NPU, "CPU"))
        left_s = _left_s(draining[node], now_ms) if node in draining else None
        nodes[node] = Node(name, npus, int(free.get(node, {}).get(NPU, 0)), left_s, cpus)
    return nodes


def short_id(node: str) -> str:
    """Return the last digits of a node's id: those of simulated nodes are counted up at the end."""
    return node[-6:]


def _left_s(deadline_ms: int, now_ms: float) -> float:
    return max(0.0, (deadline_ms - now_ms) / 1000) if deadline_ms else math.inf
