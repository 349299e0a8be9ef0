"""The loop between the ledger, which decides, and a pool, which acts; the only clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence

from fleet.driver.events import Assign, Command, Event, LeaseDone, LeaseFailed, LossRecorded
from fleet.driver.ledger import Ledger, State
from fleet.driver.pool import Pool
from fleet.driver.record import Recorder
from fleet.errors import JobFailed
from fleet.observe.events import LeaseQuarantined, LeaseStarted, Observer
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.plan.shard import VideoWork
from fleet.worker.fault import Fault
from fleet.worker.receipt import Receipt

POLL_S = 0.25
"""How long the loop waits for news before it looks where the devices stand."""
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
        self._ledger = Ledger(self._leases)

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

        Raises JobFailed where the job fails on its very first frames, so that nothing can be done.
        """
        while not self._ledger.finished:
            for event in pool.poll(POLL_S):
                self._take(event)
                self._obey(self._ledger.handle(event, time.monotonic()), pool)
            for progress in pool.progress():
                self._observer.see(progress)

    def _take(self, event: Event) -> None:
        if isinstance(event, LossRecorded):
            return
        if isinstance(event, LeaseDone):
            self._receipts[event.lease] = event.receipt
        self._observer.see(event)
        if isinstance(event, LeaseFailed) and not any(r.tally.frames for r in self.receipts):
            _stop_if_the_job_is_wrong(event.fault)

    def _obey(self, commands: Sequence[Command], pool: Pool) -> None:
        to_do = deque(commands)
        while to_do:
            command = to_do.popleft()
            if isinstance(command, Assign):
                pool.apply(command, self.order(command))
                lease = self._leases[command.lease]
                told = LeaseStarted(command.device, lease.id, lease.video_s, lease.frames)
                self._observer.see(told)
            else:
                lost = order(self._leases[command.lease], self._works)
                receipt = self._recorder.give_up(lost, command.fault)
                self._receipts[receipt.lease] = receipt
                self._observer.see(LeaseQuarantined(receipt, command.fault))
                to_do += self._ledger.handle(LossRecorded(command.lease), time.monotonic())


def _stop_if_the_job_is_wrong(fault: Fault) -> None:
    """Stop a job that fails before any lease is done: errors/ would fill with one mistake."""
    if fault.stage in _JOB_STAGES and not fault.retryable:
        raise JobFailed(f"{fault.message}\n{fault.detail}".strip())
