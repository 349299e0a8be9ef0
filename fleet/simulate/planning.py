"""The plan of a run on paper: headers in index leases, and windows that become leases.

What decides is what decides in a real run: the queue that index leases are cut of, a ledger that
hands them out, the ends of windows, the lengths of leases. How long things take is modelled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import LeaseDone, LeaseSplit, LossRecorded
from fleet.core.source import Source
from fleet.plan.index_leases import HEADER_S, MISSES, IndexLease, IndexQueue, workers_worth
from fleet.plan.plan import LeaseSizes
from fleet.plan.windows import Extent, is_window
from fleet.scheduler.commands import Assign, Command, RecordLoss, SplitLease
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger
from fleet.simulate.conditions import Conditions, Sampler
from fleet.simulate.devices import SimulatedFleet

GOPS_A_VIDEO = 8
_POLICY = SchedulingPolicy(backups=False)


@dataclass(frozen=True)
class MadeUpArchive:
    """Videos that there are none of, and of which nobody knows the headers."""

    sources: Sequence[Source]
    costs_s: NDArray[np.float64]
    """float64 [videos]: seconds of one device."""


@dataclass(frozen=True)
class PlanningPace:
    """How fast a plan is made; all of it modelled, by what was measured on two cores."""

    nodes: int
    """Nodes that look at headers beside the driver."""
    cores: int = 8
    """Headers looked at at a time, by each of them and by the driver."""
    child_s: float = 0.4
    """How long the driver's own children take to start."""
    start_s: float = 3.0
    """How long a process takes to start on a node."""
    plan_s: float = 0.0012
    """Seconds of the driver a video, beside the look at its header."""


@dataclass(frozen=True)
class Fleets:
    """What an archive is tried on: devices, and what they have to put up with."""

    devices: int
    others: Sequence[int] | None
    """Other device counts; None: a quarter to four times as many, for an archive that is small."""
    pace: PlanningPace
    weather: Conditions
    seed: int
    policy: SchedulingPolicy
    longest_s: float = 60.0
    """Seconds of a lease at most."""


def made_up_archive(videos: int, mean_s: float, seed: int) -> MadeUpArchive:
    """Make up videos that take a device `mean_s` seconds on the mean."""
    sigma = 0.5
    random = np.random.default_rng(seed)
    costs = random.lognormal(math.log(mean_s) - sigma * sigma / 2, sigma, videos)
    names = (f"s3://archive/camera-{n % 1000:03}/clip-{n:09}.mp4" for n in range(videos))
    return MadeUpArchive([Source(name, 1, "v1") for name in names], costs)


