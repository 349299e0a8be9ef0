"""A pool of devices that live in Ray actors, on the nodes of a cluster that come and go."""

from __future__ import annotations

import time
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from fleet.core.progress import Progress
from fleet.core.run_events import (
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    DevicesAwaited,
    Event,
    NodeSetAside,
)
from fleet.errors import FleetError, JobFailedError
from fleet.executors.outcomes import event_of
from fleet.executors.ray.actor import DeviceActor, as_actor, options, pickle_by_value
from fleet.executors.ray.failures import GONE, cause_of, why, why_not_started
from fleet.executors.ray.handle import ActorHandle, Seats, outcome_of
from fleet.executors.ray.mail import Mail
from fleet.executors.ray.monitor import Watch
from fleet.executors.ray.nodes import Nodes, node_of_dead
from fleet.executors.ray.sharing import Alone, Sharing
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate
from fleet.scheduler.placement import NodeBlacklist
from fleet.scheduler.shares import GIVE_BACK_S
from fleet.worker.spec import WorkerSpec

STALE_S = 10.0
"""How long a device waits for a place away from nodes that are not to be avoided any more."""


class RayPool:
    """One actor a device; a dead one is replaced, its leases go back to the ledger.

    Those that are wanted and have no NPU yet wait for one as pending actors: that is the demand
    which Ray's autoscaler sees, and it ends with this process. `worker`: what is made an actor.
    The process must be connected to a cluster. Answers come in by callbacks. `sharing`: with other
    jobs, for which devices above this job's share are drained; the pool closes it.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        worker: type[DeviceActor] = DeviceActor,
        sharing: Sharing | Alone | None = None,
    ) -> None:
        pickle_by_value(type(spec.work))
        self._spec = ray.put(spec)
        self._actor_class = as_actor(worker, spec.cores, own_ray=sharing is None)
        self._seats = Seats()
        self._numbers = count()
        self._sharing = sharing or Alone()
        self._asked = self._wanted = self._capacity = 0
        self._mail = Mail()
        self._untold: list[Event] = []
        self._watch = Watch(spec.watchdog_s)
        self._nodes = Nodes(spec.cores)
        self._placing = NodeBlacklist()
        self._changed = False
        self._look(time.monotonic())

    @property
    def capacity(self) -> int:
        """See Pool: NPUs of nodes that stay, but for those that others than Fleet use."""
        return self._capacity

    def set_target(self, devices: int) -> None:
        """Aim at so many, besides those whose nodes go away; see Pool."""
        if devices == self._asked:
            return
        self._asked = devices
        self._aim(time.monotonic())

    def _aim(self, now_s: float) -> None:
        """Ask for what is wanted, and take back what is too much of what was asked for."""
        held = self._seats.nodes
        allowed = self._sharing.look(self._asked, held, self._capacity, now_s)
        devices = min(self._asked, allowed)
        if devices != self._wanted:
            self._wanted = devices
            for seat in self._seats.starting(max(0, -self._seats.missing(devices))):
                self._forget(seat)
            self._fill(now_s)

    def _give_back(self) -> list[Event]:
        """Have the devices go that are above this job's share, those with least to do first."""
        given = self._seats.above(self._wanted) if self._wanted < self._asked else []
        for seat in given:
            seat.draining = True
        return [DeviceDraining(seat.device, GIVE_BACK_S, given_back=True) for seat in given]

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Send a lease; its bytes are fetched at once, it runs when the one before has ended."""
        seat = self._seats.get(command.device)
        if seat is None:
            return
        seat.leases.append(command.lease)
        self._mail.expect(seat.run(order), partial(self._take_outcome, seat, command.lease))

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool."""
        if isinstance(command, SetNodeAside):
            self._set_aside(command)
            return
        seat = self._seats.get(command.device)
        if seat is None:
            return
        if not isinstance(command, Release):
            seat.tell(command)
            return
        if seat.leases:
            self._forget(seat)
        else:
            self._drop(seat)
            seat.let_go()
        self._untold.append(DeviceLost(seat.device, "nothing left to do", Cause.RELEASED))

    def _set_aside(self, command: SetNodeAside) -> None:
        """Start no device on a node any more; those there are let go one by one."""
        for node, alive in self._nodes.alive.items():
            if alive.name == command.node:
                self._placing.set_aside(node, command.reason)
        self._changed = True
        self._untold.append(NodeSetAside(command.node, command.reason))

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for devices to come, to answer, to die or to have to go."""
        events, self._untold = self._untold, []
        # What a device had ended before it died is heard of first.
        events += self._mail.open(0)
        events += self._look_around(time.monotonic())
        return events or self._mail.open(timeout_s)

    def _take_outcome(self, seat: ActorHandle, lease: str, future: Future[Any]) -> list[Event]:
        if seat.device not in self._seats:
            return []
        error = future.exception()
        if isinstance(error, RayTaskError):
            raise cause_of(error) from error
        if isinstance(error, RayError):
            # Died, cut off, killed for memory: each has a class of its own, and one remedy.
            return self._lose(seat, *self._why(seat, error))
        seat.leases.remove(lease)
        event = event_of(seat.device, lease, outcome_of(future.result()))
        if isinstance(event, DeviceLost):
            # Its process lives, with nothing to work on: another one takes its place.
            self._forget(seat)
        return [event]

    def _why(self, seat: ActorHandle, error: RayError) -> tuple[str, Cause]:
        reason, cause = why(error)
        self._nodes.look(time.monotonic(), at_once=True)
        if seat.draining or seat.node not in self._nodes.alive:
            # A node that goes takes its processes along, and Ray may only know of those so far.
            cause = Cause.TAKEN
        return reason, cause

    def _lose(self, seat: ActorHandle, reason: str, cause: Cause) -> list[Event]:
        self._forget(seat)
        ran = seat.ran if seat.ran in seat.leases else ""
        return [DeviceLost(seat.device, reason, cause, ran)] if seat.joined else []

    def _forget(self, seat: ActorHandle) -> None:
        # It may be cut off rather than dead: what it holds goes to others, so it must end. This
        # ends one that holds the GIL too, and one that is stopped (by SIGKILL, after 5 s).
        ray.kill(seat.actor)
        self._drop(seat)

    def _drop(self, seat: ActorHandle) -> None:
        del self._seats[seat.device]
        self._watch.forget(seat)
        self._changed = True

    def _look_around(self, now_s: float) -> list[Event]:
        """See what came of nodes and silent devices, and start what is missing."""
        events = []
        for seat, reason, cause in self._watch.gone():
            if seat.device in self._seats:
                events += self._lose(seat, reason, cause)
        if looked := self._look(now_s):
            self._aim(now_s)
            events += [*self._sharing.news(), *self._give_back()]
        if looked or self._changed:
            self._changed = False
            for seat in list(self._seats.values()):
                events += self._see_node(seat)
            self._fill(now_s)
        return events

    def _look(self, now_s: float) -> bool:
        if not self._nodes.look(now_s):
            return False
        held, others = self._seats.nodes, self._sharing.others_hold
        self._capacity = self._nodes.capacity(held, others, now_s)
        return True

    def _see_node(self, seat: ActorHandle) -> list[Event]:
        """Tell of a device whose node is gone or about to go."""
        if not seat.node:
            return []
        node = self._nodes.alive.get(seat.node)
        if node is None:
            return self._lose(seat, GONE, Cause.TAKEN)
        if node.left_s is None or seat.draining:
            return []
        if not seat.joined:
            return self._lose(seat, GONE, Cause.TAKEN)
        seat.draining = True
        return [DeviceDraining(seat.device, node.left_s)]

    def _fill(self, now_s: float) -> None:
        """Start as many devices as are missing, where something may come of it."""
        avoided = self._placing.avoided(now_s)
        for seat in list(self._seats.values()):
            if not seat.node and seat.avoided != avoided and now_s - seat.since_s > STALE_S:
                self._forget(seat)
        missing = self._seats.missing(self._wanted)
        if missing > 0 and not self._placing.may_start(self._nodes.usable, now_s):
            self._stop_where_hopeless()
            return
        for _ in range(missing):
            self._start(avoided, now_s)

    def _start(self, avoided: frozenset[str], now_s: float) -> None:
        number = next(self._numbers)
        device = f"npu/{number}"
        actor_class = self._actor_class.options(**options(avoided))
        actor = actor_class.remote(self._spec, device, number)
        seat = self._seats[device] = ActorHandle(device, actor, avoided, now_s)
        self._mail.expect(actor.where.remote(), partial(self._take_place, seat))

    def _take_place(self, seat: ActorHandle, future: Future[Any]) -> list[Event]:
        if seat.device not in self._seats:
            return []
        if error := future.exception():
            return self._fail_start(seat, error)
        seat.node = future.result()
        self._mail.expect(seat.actor.open.remote(), partial(self._take_start, seat))
        return []

    def _take_start(self, seat: ActorHandle, future: Future[Any]) -> list[Event]:
        if seat.device not in self._seats:
            return []
        if error := future.exception():
            return self._fail_start(seat, error)
        seat.joined = True
        self._placing.succeed(seat.node)
        return [DeviceJoined(seat.device, self._nodes.name(seat.node))]

    def _fail_start(self, seat: ActorHandle, error: BaseException) -> list[Event]:
        """Try again elsewhere, or later; raises what the job or its model is to blame for."""
        if isinstance(error, RayTaskError):
            cause = error.cause
            if isinstance(cause, FleetError) and not cause.retryable:
                raise cause from error
        self._forget(seat)
        node = seat.node or node_of_dead(seat.actor)
        self._nodes.look(time.monotonic(), at_once=True)
        if node and node not in self._nodes.usable:
            # Its node is gone, or about to go, which is no fault of its own.
            return []
        reason = why_not_started(error)
        if not self._placing.fail(node, reason, time.monotonic()):
            return []
        self._stop_where_hopeless()
        return [NodeSetAside(self._nodes.name(node), reason)]

    def _stop_where_hopeless(self) -> None:
        # One that still starts on its node may join.
        if any(seat.joined or seat.node for seat in self._seats.values()):
            return
        if self._placing.hopeless(self._nodes.usable):
            reasons = (f"{self._nodes.name(n)}: {why}" for n, why in self._placing.aside.items())
            raise JobFailedError(f"No device can be started on any node. {'; '.join(reasons)}")

    def progress(self) -> list[Progress | DevicesAwaited]:
        """See Pool; devices are asked now and then."""
        return self._watch.ask(self._seats.values(), time.monotonic())

    def close(self) -> None:
        """End all actors; the Ray that this process started or joined goes on."""
        with closing(self._sharing):
            for seat in self._seats.values():
                ray.kill(seat.actor)
            self._seats.clear()
            del self._spec  # else it is let go in the next Ray, where another has its number
