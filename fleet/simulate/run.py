"""A run on paper: the very ledger of a real run, told what simulated devices do."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    BackupWasted,
    LeaseDone,
    LeaseSplit,
    LeaseTruncated,
    LossRecorded,
)
from fleet.errors import IllegalMoveError
from fleet.scheduler.commands import (
    Assign,
    Cancel,
    Command,
    RecordLoss,
    Release,
    SetNodeAside,
    SplitLease,
    Truncate,
)
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger
from fleet.simulate.conditions import Conditions, Sampler
from fleet.simulate.devices import SimulatedFleet


@dataclass(frozen=True)
class Outcome:
    """How a simulated run went; all of it modelled.

    `makespan_s`: until the last lease is done. `bound_s`: what no schedule can beat: all work over
    all devices at their own pace, or the longest GOP.
    `device_s`: seconds of devices, from the start to the end of the run. `useful_s`, `wasted_s`: of
    them, spent on what counts and on backups that came second. `lost_s`: by devices that failed.
    `leases`: done in the end, those cut out of others included; `shared`: cut so that more devices
    could share. `events`: that the ledger handled.
    """

    devices: int
    leases: int
    makespan_s: float
    bound_s: float
    device_s: float
    useful_s: float
    wasted_s: float
    lost_s: float
    backups: int
    shared: int
    failures: int
    quarantined: int
    events: int

    @property
    def over_bound(self) -> float:
        """How many times the bound the run takes."""
        return self.makespan_s / self.bound_s

    @property
    def use(self) -> float:
        """The share of its time that a device spends on what counts."""
        return self.useful_s / self.device_s

    @property
    def waste(self) -> float:
        """What backups spend for nothing, as a share of what counts."""
        return self.wasted_s / self.useful_s


class Simulation:
    """Brings leases to their end on simulated devices; each is counted, and may be done once.

    `paces`: float64 [devices], see `World.paces`. `gops_done`, `gops_given_up`: how the work ended.
    """

    def __init__(
        self,
        pieces: Sequence[LeaseSummary],
        devices: int,
        weather: Conditions,
        seed: int,
        rules: SchedulingPolicy,
        coming_s: float | None = None,
    ) -> None:
        """Take the first leases; `coming_s`: see Ledger."""
        self._world = Sampler(weather, seed)
        self.paces = self._world.paces(devices)
        self.gops_done = self.gops_given_up = 0
        self._whole = list(pieces)
        self._pieces = {piece.lease: piece for piece in pieces}
        self._ledger = Ledger(pieces, rules, coming_s)
        self._done: set[str] = set()
        self._shared = 0

    def run(self) -> Outcome:
        """Let it happen."""
        self._fleet = SimulatedFleet(self._world, self.paces.tolist())
        while not self._ledger.finished:
            self._step()
        return self._outcome()

    def _step(self) -> None:
        """Let time pass until something happens to a device."""
        event = self._fleet.next()
        if isinstance(event, LeaseDone):
            self._count(event.lease)
        elif isinstance(event, LeaseTruncated):
            self._learn(event)
        self._obey(self._ledger.handle(event, self._fleet.now_s))

    def _count(self, lease: str) -> None:
        if self._ledger.state(lease) in {State.PENDING, State.LEASED}:
            if lease in self._done:
                raise IllegalMoveError(f"lease {lease} was done twice.")
            self._done.add(lease)
            self.gops_done += self._pieces[lease].gops

    def _learn(self, event: LeaseTruncated) -> None:
        if self._ledger.state(event.lease) in {State.PENDING, State.LEASED}:
            self._shared += 1
            self._pieces[event.remainder.lease] = event.remainder
            self._done.add(event.receipt.lease)
            self.gops_done += self._pieces[event.lease].gops - event.remainder.gops

    def _obey(self, commands: Sequence[Command]) -> None:
        fleet, to_do = self._fleet, deque(commands)
        while to_do:
            command = to_do.popleft()
            match command:
                case Assign(device, lease):
                    fleet.assign(device, self._pieces[lease])
                case Cancel(device, lease):
                    fleet.cancel(device, lease)
                case Truncate(device, lease):
                    fleet.truncate(device, lease)
                case SplitLease(lease, count):
                    to_do += self._ledger.handle(self._cut(lease, count), fleet.now_s)
                case RecordLoss(lease):
                    self.gops_given_up += self._pieces[lease].gops
                    to_do += self._ledger.handle(LossRecorded(lease), fleet.now_s)
                case Release() | BackupWasted() | SetNodeAside():
                    pass

    def _cut(self, lease: str, count: int) -> LeaseSplit:
        self._shared += 1
        whole = self._pieces[lease]
        bounds = [whole.gops * number // count for number in range(count + 1)]
        sizes = np.diff(bounds).tolist()
        pieces = tuple(
            LeaseSummary(f"{lease}.{number}", gops, whole.cost_s * gops / whole.gops, whole.uri)
            for number, gops in enumerate(sizes)
        )
        self._pieces.update({piece.lease: piece for piece in pieces})
        return LeaseSplit(lease, pieces)

    def _outcome(self) -> Outcome:
        ledger, fleet = self._ledger, self._fleet
        budget = ledger.budget
        return Outcome(
            devices=len(self.paces),
            leases=len(self._done),
            makespan_s=fleet.now_s,
            bound_s=_bound_s(self._whole, self.paces),
            device_s=len(self.paces) * fleet.now_s,
            useful_s=budget.useful_s,
            wasted_s=budget.wasted_s,
            lost_s=max(0.0, fleet.busy_s - budget.useful_s - budget.wasted_s),
            backups=budget.started,
            shared=self._shared,
            failures=fleet.failures,
            quarantined=ledger.count(State.QUARANTINED),
            events=fleet.events,
        )


def simulate(
    pieces: Sequence[LeaseSummary],
    devices: int,
    weather: Conditions,
    seed: int = 0,
    rules: SchedulingPolicy | None = None,
) -> Outcome:
    """Run leases on simulated devices; the same seed gives the same run."""
    return Simulation(pieces, devices, weather, seed, rules or SchedulingPolicy()).run()


def _bound_s(pieces: Sequence[LeaseSummary], paces: NDArray[np.float64]) -> float:
    """What no schedule can beat: all devices at work from the first moment to the last."""
    work_s = sum(piece.cost_s for piece in pieces)
    longest_s = max(piece.cost_s / piece.gops for piece in pieces) * float(paces.min())
    return max(work_s / float((1 / paces).sum()), longest_s)
