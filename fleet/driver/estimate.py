"""What a run would do, cost and refuse, told before anything runs; nothing is changed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from fleet.ascend.soc import soc
from fleet.core.interval import LeaseNames
from fleet.core.receipt import Tally
from fleet.driver.chip_time import modelled_s
from fleet.driver.device_memory import DeviceMemory
from fleet.driver.preparing.prepared import Prepared
from fleet.driver.session import JobTarget, Session
from fleet.plan.lease import Lease
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork
from fleet.scheduler.autoscale import STARTING_S, Limits, Load, wanted
from fleet.table.state.lock import LEADER_LOCK, read_holder

ENOUGH_FRAMES = 50
"""Fewer frames than this, done before, say nothing of the rest."""


@dataclass(frozen=True)
class Stretch:
    """Some of the work: videos, seconds of them, wanted frames."""

    videos: int
    video_s: float
    frames: int

    @classmethod
    def of(cls, works: Sequence[VideoWork]) -> Self:
        """Return what is left to do of some videos."""
        frames = sum(work.todo_frames for work in works)
        return cls(len(works), sum(work.todo_s for work in works), frames)


NOTHING = Stretch(0, 0.0, 0)


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
class Refused:
    """A video that will not be processed, and why; `retryable`: it could not be read just now."""

    uri: str
    reason: str
    retryable: bool


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


def estimate(
    session: Session, devices: int, on_progress: Callable[[int, int], None] = lambda _, __: None
) -> Estimate:
    """Look at all inputs, and work out what a run on `devices` devices would do.

    `on_event` is told how many of how many videos have been looked at.
    """
    target = session.target
    prepared = session.prepare(lambda number: on_progress(number, len(target.listing.sources)))
    digest = target.digest
    leases = bundle(prepared.works, LeaseNames(digest), devices, target.job.lease_s)
    before = session.state.total
    chip_s = _chip_s(prepared, before, target)
    rival = read_holder(target.table.folder, LEADER_LOCK)
    known = [video for video in prepared.videos if not (video.refused or video.unread)]
    whole = Stretch(len(known), prepared.duration_s, prepared.frames)
    todo = Stretch.of(prepared.works)
    return Estimate(
        output=target.table.uri,
        table=target.job.work.table,
        job_digest=digest,
        soc=target.job.soc,
        whole=whole,
        done=Stretch(
            whole.videos - todo.videos,
            max(0.0, round(whole.video_s - todo.video_s, 6)),
            whole.frames - todo.frames,
        ),
        todo=todo,
        input_bytes=sum(source.bytes for source in target.listing.sources),
        fetch_bytes=sum(int(work.costs.fetched[work.todo].sum()) for work in prepared.works),
        leases=len(leases),
        here=_here(leases, before, devices),
        chip=_chip(chip_s, before, devices),
        chip_s=chip_s,
        refused=tuple(
            Refused(refusal.source.uri, str(refusal.error.message), refusal.error.retryable)
            for refusal in prepared.refused
        ),
        left_aside=target.listing.left,
        index_bytes=prepared.bytes_read,
        in_use=str(rival) if rival else "",
        without_columns=target.without_columns,
        left_streams=prepared.left_streams,
        memory=target.memory(prepared.works) if prepared.works else None,
        on_host=Stretch.of(prepared.on_host),
        for_host=_for_host(prepared),
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

    bundle: Callable[[int], list[Lease]]
    here: Cost
    chip: Cost
    work_s: float


def simulation_input(
    session: Session, on_progress: Callable[[int, int], None] = lambda _, __: None
) -> SimulationInput:
    """Look at all inputs, and set out what is left; `on_event`: as for `estimate`."""
    target = session.target
    prepared = session.prepare(lambda number: on_progress(number, len(target.listing.sources)))
    names, longest_s = LeaseNames(target.digest), target.job.lease_s
    before = session.state.total
    leases = bundle(prepared.works, names, 1, longest_s)
    chip_s = _chip_s(prepared, before, target)
    return SimulationInput(
        lambda devices: bundle(prepared.works, names, devices, longest_s),
        _here(leases, before, 1),
        _chip(chip_s, before, 1),
        sum(lease.cost_s for lease in leases),
    )


def _for_host(prepared: Prepared) -> Stretch:
    seconds = [refusal.host_s for refusal in prepared.refused if refusal.host_s]
    return Stretch(len(seconds), sum(seconds), 0)


def _here(leases: Sequence[Lease], before: Tally, devices: int) -> Cost:
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


def _chip_s(prepared: Prepared, before: Tally, target: JobTarget) -> dict[str, float]:
    """Model the chip's seconds by engine: as for what was done before, else by what is planned."""
    if before.frames >= ENOUGH_FRAMES and any(before.chip_s.values()):
        share = prepared.todo_frames / before.frames
        return {engine: seconds * share for engine, seconds in before.chip_s.items()}
    cards = target.identity.cards.values()
    return modelled_s(prepared.works, cards, target.job.work, soc(target.job.soc))


def _chip(chip_s: Mapping[str, float], before: Tally, devices: int) -> Cost:
    slowest_s = max(chip_s.values(), default=0.0)
    basis = "modelled from the data sheet, every packet decoded"
    if before.frames >= ENOUGH_FRAMES:
        basis = f"modelled from the data sheet, as for the {before.frames:,} frames done before"
    return Cost(devices, slowest_s, slowest_s / devices, basis)
