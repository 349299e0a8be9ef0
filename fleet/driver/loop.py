"""The loop between the ledger, which decides, and a pool, which acts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass

from fleet.clock import Clock
from fleet.core.fault import Fault
from fleet.core.interval import Interval, LeaseNames
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
    Tick,
    Warned,
)
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.errors import IllegalMoveError, JobFailedError
from fleet.executors.pool import Pool
from fleet.observe.observer import Observer
from fleet.plan.lease import Lease, More
from fleet.plan.open_leases import OpenLeases
from fleet.plan.order import LeaseOrder, order
from fleet.plan.shard import VideoWork
from fleet.plan.split import split, split_off
from fleet.scheduler.autoscale import Limits, wanted
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
from fleet.scheduler.lease_state import ENDED, OVER, SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger
from fleet.scheduler.totals import Totals
from fleet.table.maintenance.close import Committed

POLL_S = 0.25
"""How long the loop waits for news before it looks where the devices stand."""
SCALE_EVERY_S = 1.0
"""How often it is asked how many devices the work is worth."""
MOST_DEATHS = 32
"""Workers that may die before a single frame is looked at: more are no matter of some videos."""
_JOB_STAGES = frozenset({"job", "run"})  # not "device": what it refuses may be of one video


@dataclass(frozen=True)
class LoopParts:
    """What the loop works with."""

    names: LeaseNames
    """How leases are named."""
    recorder: LossRecorder
    """What commits losses and splits."""
    observer: Observer
    limits: Limits
    """How many devices the run may come to have."""
    policy: SchedulingPolicy
    clock: Clock
    still_leads: Callable[[], None] = lambda: None
    """Raises JobFailedError where another run has taken the output over; asked once a turn."""
    ends_if_wrong: Callable[[Sequence[Interval]], bool] = lambda _: True
    """Whether a job that fails on its very first frames ends the run, by where these lie."""


class Loop:
    """Brings leases to their end, one way or the other; changed only through `drive`."""

    def __init__(
        self,
        leases: Sequence[Lease],
        works: MutableMapping[str, VideoWork],
        parts: LoopParts,
        coming_s: float | None = None,
    ) -> None:
        """Take the first leases, and all works, less what gets done; `coming_s`: see Stock."""
        self.totals = Totals()
        """What is done so far."""
        self.devices = 0
        """The most devices that were there at a time."""
        self._works, self._leases = works, OpenLeases(works, leases)
        self._parts = parts
        self._ledger = Ledger(map(_summary_of, leases), parts.policy, coming_s)
        self._unread: dict[str, str] = {}
        self._deaths = 0
        self._started_s = self._scaled_s = parts.clock.steady_s()

    def order(self, command: Assign) -> LeaseOrder:
        """Return a lease spelled out, for the device that takes it."""
        return order(self._leases[command.lease], self._works)

    @property
    def committed(self) -> Iterator[Committed]:
        """What is done or given up, and so is to be found in the output."""
        return (Committed(name, intervals) for name, intervals in self._leases.ended)

    @property
    def quarantined(self) -> int:
        """How many leases were given up."""
        return self._ledger.count(State.QUARANTINED)

    @property
    def unreached(self) -> dict[str, str]:
        """Videos that are left for the next run, as they could not be read: URI -> why."""
        left = (n for n in self._unread if self._ledger.state(n) is State.UNREACHED)
        return {self._leases[n].shards[0].source.uri: self._unread[n] for n in left}

    @property
    def _now_s(self) -> float:
        return self._parts.clock.steady_s()

    def drive(self, pool: Pool, more: More = lambda _: None) -> None:
        """Run until every lease is done or given up; `more`: asked while leases are to come.

        Raises JobFailedError where the job fails on its very first frames, every worker dies before
        it has looked at one, the store refuses the credentials, so that nothing can be done, or
        another run has taken the output over.
        """
        self._started_s = self._now_s
        while not self._ledger.finished:
            self._restock(pool, more)
            for event in (*pool.poll(POLL_S), Tick()):
                self._take(event, pool)
            for progress in pool.progress():
                self._parts.observer.on_event(progress)
            self._parts.still_leads()
            self._scale(pool)

    def _restock(self, pool: Pool, more: More) -> None:
        """Take in what was planned meanwhile."""
        stock = None if self._ledger.is_whole else more(self._ledger.count(State.PENDING))
        if stock is not None:
            self._leases.add(stock.leases)
            pieces = map(_summary_of, stock.leases)
            self._obey(self._ledger.add(pieces, stock.coming_s, self._now_s), pool)

    def _take(self, event: Event, pool: Pool) -> None:
        first = isinstance(event, LeaseDone) and self._ledger.state(event.lease) not in ENDED
        if isinstance(event, LeaseDone) and first:
            event = self._compared(event)
        commands = self._handle(event)
        self._tell(event, first=first)
        self._obey(commands, pool)

    def _handle(self, event: Event) -> list[Command]:
        """Have the ledger decide, and let go of a lease that has come to its end by that."""
        commands = self._ledger.handle(event, self._now_s)
        name = getattr(event, "lease", "")
        if name and (state := self._ledger.state(name)) in OVER:
            self._leases.end(name, stands=state is not State.CUT)
        return commands

    def _compared(self, event: LeaseDone) -> LeaseDone | LeaseTruncated | LeaseSplit:
        """Return what became of a lease, by what is committed under its name.

        The first attempt has decided that: it may be some of the lease, or that it was split.
        """
        lease, receipt = self._leases[event.lease], event.receipt
        if receipt.split_into:
            return self._split_into(lease, receipt.split_into, event.device)
        if receipt.intervals == lease.intervals:
            return event
        try:
            done, remainder = split_off(lease, self._works, self._parts.names, receipt.intervals)
        except ValueError as error:
            raise IllegalMoveError(
                f"what is committed as {lease.id} is not of it: {error}"
            ) from error
        self._leases.add([done, remainder])
        return LeaseTruncated(event.device, lease.id, receipt, _summary_of(remainder), event.fault)

    def _split_into(self, lease: Lease, count: int, device: str = "") -> LeaseSplit:
        pieces = split(lease, self._works, self._parts.names, count)
        self._leases.add(pieces)
        return LeaseSplit(lease.id, tuple(map(_summary_of, pieces)), device)

    def _tell(self, event: Event, *, first: bool) -> None:
        if isinstance(event, LeaseFailed) and event.fault.is_unreached:
            self._unread[event.lease] = event.fault.message
        elif isinstance(event, LeaseTruncated) and event.fault:
            self._unread[event.remainder.lease] = event.fault.message
        match event:
            case LeaseDone(device, _, receipt) | LeaseTruncated(device, _, receipt):
                if not first:
                    return
                self.totals.add(receipt, here=device != ELSEWHERE)
            case LossRecorded() | LeaseCancelled() | Tick():
                return
            case NodeSetAside(node, reason):
                warning = Warned(f"No lease is given to {node} any more: {reason}")
                self._parts.observer.on_event(warning)
                return
        self._parts.observer.on_event(event)
        if isinstance(event, LeaseFailed) and event.fault.is_fatal:
            raise JobFailedError(event.fault.message)
        if isinstance(event, LeaseFailed | DeviceLost) and not self.totals.frames:
            self._stop_if_nothing_can_be_done(event)

    def _scale(self, pool: Pool) -> None:
        """Aim at as many devices as the work that is left is worth."""
        now_s, limits = self._now_s, self._parts.limits
        self.devices = max(self.devices, self._ledger.device_count)
        if now_s - self._scaled_s < SCALE_EVERY_S or self._ledger.finished:
            return
        self._scaled_s = now_s
        load = self._ledger.load(pool.capacity)
        if not load.is_sized:
            return  # What is done already tells nothing of the rest, so as many as before stay.
        devices = wanted(load, limits, now_s - self._started_s)
        pool.set_target(devices)
        if limits.releases:
            self._ledger.set_target(devices)

    def _stop_if_nothing_can_be_done(self, event: LeaseFailed | DeviceLost) -> None:
        """Stop before errors/ fills with one mistake."""
        if isinstance(event, LeaseFailed):
            if self._parts.ends_if_wrong(self._leases.intervals(event.lease)):
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
                    self._parts.observer.on_event(told)
                case Cancel() | Truncate() | Release() | SetNodeAside():
                    pool.tell(command)
                case BackupWasted():
                    self._parts.observer.on_event(command)
                case SplitLease():
                    to_do += self._split(command)
                case RecordLoss():
                    to_do += self._record(command)

    def _split(self, command: SplitLease) -> list[Command]:
        lease = self._leases[command.lease]
        receipt = self._parts.recorder.split(lease.id, command.pieces)
        if receipt.split_into != command.pieces:
            return self._settle(LeaseDone(ELSEWHERE, lease.id, receipt))
        event = self._split_into(lease, command.pieces)
        self._parts.observer.on_event(event)
        return self._handle(event)

    def _record(self, command: RecordLoss) -> list[Command]:
        lost = order(self._leases[command.lease], self._works)
        receipt = self._parts.recorder.give_up(lost, command.fault)
        if receipt.device != DRIVER or receipt.split_into:
            return self._settle(LeaseDone(ELSEWHERE, command.lease, receipt))
        self.totals.add(receipt)
        self._parts.observer.on_event(LeaseQuarantined(receipt, command.fault))
        return self._handle(LossRecorded(command.lease))

    def _settle(self, event: LeaseDone) -> list[Command]:
        """Take for done what a worker that was given up for dead has committed by now."""
        found = self._compared(event)
        self._tell(found, first=True)
        return self._handle(found)


def _summary_of(lease: Lease) -> LeaseSummary:
    return LeaseSummary(lease.id, lease.gops, lease.cost_s, lease.shards[0].source.uri)


def _stop_if_the_job_is_wrong(fault: Fault) -> None:
    """Stop a job that fails before any lease is done: errors/ would fill with one mistake."""
    if fault.stage in _JOB_STAGES and not fault.retryable:
        raise JobFailedError(f"{fault.message}\n{fault.detail}".strip())
