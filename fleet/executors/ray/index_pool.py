"""A pool of processes on the nodes of a Ray cluster that look at headers; see IndexPool."""

from __future__ import annotations

import pickle
import time
from concurrent.futures import Future
from functools import partial
from itertools import count
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from fleet.core.fault import Fault
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import Cause, DeviceJoined, DeviceLost, Event, LeaseFailed
from fleet.executors.index_pool import IndexLeaseDone
from fleet.executors.ray.failures import GONE, cause_of, why, why_not_started
from fleet.executors.ray.handle import ActorHandle, Seats
from fleet.executors.ray.index_actor import index_actor
from fleet.executors.ray.mail import Mail
from fleet.executors.ray.monitor import Watch
from fleet.executors.ray.nodes import Nodes
from fleet.plan.index_leases import IndexLease
from fleet.scheduler.placement import NodeBlacklist

SILENT_S = 60.0
"""How long one may give no answer: it is asked in a thread that does nothing else."""


class RayIndexPool:
    """One actor a node; a dead one is replaced, its leases go back to the ledger.

    They take no NPU and no core of those that Ray gives out, so that no device waits for them.
    Nodes without an NPU come first, then those with most cores; one that has neither, such as a
    head that is kept free of work, has none.
    """

    def __init__(self, folder: str) -> None:
        """Take the address of the folder of the kept indexes."""
        self._folder = folder
        self._wanted = 0
        self._closed = False
        self._numbers = count()
        self._seats = Seats()
        self._mail = Mail()
        self._watch = Watch(SILENT_S)
        self._nodes = Nodes()
        self._placing = NodeBlacklist()

    def set_target(self, workers: int) -> None:
        """See IndexPool."""
        self._wanted = workers

    def apply(self, device: str, lease: IndexLease) -> None:
        """See IndexPool."""
        seat = self._seats.get(device)
        if seat is not None:
            seat.leases.append(lease.id)
            answer = seat.actor.look.remote(lease.id, pickle.dumps(lease.sources))
            self._mail.expect(answer, partial(self._take_looked, seat, lease.id))

    def poll(self, timeout_s: float) -> list[Event]:
        """See IndexPool."""
        if self._closed:
            return []
        events = [*self._mail.open(0), *self._look_around(time.monotonic())]
        return events or self._mail.open(timeout_s)

    def _look_around(self, now_s: float) -> list[Event]:
        """See what came of nodes and silent processes, and start what is missing."""
        self._watch.ask(self._seats.values(), now_s)
        events = []
        for seat, reason, cause in self._watch.gone():
            events += self._lose(seat, reason, cause)
        if not self._nodes.look(now_s):
            return events
        for seat in list(self._seats.values()):
            if seat.node not in self._nodes.alive:
                events += self._lose(seat, GONE, Cause.TAKEN)
        able = [n for n, node in self._nodes.alive.items() if node.works and not node.draining]
        able.sort(key=lambda n: (self._nodes.alive[n].npus > 0, -self._nodes.alive[n].cpus, n))
        without = {*able} - {*self._seats.nodes} - self._placing.avoided(now_s)
        missing = max(0, self._seats.missing(self._wanted))
        for node in [n for n in able if n in without][:missing]:
            self._start(node, now_s)
        return events

    def _start(self, node: str, now_s: float) -> None:
        device = f"index/{next(self._numbers)}"
        actor = index_actor(device, self._folder, node)
        seat = self._seats[device] = ActorHandle(device, actor, frozenset(), now_s, node)
        self._mail.expect(actor.open.remote(), partial(self._take_start, seat))

    def _take_start(self, seat: ActorHandle, future: Future[Any]) -> list[Event]:
        if seat.device not in self._seats:
            return []
        if error := future.exception():
            self._forget(seat)
            self._placing.fail(seat.node, why_not_started(error), time.monotonic())
            return []
        seat.joined = True
        self._placing.succeed(seat.node)
        return [DeviceJoined(seat.device, self._nodes.name(seat.node))]

    def _take_looked(self, seat: ActorHandle, lease: str, future: Future[Any]) -> list[Event]:
        if seat.device not in self._seats:
            return []
        error = future.exception()
        if isinstance(error, RayError) and not isinstance(error, RayTaskError):
            self._nodes.look(time.monotonic(), at_once=True)
            taken = seat.node not in self._nodes.alive
            reason, cause = why(error)
            return self._lose(seat, reason, Cause.TAKEN if taken else cause)
        seat.leases.remove(lease)
        if isinstance(error, RayTaskError):
            return [LeaseFailed(seat.device, lease, _fault_of(error))]
        looked = pickle.loads(future.result())  # noqa: S301 - of our own actor
        receipt = Receipt(lease, (), (), Tally(), seat.device)
        return [IndexLeaseDone(seat.device, lease, receipt, looked=looked)]

    def _lose(self, seat: ActorHandle, reason: str, cause: Cause) -> list[Event]:
        if seat.device not in self._seats:
            return []
        self._forget(seat)
        ran = seat.leases[0] if seat.leases else ""
        return [DeviceLost(seat.device, reason, cause, ran)] if seat.joined else []

    def _forget(self, seat: ActorHandle) -> None:
        # It may be cut off rather than dead: what it holds goes to others.
        ray.kill(seat.actor)
        del self._seats[seat.device]
        self._watch.forget(seat)

    def close(self) -> None:
        """See IndexPool; it starts nothing any more, and a second call ends nothing.

        Where the thread that leads it hangs, another one calls it.
        """
        self._closed = True
        while self._seats:
            _, seat = self._seats.popitem()
            ray.kill(seat.actor)


def _fault_of(error: RayTaskError) -> Fault:
    cause = cause_of(error)
    stage, retryable = getattr(cause, "stage", "run"), getattr(cause, "retryable", False)
    return Fault(stage, 0, type(cause).__name__, str(cause), retryable=retryable)
