"""What the parts of a run share, and what they hand on: resources, plan, outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fleet.clock import Clock
from fleet.core.interval import LeaseNames
from fleet.core.receipt import Receipt, Tally
from fleet.driver.heartbeat import Heartbeat
from fleet.driver.loop import Loop
from fleet.driver.loss_recorder import LossRecorder
from fleet.driver.observers import Observers
from fleet.driver.peers import Leadership
from fleet.driver.preparing.prepared import Prepared
from fleet.driver.report import RunReport
from fleet.driver.retry import NOTHING_TAKEN_UP, TakenUp
from fleet.driver.session import Session
from fleet.driver.target.target import JobTarget
from fleet.errors import StorageError
from fleet.executors.index_pool import MakeIndexPool
from fleet.executors.pool import Pool
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.table.state.read import count_losses
from fleet.table.state.state import TableState
from fleet.worker.spec import WorkerSpec

MakePool = Callable[[WorkerSpec], Pool]
DEFAULT_POLICY = SchedulingPolicy()


@dataclass(frozen=True)
class Resources:
    """What a run has to work with."""

    devices: int
    """For how many devices the work is bundled."""
    make_pool: MakePool
    limits: Limits
    """How many devices it may come to have."""
    policy: SchedulingPolicy = DEFAULT_POLICY
    make_index_pool: MakeIndexPool | None = None
    """Makes what looks at headers beside this machine; None: nothing does."""
    shares_cores: bool = False
    """Whether the pool gives a core that no device has work for to a lease that has room ahead."""


@dataclass(frozen=True)
class Context:
    """What all parts of a run share."""

    target: JobTarget
    resources: Resources
    leadership: Leadership
    observers: Observers
    beat: Heartbeat
    clock: Clock
    taken_up: TakenUp = NOTHING_TAKEN_UP
    """What the run does again of what earlier ones recorded as lost."""


@dataclass(frozen=True)
class Plan:
    """What there is to do, in which epoch of the output."""

    session: Session
    prepared: Prepared
    state: TableState
    """What the output holds when the work begins."""
    recorder: LossRecorder

    @property
    def names(self) -> LeaseNames:
        """How leases are named."""
        return LeaseNames(self.session.target.digest, self.epoch)

    @property
    def epoch(self) -> int:
        """The epoch that the run works in."""
        return self.state.manifest.epoch


@dataclass(frozen=True)
class Outcome:
    """How a run went."""

    plan: Plan
    refused: tuple[Receipt, ...]
    """Records of videos that are not processed."""
    loop: Loop
    leases: int
    """How many leases it had to do."""
    host_videos: int
    """How many of the videos of which something was left to do the host decodes."""
    interrupted: bool

    @property
    def unreached(self) -> dict[str, str]:
        """Videos that could not be read, URI -> why."""
        unread = {
            refusal.source.uri: refusal.error.message
            for refusal in self.plan.prepared.refused
            if refusal.error.retryable
        }
        return unread | self.loop.unreached

    @property
    def this_run(self) -> Tally:
        """What it did itself."""
        return Tally.total([*(receipt.tally for receipt in self.refused), self.loop.totals.here])


@contextmanager
def going_on() -> Iterator[None]:
    """Say, where the output refuses what closes a run, that the same command goes on."""
    try:
        yield
    except StorageError as error:
        kept = "What is committed is kept, and the same command goes on."
        error.way_out = f"{error.way_out} {kept}".strip()
        raise


def report_of(outcome: Outcome, total: Tally, wall_s: float) -> RunReport:
    """Return what is told of a run that has ended."""
    plan = outcome.plan
    target = plan.session.target
    job, table = target.job, target.table
    return RunReport(
        output=table.uri,
        table=job.work.table,
        job_digest=target.digest,
        total=total,
        this_run=outcome.this_run,
        wall_s=wall_s,
        devices=outcome.loop.devices,
        soc=job.soc,
        videos=len(plan.prepared.videos),
        other_videos=_other_videos(plan),
        to_look=plan.prepared.to_look,
        lists_on=plan.prepared.lists_on,
        video_bytes=target.video_bytes,
        sample=str(job.sample),
        wanted_frames=plan.prepared.frames,
        longest_s=max((video.video_s for video in plan.prepared.videos), default=0.0),
        refused_videos=sum(not refusal.error.retryable for refusal in plan.prepared.refused),
        left=target.left_aside,
        leases=outcome.leases,
        leases_done=outcome.loop.totals.leases,
        index_bytes=plan.prepared.bytes_read,
        already_done=len(plan.state),
        quarantined=outcome.loop.quarantined,
        interrupted=outcome.interrupted,
        unreached=outcome.unreached,
        host_videos=outcome.host_videos,
        host_frames=outcome.loop.totals.host_frames,
        frames_ahead=outcome.loop.totals.frames_ahead,
        refused_batches=outcome.loop.totals.refused_batches,
        losses=count_losses(table.tables().errors) if total.errors else (),
        peak_rss_bytes=outcome.loop.totals.peak_rss_bytes,
        providers=", then ".join(map(str, job.providers)),
    )


def _other_videos(plan: Plan) -> int:
    """Return how many videos the output holds that the inputs of a run do not name.

    0 where it has not looked at all of its own: there may be any number then.
    """
    if not plan.prepared.is_last:
        return 0
    held = {uri for uri, _ in plan.state.covered.intervals.versions}
    return len(held - {video.uri for video in plan.prepared.videos})
