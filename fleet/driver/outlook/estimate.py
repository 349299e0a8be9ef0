"""What a run would do, cost and refuse, told before anything runs; nothing is changed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fleet.core.interval import LeaseNames
from fleet.core.receipt import Tally
from fleet.driver.outlook.survey import NOTHING, CutVideo, Refused, Stretch, Survey, survey
from fleet.driver.session import Session
from fleet.driver.target.device_memory import DeviceMemory
from fleet.plan.lease import Lease
from fleet.scheduler.autoscale import STARTING_S, Limits, Load, wanted
from fleet.table.state.lock import LEADER_LOCK, read_holder

ENOUGH_FRAMES = 50
"""Fewer frames than this, done before, say nothing of the rest."""


@dataclass(frozen=True)
class Cost:
    """What the work takes on `devices` devices.

    `device_s`: seconds of devices, added up. `wall_s`: until the last one is ready. `basis`: how it
    was found out: measured, estimated or modelled, and from what.
    """

    devices: int
    device_s: float
    wall_s: float
    basis: str

    def price(self, per_device_hour: float) -> float:
        """What it costs, given the price of a device for an hour."""
        return self.device_s / 3600 * per_device_hour


@dataclass(frozen=True)
class Estimate:
    """What a run would do.

    `whole`, `done`, `todo`: what there is to be in the output, what is there, what is left.
    `input_bytes`: of all videos; `fetch_bytes`: of these to be read, at most. `here`: on devices as
    simulated on this machine; `chip`: on as many real ones; `chip_s`: its seconds by engine, which
    work side by side. `left_aside`: other files in the inputs, by extension. `in_use`: who works on
    the output just now, empty for nobody.
    """

    output: str
    table: str
    job_digest: str
    soc: str
    whole: Stretch
    done: Stretch
    todo: Stretch
    input_bytes: int
    fetch_bytes: int
    leases: int
    here: Cost
    chip: Cost
    chip_s: Mapping[str, float]
    refused: Sequence[Refused]
    left_aside: Mapping[str, int]
    index_bytes: int
    in_use: str
    without_columns: str = ""
    """A sentence on the videos whose path has not all of the columns; empty where all have."""
    left_streams: int = 0
    """How many video streams are left aside, of files that have several."""
    on_host: Stretch = NOTHING
    """Of `todo`: what the host decodes, as the chip refuses it."""
    memory: DeviceMemory | None = None
    """What a device holds at most; None where nothing is left to do."""
    for_host: Stretch = NOTHING
    """Of `refused`: what the host would decode with `--fallback cpu`; its frames are 0."""
    cut_off: Sequence[CutVideo] = ()
    """Videos whose files end before their headers say; what is missing will be lost."""
    sample: str = ""
    """Which frames are wanted."""
    longest_s: float = 0.0
    """How long the longest video is."""


def estimate(
    session: Session, devices: int, on_progress: Callable[[int, int], None] = lambda _, __: None
) -> Estimate:
    """Look at all inputs, and work out what a run on `devices` devices would do.

    `on_event` is told how many of how many videos have been looked at.
    """
    target, before = session.target, session.state.total
    found = survey(session, on_progress)
    chip_s = _chip_s(found, before)
    rival = read_holder(target.table.folder, LEADER_LOCK)
    whole, todo = found.whole, found.todo
    leases = _sketches(found.leases(LeaseNames(target.digest), devices))
    return Estimate(
        output=target.table.uri,
        table=target.job.work.table,
        job_digest=target.digest,
        soc=target.job.soc,
        whole=whole,
        done=Stretch(
            whole.videos - todo.videos,
            max(0.0, round(whole.video_s - todo.video_s, 6)),
            whole.frames - todo.frames,
        ),
        todo=todo,
        input_bytes=sum(source.bytes for source in target.listing.sources),
        fetch_bytes=found.fetched_bytes,
        leases=len(leases),
        here=_here(leases, before, devices),
        chip=_chip(chip_s, before, devices),
        chip_s=chip_s,
        refused=tuple(found.refused),
        left_aside=target.listing.left,
        index_bytes=found.index_bytes,
        in_use=str(rival) if rival else "",
        without_columns=target.without_columns,
        left_streams=found.left_streams,
        memory=found.memory,
        on_host=found.on_host,
        for_host=found.for_host,
        cut_off=tuple(found.cut_off),
        sample=str(target.job.sample),
        longest_s=found.longest_s,
    )


@dataclass(frozen=True)
class Deadline:
    """What it takes to end by a deadline, by the cost on this kind of machine."""

    deadline_s: float
    """Seconds from the start of the run."""
    devices: int
    """With how many devices the run begins; as many as it may have where these are too few."""
    kept: bool
    """Whether that is enough."""


def devices_for(found: Estimate, deadline_s: float) -> Deadline:
    """Return with how many devices a run of an estimate begins so that it ends by a deadline."""
    most = found.here.devices
    load = Load(found.here.device_s, found.leases, 0.0, 0, most)
    devices = wanted(load, Limits(most, deadline_s), 0.0) if found.leases else 0
    able_s = STARTING_S + (found.here.device_s / devices if devices else 0.0)
    return Deadline(deadline_s, devices, kept=not devices or able_s <= deadline_s)


@dataclass(frozen=True)
class SimulationInput:
    """What is left to do, to be tried out on paper.

    `bundle`: gives its leases, cut for so many devices. `here`, `chip`: see Estimate, for one
    device. `work_s`: the same by the cost model.
    """

    bundle: Callable[[int], Iterable[Lease]]
    here: Cost
    chip: Cost
    work_s: float


def simulation_input(
    session: Session, on_progress: Callable[[int, int], None] = lambda _, __: None
) -> SimulationInput:
    """Look at all inputs, and set out what is left; `on_event`: as for `estimate`."""
    before, names = session.state.total, LeaseNames(session.target.digest)
    found = survey(session, on_progress)
    leases = _sketches(found.leases(names, 1))
    return SimulationInput(
        lambda devices: found.leases(names, devices),
        _here(leases, before, 1),
        _chip(_chip_s(found, before), before, 1),
        sum(lease.cost_s for lease in leases),
    )


class _Sketch(NamedTuple):
    """What is kept of a lease, of which there may be very many."""

    cost_s: float
    frames: int


def _sketches(leases: Iterable[Lease]) -> list[_Sketch]:
    return [_Sketch(lease.cost_s, lease.frames) for lease in leases]


def _here(leases: Sequence[Lease | _Sketch], before: Tally, devices: int) -> Cost:
    """Cost on this kind of machine: as measured so far, else by the cost model."""
    costs = [lease.cost_s for lease in leases]
    basis = "estimated by a cost model"
    if before.frames >= ENOUGH_FRAMES and costs:
        frames = sum(lease.frames for lease in leases)
        factor = before.wall_s / before.frames * frames / sum(costs)
        costs = [cost * factor for cost in costs]
        basis = f"as measured on the {before.frames:,} frames done before"
    return Cost(devices, sum(costs), _makespan(costs, devices), basis)


def _makespan(costs: Sequence[float], devices: int) -> float:
    """When the last device is ready, if each takes the next lease as soon as it can."""
    ready = [0.0] * min(devices, max(1, len(costs)))
    for cost in costs:
        heapq.heapreplace(ready, ready[0] + cost)
    return max(ready)


def _chip_s(found: Survey, before: Tally) -> dict[str, float]:
    """Model the chip's seconds by engine: as for what was done before, else by what is planned."""
    if before.frames >= ENOUGH_FRAMES and any(before.chip_s.values()):
        share = found.todo.frames / before.frames
        return {engine: seconds * share for engine, seconds in before.chip_s.items()}
    return dict(found.chip_s)


def _chip(chip_s: Mapping[str, float], before: Tally, devices: int) -> Cost:
    slowest_s = max(chip_s.values(), default=0.0)
    basis = "modelled from the data sheet, every packet decoded"
    if before.frames >= ENOUGH_FRAMES:
        basis = f"modelled from the data sheet, as for the {before.frames:,} frames done before"
    return Cost(devices, slowest_s, slowest_s / devices, basis)
