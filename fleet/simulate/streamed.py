"""A run on paper whose plan is made while it runs, over an archive that nobody has looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.plan.windows import PLENTY
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.simulate.conditions import Conditions
from fleet.simulate.planning import MadeUpArchive, PlanningPace, SimulatedPlan
from fleet.simulate.run import Simulation
from fleet.simulate.whatif import Table, other_counts

MOST_VIDEOS = 100_000
"""With more videos than that, other device counts are only simulated where they are asked for."""


@dataclass(frozen=True)
class Planned:
    """How the plan was made; all of it modelled."""

    videos: int
    pace: PlanningPace
    """What was asked for, and taken for granted."""
    workers: int
    """How many nodes were asked to look at headers."""
    first_s: float
    """When the first lease was handed out."""
    whole_s: float
    """When all videos had been looked at."""
    here: int
    """How many of them the driver looked at itself."""
    index_leases: int
    windows: int


class StreamedSimulation(Simulation):
    """Brings the leases of an archive to their end, window by window.

    Devices are there from the start, and wait for the first window.
    """

    def __init__(
        self,
        archive: MadeUpArchive,
        devices: int,
        longest_s: float,
        pace: PlanningPace,
        weather: Conditions,
        seed: int,
        rules: SchedulingPolicy,
    ) -> None:
        super().__init__((), devices, weather, seed, rules, coming_s=0.0)
        self._plan = SimulatedPlan(archive, devices, longest_s, pace, weather, seed)
        self._videos, self._pace = len(archive.sources), pace
        self._first_s = 0.0

    @property
    def planned(self) -> Planned:
        """How the plan was made, once all is done."""
        plan = self._plan
        return Planned(
            self._videos,
            self._pace,
            plan.workers,
            self._first_s,
            plan.now_s,
            plan.here,
            plan.index_leases,
            plan.windows,
        )

    def _step(self) -> None:
        """See Simulation; the plan goes on where few leases wait."""
        plan, fleet, ledger = self._plan, self._fleet, self._ledger
        waits = not ledger.is_whole and ledger.count(State.PENDING) < PLENTY
        if not waits or plan.next_s > fleet.next_s:
            super()._step()
        elif leases := plan.step(fleet.now_s):
            fleet.now_s = max(fleet.now_s, plan.now_s)
            self._first_s = self._first_s or fleet.now_s
            self._whole += leases
            self._pieces.update((piece.lease, piece) for piece in leases)
            self._obey(ledger.add(leases, plan.coming_s, fleet.now_s))


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


def stream(archive: MadeUpArchive, fleets: Fleets) -> tuple[Table, Planned]:
    """Simulate a run over an archive, and how its plan is made; all of one seed."""
    small = len(archive.sources) <= MOST_VIDEOS
    others = other_counts(fleets.devices) if small else []

    def run(devices: int) -> StreamedSimulation:
        pace, weather = fleets.pace, fleets.weather
        return StreamedSimulation(
            archive, devices, fleets.longest_s, pace, weather, fleets.seed, fleets.policy
        )

    asked = run(fleets.devices)
    outcome = asked.run()
    counts = others if fleets.others is None else fleets.others
    return Table(outcome, tuple(run(count).run() for count in counts)), asked.planned