class SimulatedPlan:
    """Looks at an archive window by window; changed only through `step`."""

    def __init__(self, archive: MadeUpArchive, fleets: Fleets) -> None:
        """Take an archive, and the devices for which leases are cut."""
        pace = fleets.pace
        self.now_s = pace.child_s
        """Until when the driver has planned."""
        self.here = self.windows = self.index_leases = self.workers = 0
        """Videos that the driver looked at itself; windows; index leases; nodes that were asked."""
        self._archive = archive
        self._pace = pace
        self._devices, self._longest_s = fleets.devices, fleets.longest_s
        self._queue = IndexQueue(archive.sources)
        self._ledger = Ledger((), _POLICY, 0.0)
        self._world = Sampler(fleets.weather, fleets.seed)
        self._nodes: SimulatedFleet | None = None
        self._leases: dict[str, IndexLease] = {}
        self._seen: set[Source] = set()
        self._reached = self._planned = self._cut_leases = 0
        self._extent, self._window = Extent(), Extent()

    @property
    def to_look(self) -> int:
        """How many videos are yet to be looked at."""
        return len(self._archive.sources) - self._reached

    @property
    def coming_s(self) -> float | None:
        """See Stock."""
        return self._extent.left_s(self.to_look) if self.to_look else None

    @property
    def next_s(self) -> float:
        """When something happens next."""
        node_s = self._nodes.next_s if self._nodes else math.inf
        return min(node_s, self.now_s if self._has_next else math.inf)

    @property
    def _has_next(self) -> bool:
        sources = self._archive.sources
        return self.to_look > 0 and not self._queue.covers(sources[self._reached])

    def step(self, now_s: float) -> list[LeaseSummary]:
        """Go on to what happens next; return the leases of the window that it completes.

        `now_s`: the driver goes on then at the earliest, as before it was not asked to.
        """
        if self._nodes and not (self._has_next and self.now_s <= self._nodes.next_s):
            self._look_at_nodes(self._nodes)
            return []
        self.now_s = max(self.now_s, now_s)
        until_s = self._nodes.next_s if self._nodes else math.inf
        while self._has_next and self.now_s <= until_s:
            self._look()
            if not self.to_look or is_window(self._window, self._extent):
                return self._cut()
            if self._nodes is None and self.here == MISSES:
                self._ask_nodes()
                break
        return []

    def _look(self) -> None:
        """Take the next video into the window, looked at here where nobody else has."""
        number, source = self._reached, self._archive.sources[self._reached]
        self._reached += 1
        self._queue.reach(self._reached)
        self.now_s += self._pace.plan_s
        if source in self._seen:
            self._seen.remove(source)
        else:
            self.here += 1
            self.now_s += HEADER_S / self._pace.cores
        self._window += Extent(1, float(self._archive.costs_s[number]))

    def _ask_nodes(self) -> None:
        self.workers = min(self._pace.nodes, workers_worth(self._queue.headers_left))
        if self.workers:
            start_s = self.now_s + self._pace.start_s
            speeds = [1 / self._pace.cores] * self.workers
            self._nodes = SimulatedFleet(self._world, speeds, start_s)

    def _look_at_nodes(self, nodes: SimulatedFleet) -> None:
        event = nodes.next()
        if isinstance(event, LeaseDone):
            self._end(self._leases.pop(event.lease))
        self._obey(self._ledger.handle(event, nodes.now_s), nodes)
        workers = self._ledger.device_count
        while self._ledger.count(State.PENDING) < workers:
            candidates = self._queue.candidates(workers)
            lease = candidates and self._queue.cut(*candidates.choose(lambda _: False))
            if not lease:
                return
            self.index_leases += 1
            self._leases[lease.id] = lease
            self._obey(self._ledger.add([lease.summary], 0.0, nodes.now_s), nodes)

    def _end(self, lease: IndexLease) -> None:
        self._seen.update(lease.sources)
        self._queue.end(lease.sources, good=True)

    def _obey(self, commands: Sequence[Command], nodes: SimulatedFleet) -> None:
        to_do = list(commands)
        while to_do:
            match to_do.pop(0):
                case Assign(node, name):
                    nodes.assign(node, self._leases[name].summary)
                case SplitLease(name, count):
                    pieces = self._leases.pop(name).split(count)
                    self._leases.update((piece.id, piece) for piece in pieces)
                    split = LeaseSplit(name, tuple(piece.summary for piece in pieces))
                    to_do += self._ledger.handle(split, nodes.now_s)
                case RecordLoss(name):
                    # No video does harm here; the driver looks at it.
                    self._queue.end(self._leases.pop(name).sources)
                    to_do += self._ledger.handle(LossRecorded(name), nodes.now_s)
                case _:
                    pass

    def _cut(self) -> list[LeaseSummary]:
        """Cut the window into leases, as `bundle` does: whole videos here."""
        before_s, self._extent = self._extent.cost_s, self._extent + self._window
        self._window = Extent()
        self.windows += 1
        total_s = self._extent.cost_s + self._extent.left_s(self.to_look)
        sizes = LeaseSizes(total_s, self._devices, self._longest_s)
        costs: list[float] = self._archive.costs_s[self._planned : self._reached].tolist()
        left_s, cut, first = total_s - before_s, [], 0
        while first < len(costs):
            room_s, last = sizes.next_s(self._cut_leases, max(0.0, left_s)), first
            while last < len(costs) and (last == first or room_s > costs[last] / 2):
                room_s -= costs[last]
                last += 1
            cost_s, name = sum(costs[first:last]), f"{self._cut_leases:x}"
            video = f"video {self._planned + first}"
            cut.append(LeaseSummary(name, GOPS_A_VIDEO * (last - first), cost_s, video))
            self._cut_leases, left_s, first = self._cut_leases + 1, left_s - cost_s, last
        self._planned = self._reached
        return cut
