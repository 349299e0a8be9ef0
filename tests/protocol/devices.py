"""A run's devices: workers in processes of their own, which commit leases with the real code.

What a worker reads and infers is made up; how it ends a lease, fails or dies is what a pool tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from archive import Archive, Damage, rows_of
from baton import Actor, Killed, Process
from chance import Call
from simulated_clock import SimulatedClock

from fleet.core.fault import FETCH_STAGE, Fault
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt
from fleet.core.run_events import Cause, DeviceDraining, DeviceJoined, DeviceLost, Event
from fleet.errors import FleetError, OutputUnwritableError, StorageError
from fleet.executors.outcomes import event_of
from fleet.plan.order import LeaseOrder
from fleet.plan.partial import Stop, done_of, may_stop
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate
from fleet.storage import Folder
from fleet.table.commits.commit import Writer
from fleet.table.commits.record import Origin
from fleet.worker.outcome import Cancelled, Outcome, Partial
from fleet.worker.spec import WorkerSpec

if TYPE_CHECKING:
    from world import World

LEASE_S = 0.8
_LOSING: tuple[Damage, ...] = ("loses", "raises")
SILENT_S = 30.0
"""A worker that stands still for so long is taken for dead; it may not be."""


@dataclass(eq=False)
class Device:
    """A worker, as its pool knows it."""

    name: str
    process: Process
    actor: Actor
    orders: deque[LeaseOrder] = field(default_factory=deque)
    cancelled: set[str] = field(default_factory=set)
    truncated: set[str] = field(default_factory=set)
    is_released: bool = False


class SimulatedPool:
    """Workers of one run. See Pool."""

    capacity = 2

    def __init__(self, world: World, archive: Archive, spec: WorkerSpec) -> None:
        self._world = world
        self._archive = archive
        self._spec = spec
        self._driver = world.me
        self._devices: dict[str, Device] = {}
        self._numbers = count()
        self._news: list[Event] = []
        self._wanted = 0

    def set_target(self, devices: int) -> None:
        """See Pool."""
        self._wanted = min(devices, self.capacity)
        for _ in range(len(self._devices), self._wanted):
            self._start()

    def _start(self) -> None:
        driver = self._driver.process
        name = f"{driver.name}.{next(self._numbers)}"
        process = self._world.process(f"worker {name}", driver.host, driver.skew_s)
        worker = _Worker(self._world, self._archive, self._spec, self._end)
        actor = self._world.spawn(process.name, process, lambda: worker.run(device))
        self._devices[name] = device = Device(name, process, actor)
        process.on_death = lambda _: self._mourn(device)
        self._tell(DeviceJoined(name, driver.host))

    def _mourn(self, device: Device) -> None:
        ran = device.orders[0].lease if device.orders else ""
        self._end(device, ran, DeviceLost(device.name, "it died", Cause.DIED, ran))

    def _tell(self, event: Event) -> None:
        self._news.append(event)
        self._world.wake(self._driver)

    def _end(self, device: Device, lease: str, outcome: Outcome | DeviceLost) -> None:
        """Take in how a worker has ended a lease; nobody hears of one that was given up."""
        if self._devices.get(device.name) is device and self._driver.process.is_alive:
            if isinstance(outcome, DeviceLost):
                del self._devices[device.name]
                self._tell(outcome)
            else:
                self._tell(event_of(device.name, lease, outcome))

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool."""
        device = self._devices.get(command.device)
        if device is not None:
            # What was said of an earlier attempt at it is no longer meant.
            device.cancelled.discard(order.lease)
            device.truncated.discard(order.lease)
            device.orders.append(order)
            self._world.baton.set_lasting(device.actor, lasts=True)
            self._world.wake(device.actor)

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool."""
        if isinstance(command, SetNodeAside):
            return
        device = self._devices.get(command.device)
        if device is None:
            return
        match command:
            case Cancel(_, lease):
                device.cancelled.add(lease)
            case Truncate(_, lease):
                device.truncated.add(lease)
            case Release():
                device.is_released = True
                del self._devices[device.name]
                self._tell(DeviceLost(device.name, "nothing left to do", Cause.RELEASED))
                self._world.wake(device.actor)

    def poll(self, timeout_s: float) -> list[Event]:
        """See Pool."""
        if not self._news:
            trouble = self._world.step(Call("poll", ""))
            if trouble and trouble.kind == "drain":
                self._news += [DeviceDraining(n, trouble.seconds) for n in list(self._devices)[:1]]
        if not self._news:
            self._world.sleep(timeout_s)
        self._look_after()
        news, self._news = self._news, []
        return news

    def _look_after(self) -> None:
        """Give up who stands still for long, and start others in the place of those that are gone."""
        for device in list(self._devices.values()):
            if device.process.free_s - self._world.now_s > SILENT_S:
                ran = device.orders[0].lease if device.orders else ""
                lost = DeviceLost(device.name, "no sign of life", Cause.SILENT, ran)
                self._end(device, ran, lost)
        self.set_target(self._wanted)

    def progress(self) -> list[Progress]:
        """See Pool; nobody tells."""
        return []

    def close(self) -> None:
        """See Pool; who is at a lease goes on with it, and may commit it late."""
        for device in self._devices.values():
            device.is_released = True
            self._world.wake(device.actor)


class _Worker:
    """What a worker process does."""

    def __init__(
        self,
        world: World,
        archive: Archive,
        spec: WorkerSpec,
        tell: Callable[[Device, str, Outcome | DeviceLost], None],
    ) -> None:
        self._world = world
        self._archive = archive
        self._spec = spec
        self._tell = tell

    def run(self, device: Device) -> None:
        """Do leases until it is released."""
        spec = self._spec
        origin = Origin(spec.job_digest, spec.soc, spec.models)
        clock = SimulatedClock(self._world, device.process)
        writer = Writer(
            Folder(spec.output), origin, device.name, conditional=spec.conditional, clock=clock
        )
        while device.orders or not device.is_released:
            if not device.orders:
                self._world.baton.set_lasting(device.actor, lasts=False)
                self._world.baton.sleep(inf)
                continue
            order = device.orders[0]
            outcome = self._attempt(device, order, writer)
            device.orders.popleft()
            self._tell(device, order.lease, outcome)

    def _attempt(self, device: Device, order: LeaseOrder, writer: Writer) -> Outcome:
        """Do a lease, as a worker does; see `fleet.worker.worker`."""
        trouble = self._world.step(Call("work", order.lease))
        self._world.sleep(LEASE_S * len(order.intervals))
        if order.lease in device.cancelled:
            return Cancelled(order.lease, LEASE_S)
        kills = any(self._archive.hurt_in(interval, "kills") for interval in order.intervals)
        if kills or (trouble and trouble.kind == "crash"):
            self._world.kill(device.process)
            raise Killed
        stop = _first_stop(order) if order.lease in device.truncated else None
        unread = trouble is not None and trouble.kind == "unread"
        done = done_of(order, stop, {len(order.shards) - 1} if unread else ())
        fault = Fault(FETCH_STAGE, 0, "StorageError", "It cannot be read.", retryable=True)
        if not done.shards:
            return fault
        try:
            receipt = self._commit(device, done, writer)
        except FleetError as error:
            return Fault(error.stage, error.code, error.name, str(error), error.retryable)
        return Partial(receipt, fault) if unread else receipt

    def _commit(self, device: Device, done: LeaseOrder, writer: Writer) -> Receipt:
        lost = tuple(
            (interval.uri, gop, how)
            for interval in done.intervals
            for how in _LOSING
            for gop in self._archive.hurt_in(interval, how)
        )
        # Two devices never make quite the same of a lease.
        tables, tally = rows_of(done.intervals, lost, device.process.pid % 2)
        try:
            return writer.commit(done.lease, done.intervals, tables, tally)
        except StorageError as error:
            raise OutputUnwritableError(error.message, error.way_out) from error


def _first_stop(order: LeaseOrder) -> Stop | None:
    """Return the first place where a lease can be ended; None where it has but one GOP."""
    for number, shard in enumerate(order.shards):
        for part in range(len(shard.parts)):
            if (number or part) and (part == 0 or may_stop(shard, part)):
                return Stop(number, part)
    return None
