"""The loop between the ledger, which decides, and a pool, which acts; the only clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    ELSEWHERE,
    BackupWasted,
    Cause,
    DeviceLost,
    Event,
    LeaseCancelled,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    LeaseSplit,
    LeaseStarted,
    LeaseTruncated,
    LossRecorded,
    NodeSetAside,
    Observer,
    Tick,
    Warned,
)
from fleet.driver.loss_recorder import Recorder
from fleet.errors import IllegalMoveError, JobFailedError
from fleet.executors.pool import Pool
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.plan.shard import VideoWork
from fleet.plan.split import split, split_at
from fleet.scheduler.autoscale import Limits, wanted
from fleet.scheduler.commands import (
    Assign,
    Cancel,
    Command,
    RecordLoss,
    Release,
    SplitLease,
    Truncate,
    Waste,
)
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger
from fleet.scheduler.totals import Totals

POLL_S = 0.25
"""How long the loop waits for news before it looks where the devices stand."""
SCALE_EVERY_S = 1.0
"""How often it is asked how many devices the work is worth."""
MOST_DEATHS = 32
"""Workers that may die before a single frame is looked at: more are no matter of some videos."""
_JOB_STAGES = frozenset({"job", "run"})


class Loop:
    """Brings leases to their end, one way or the other; changed only through `drive`.

    `totals`: what is done so far. `devices`: the most that were there at a time.
    """

    def __init__(
        self,
        leases: Sequence[Lease],
        works: Mapping[str, VideoWork],
        recorder: Recorder,
        observer: Observer,
        limits: Limits,
        rules: SchedulingPolicy | None = None,
    ) -> None:
        self.totals = Totals()
        self.devices = 0
        self._leases = {lease.id: lease for lease in leases}
        self._works = works
        self._recorder = recorder
        self._observer = observer
        self._limits = limits
        self._ledger = Ledger(map(_summary_of, leases), rules)
        self._deaths = 0
        self._started_s = self._scaled_s = time.monotonic()

    def order(self, command: Assign) -> LeaseOrder:
        """Spell a lease out, for the device that takes it."""
        lease = self._leases[command.lease]
        return order(lease, self._works, last_try=command.last_try)

    @property
    def committed(self) -> Iterator[Lease]:
        """What is done or given up, and so is to be found in the output."""
        ended = {State.DONE, State.QUARANTINED}
        return (lease for name, lease in self._leases.items() if self._ledger.state(name) in ended)

    @property
    def quarantined(self) -> int:
        """How many leases were given up."""
        return self._ledger.count(State.QUARANTINED)

    def drive(self, pool: Pool) -> None:
        """Run until every lease is done or given up.

        Raises JobFailedError where the job fails on its very first frames, every worker dies before
        it has looked at one, or the store refuses the credentials, so that nothing can be done.
        """
        self._started_s = time.monotonic()
        while not self._ledger.finished:
            for event in (*pool.poll(POLL_S), Tick()):
                self._take(event, pool)
            for progress in pool.progress():
                self._observer.on_event(progress)
            self._scale(pool)

    def _take(self, event: Event, pool: Pool) -> None:
        counts = self._counts(event)
        if isinstance(event, LeaseTruncated) and counts:
            self._learn_pieces(event)
        commands = self._ledger.handle(event, time.monotonic())
        self._tell(event, counts=counts)
        self._obey(commands, pool)

    def _counts(self, event: Event) -> bool:
        """Whether a commit is the first of its lease, and not too late: its pieces may be done."""
        if not isinstance(event, LeaseDone | LeaseTruncated):
            return False
        return self._ledger.state(event.lease) in {State.PENDING, State.LEASED}

    def _learn_pieces(self, event: LeaseTruncated) -> None:
        lease, receipt = self._leases[event.lease], event.receipt
        done, rest = split_at(lease, self._works, self._recorder.job_digest, receipt.intervals)
        if (done.id, rest.id) != (receipt.lease, event.remainder.lease):
            raise IllegalMoveError(f"lease {lease.id} was ended early at no GOP of it: {event}")
        self._leases.update({done.id: done, rest.id: rest})

    def _tell(self, event: Event, *, counts: bool) -> None:
        match event:
            case LeaseDone(device, _, receipt) | LeaseTruncated(device, _, receipt, _):
                if not counts:
                    return
                self.totals.add(receipt, here=device != ELSEWHERE)
            case LeaseSplit() | LossRecorded() | LeaseCancelled() | Tick():
                return
            case NodeSetAside(node, reason):
                self._observer.on_event(
                    Warned(f"No device is started on {node} any more: {reason}")
                )
                return
            case _:
                pass
        self._observer.on_event(event)
        if isinstance(event, LeaseFailed) and event.fault.is_fatal:
            raise JobFailedError(event.fault.message)
        if isinstance(event, LeaseFailed | DeviceLost) and not self.totals.frames:
            self._stop_if_nothing_can_be_done(event)

    def _scale(self, pool: Pool) -> None:
        """Aim at as many devices as the work that is left is worth."""
        now_s = time.monotonic()
        self.devices = max(self.devices, self._ledger.device_count)
        if now_s - self._scaled_s < SCALE_EVERY_S or self._ledger.finished:
            return
        self._scaled_s = now_s
        devices = wanted(self._ledger.load(pool.capacity), self._limits, now_s - self._started_s)
        pool.set_target(devices)
        if self._limits.releases:
            self._ledger.set_target(devices)

    def _stop_if_nothing_can_be_done(self, event: LeaseFailed | DeviceLost) -> None:
        """Stop before errors/ fills with one mistake."""
        if isinstance(event, LeaseFailed):
            _stop_if_the_job_is_wrong(event.fault)
            return
        if event.cause is Cause.RELEASED:
            return
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            raise JobFailedError(
                f"{self._deaths} workers were lost before a single frame was looked at; the last: "
                f"{event.reason}",
                "See whether one video can be run inline, where a crash shows: "
                "fleet.run(job, on='inline').",
            )

    def _obey(self, commands: Sequence[Command], pool: Pool) -> None:
        to_do = deque(commands)
        while to_do:
            command = to_do.popleft()
            match command:
                case Assign(device, name):
                    pool.apply(command, self.order(command))
                    lease = self._leases[name]
                    told = LeaseStarted(device, name, lease.video_s, lease.frames, command.backup)
                    self._observer.on_event(told)
                case Cancel() | Truncate() | Release():
                    pool.tell(command)
                case Waste(device, name, wall_s):
                    self._observer.on_event(BackupWasted(device, name, wall_s))
                case SplitLease():
                    to_do += self._cut(command)
                case RecordLoss():
                    to_do += self._record(command)

    def _cut(self, command: SplitLease) -> list[Command]:
        lease = self._leases[command.lease]
        pieces = split(lease, self._works, self._recorder.job_digest, command.pieces)
        self._leases.update({piece.id: piece for piece in pieces})
        event = LeaseSplit(lease.id, tuple(map(_summary_of, pieces)))
        self._observer.on_event(event)
        return self._ledger.handle(event, time.monotonic())

    def _record(self, command: RecordLoss) -> list[Command]:
        lost = order(self._leases[command.lease], self._works)
        receipt = self._recorder.give_up(lost, command.fault)
        self.totals.add(receipt)
        self._observer.on_event(LeaseQuarantined(receipt, command.fault))
        return self._ledger.handle(LossRecorded(command.lease), time.monotonic())


def _summary_of(lease: Lease) -> LeaseSummary:
    return LeaseSummary(lease.id, lease.gops, lease.cost_s, lease.shards[0].source.uri)


def _stop_if_the_job_is_wrong(fault: Fault) -> None:
    """Stop a job that fails before any lease is done: errors/ would fill with one mistake."""
    if fault.stage in _JOB_STAGES and not fault.retryable:
        raise JobFailedError(f"{fault.message}\n{fault.detail}".strip())
