"""The loop between the ledger, which decides, and a pool, which acts; the only clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence

from fleet.driver.events import (
    Assign,
    Command,
    CutLease,
    DeviceLost,
    Event,
    LeaseCut,
    LeaseDone,
    LeaseFailed,
    LossRecorded,
    Piece,
    RecordLoss,
)
from fleet.driver.lease_state import State
from fleet.driver.ledger import Ledger
from fleet.driver.pool import Pool
from fleet.driver.record import Recorder
from fleet.errors import JobFailed
from fleet.observe.events import LeaseQuarantined, LeaseStarted, Observer
from fleet.plan.cut import cut
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.plan.shard import VideoWork
from fleet.worker.fault import Fault
from fleet.worker.receipt import Receipt

POLL_S = 0.25
"""How long the loop waits for news before it looks where the devices stand."""
MOST_DEATHS = 32
"""Workers that may die before a single frame is looked at: more are no matter of some videos."""
_JOB_STAGES = frozenset({"job", "run"})


class Loop:
    """Brings leases to their end, one way or the other; changed only through `drive`."""

    def __init__(
        self,
        leases: Sequence[Lease],
        works: Mapping[str, VideoWork],
        recorder: Recorder,
        observer: Observer,
    ) -> None:
        self._receipts: dict[str, Receipt] = {}
        self._leases = {lease.id: lease for lease in leases}
        self._works = works
        self._recorder = recorder
        self._observer = observer
        self._ledger = Ledger({lease.id: lease.gops for lease in leases})
        self._deaths = 0

    def order(self, command: Assign) -> LeaseOrder:
        """Spell a lease out, for the device that takes it."""
        lease = self._leases[command.lease]
        return order(lease, self._works, last_try=command.last_try)

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Of each lease that is committed, the last one heard of."""
        return tuple(self._receipts.values())

    @property
    def quarantined(self) -> int:
        """How many leases were given up."""
        return self._ledger.count(State.QUARANTINED)

    def drive(self, pool: Pool) -> None:
        """Run until every lease is done or given up.

        Raises JobFailed where the job fails on its very first frames, or every worker dies before
        it has looked at one, so that nothing can be done.
        """
        while not self._ledger.finished:
            for event in pool.poll(POLL_S):
                commands = self._ledger.handle(event, time.monotonic())
                self._take(event)
                self._obey(commands, pool)
            for progress in pool.progress():
                self._observer.see(progress)

    def _take(self, event: Event) -> None:
        if isinstance(event, LeaseDone):
            if self._ledger.state(event.lease) in {State.CUTTING, State.CUT}:
                # Too late: its pieces are done in its place, and the end of the run sweeps it away.
                return
            self._receipts[event.lease] = event.receipt
        if not isinstance(event, LeaseCut | LossRecorded):
            self._observer.see(event)
        if isinstance(event, LeaseFailed | DeviceLost) and not self._looked:
            self._stop_if_nothing_can_be_done(event)

    @property
    def _looked(self) -> bool:
        return any(receipt.tally.frames for receipt in self._receipts.values())

    def _stop_if_nothing_can_be_done(self, event: LeaseFailed | DeviceLost) -> None:
        """Stop before errors/ fills with one mistake."""
        if isinstance(event, LeaseFailed):
            _stop_if_the_job_is_wrong(event.fault)
            return
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            raise JobFailed(
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
                    told = LeaseStarted(device, name, lease.video_s, lease.frames)
                    self._observer.see(told)
                case CutLease():
                    to_do += self._cut(command)
                case RecordLoss():
                    to_do += self._record(command)

    def _cut(self, command: CutLease) -> list[Command]:
        lease = self._leases[command.lease]
        pieces = cut(lease, self._works, self._recorder.job_digest, command.pieces)
        self._leases.update({piece.id: piece for piece in pieces})
        event = LeaseCut(lease.id, tuple(Piece(piece.id, piece.gops) for piece in pieces))
        self._observer.see(event)
        return self._ledger.handle(event, time.monotonic())

    def _record(self, command: RecordLoss) -> list[Command]:
        lost = order(self._leases[command.lease], self._works)
        receipt = self._recorder.give_up(lost, command.fault)
        self._receipts[receipt.lease] = receipt
        self._observer.see(LeaseQuarantined(receipt, command.fault))
        return self._ledger.handle(LossRecorded(command.lease), time.monotonic())


def _stop_if_the_job_is_wrong(fault: Fault) -> None:
    """Stop a job that fails before any lease is done: errors/ would fill with one mistake."""
    if fault.stage in _JOB_STAGES and not fault.retryable:
        raise JobFailed(f"{fault.message}\n{fault.detail}".strip())
