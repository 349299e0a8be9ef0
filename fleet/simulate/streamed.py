"""A run on paper whose plan is made while it runs, over an archive that nobody has looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.plan.windows import PLENTY
from fleet.scheduler.lease_state import State
from fleet.simulate.planning import Fleets, MadeUpArchive, PlanningPace, SimulatedPlan
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

    def __init__(self, archive: MadeUpArchive, fleets: Fleets) -> None:
        super().__init__(
            (), fleets.devices, fleets.weather, fleets.seed, fleets.policy, coming_s=0.0
        )
        self._plan = SimulatedPlan(archive, fleets)
        self._videos, self._pace = len(archive.sources), fleets.pace
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


def stream(archive: MadeUpArchive, fleets: Fleets) -> tuple[Table, Planned]:
    """Simulate a run over an archive, and how its plan is made; all of one seed."""
    small = len(archive.sources) <= MOST_VIDEOS
    others = other_counts(fleets.devices) if small else []
    asked = StreamedSimulation(archive, fleets)
    outcome = asked.run()
    counts = others if fleets.others is None else fleets.others
    tried = (StreamedSimulation(archive, replace(fleets, devices=count)) for count in counts)
    return Table(outcome, tuple(each.run() for each in tried)), asked.planned
