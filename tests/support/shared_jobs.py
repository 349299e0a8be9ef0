"""Jobs that share simulated devices: the ledgers and decisions of real runs, on a modelled clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    Event,
    LeaseTruncated,
    Tick,
)
from fleet.scheduler.autoscale import Limits, wanted
from fleet.scheduler.commands import Assign, Cancel, Command, Release, SplitLease, Truncate
from fleet.scheduler.ledger import Ledger
from fleet.scheduler.shares import GIVE_BACK_S, Allowance, Claim, first_spent_s, share_of
from fleet.simulate.conditions import Conditions, Sampler
from fleet.simulate.devices import SimulatedFleet

STARTS_S = 6.0
"""From when a device is asked for until it takes leases."""


class Devices(SimulatedFleet):
    """The devices of one job, which come and go."""

    def __init__(self, world: Sampler, begins_s: float) -> None:
        super().__init__(world, [])
        self.now_s = begins_s
        self._heap.clear()
        self._tick()

    @property
    def next_s(self) -> float:
        """When something happens next."""
        return self._heap[0][0]

    @property
    def names(self) -> list[str]:
        """Those that are there, the ones that hold least first."""
        return sorted(self._devices, key=lambda name: len(self._devices[name].line))

    def start(self) -> None:
        """Have one more come in a while."""
        self._paces.append(1.0)
        self._join(len(self._paces) - 1, self.now_s + STARTS_S)

    def release(self, name: str) -> None:
        """Have one go."""
        self._end(self._devices[name])


@dataclass
class Job:
    """A job, and how many devices it has had when."""

    name: str
    weight: float
    begins_s: float
    pieces: Sequence[LeaseSummary]
    held: list[tuple[float, int]] = field(default_factory=list)
    ended_s: float = 0.0
    most_taken_back: int = 0
    """How many devices it was made to give back."""

    def devices_s(self, from_s: float, to_s: float) -> float:
        """Return the seconds of devices that it had in a stretch of time."""
        steps = [*self.held, (max(to_s, self.ended_s), 0)]
        pairs = pairwise(steps)
        return sum(
            count * max(0.0, min(until_s, to_s) - max(since_s, from_s))
            for (since_s, count), (until_s, _) in pairs
        )


class _Run:
    """A job that goes on: its ledger, its devices, and what it may have."""

    def __init__(self, job: Job, seed: int) -> None:
        self.job = job
        self.fleet = Devices(Sampler(Conditions(), seed), job.begins_s)
        self.ledger = Ledger(job.pieces)
        self.claim = Claim(job.name, job.weight, 0)
        self.starting = 0
        self.draining: set[str] = set()
        self.pieces = {piece.lease: piece for piece in job.pieces}
        self._allowance = Allowance(grows=False)

    def take(self, event: Event) -> int:
        """Take an event in, and return how many devices are free by it."""
        if isinstance(event, LeaseTruncated):
            self.pieces[event.remainder.lease] = event.remainder
        if isinstance(event, DeviceJoined):
            self.starting -= 1
        return self._obey(self.ledger.handle(event, self.fleet.now_s))

    def _obey(self, commands: Sequence[Command]) -> int:
        freed = 0
        for command in commands:
            match command:
                case Assign(device, lease):
                    self.fleet.assign(device, self.pieces[lease])
                case Cancel(device, lease):
                    self.fleet.cancel(device, lease)
                case Truncate(device, lease):
                    self.fleet.truncate(device, lease)
                case Release(device):
                    self.fleet.release(device)
                    freed += 1
                    freed += self.take(DeviceLost(device, "given back", Cause.RELEASED))
                case SplitLease():
                    raise AssertionError("no lease of these does harm")
                case _:
                    pass
        return freed

    def scale(self, others: Sequence[Claim], devices: int, free: int) -> int:
        """Aim at this job's share; return how many devices are free after that."""
        fleet, now_s = self.fleet, self.fleet.now_s
        holds = len(fleet.names)
        wants = wanted(self.ledger.load(devices), Limits(releases=True), now_s - self.job.begins_s)
        spent_s = self.claim.spent_s + holds / self.job.weight
        self.claim = Claim(self.job.name, self.job.weight, wants, holds, spent_s)
        share = share_of(self.claim, others, devices)
        most = min(wants, self._allowance.look(share, wants, now_s))
        self.ledger.set_target(wants)
        stay = [name for name in fleet.names if name not in self.draining]
        for name in stay[: max(0, len(stay) - most)]:
            self.draining.add(name)
            self.job.most_taken_back += 1
            free += self.take(DeviceDraining(name, GIVE_BACK_S, given_back=True))
        for _ in range(min(free, most - len(stay) - self.starting)):
            self.starting += 1
            free -= 1
            fleet.start()
        return free


def share_devices(jobs: Sequence[Job], devices: int, until_s: float, seed: int = 0) -> None:
    """Run jobs on devices that they share, each until its end or `until_s`; notes it in them."""
    waiting = sorted(jobs, key=lambda job: job.begins_s)
    running: list[_Run] = []
    free = devices
    while waiting or running:
        next_s = min((run.fleet.next_s for run in running), default=until_s)
        if waiting and waiting[0].begins_s <= next_s:
            come = _Run(waiting.pop(0), seed)
            come.claim = Claim(
                come.job.name,
                come.job.weight,
                0,
                spent_s=first_spent_s(other.claim for other in running),
            )
            running.append(come)
            continue
        run = min(running, key=lambda run: run.fleet.next_s)
        event = run.fleet.next()
        if run.fleet.now_s > until_s:
            break
        free += run.take(event)
        if isinstance(event, Tick):
            others = [other.claim for other in running if other is not run]
            free = run.scale(others, devices, free)
        run.job.held.append((run.fleet.now_s, len(run.fleet.names)))
        if run.ledger.finished:
            run.job.ended_s = run.fleet.now_s
            free += len(run.fleet.names) + run.starting
            running.remove(run)
        assert free >= 0, "no device is had twice"
    for run in running:
        run.job.ended_s = until_s
