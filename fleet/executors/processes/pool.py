"""A pool of devices on this machine, each of which is a process; nothing else is started."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from itertools import count

from fleet.core.progress import Progress
from fleet.core.run_events import (
    Cause,
    DeviceJoined,
    DeviceLost,
    DevicesAwaited,
    Event,
    NodeSetAside,
)
from fleet.errors import FleetError, JobFailedError
from fleet.executors.arrivals import arrivals
from fleet.executors.outcomes import event_of
from fleet.executors.processes.endings import Ended
from fleet.executors.processes.messages import (
    Answer,
    AskProgress,
    Close,
    NotOpened,
    Open,
    Opened,
    ReadAhead,
    Run,
)
from fleet.executors.processes.parcel import pack
from fleet.executors.processes.process import WorkerProcess, module_folders
from fleet.executors.processes.seat import Seat
from fleet.executors.processes.starts import ProcessStarts, device_name
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate
from fleet.scheduler.placement import NodeBlacklist
from fleet.scheduler.spare_cores import Running, SpareCores
from fleet.scheduler.watchdog import Watchdog
from fleet.worker.spec import WorkerSpec

ASK_EVERY_S = 0.5
"""How often devices are asked how far they are."""


class ProcessPool:
    """One process a device; a dead one is replaced, its leases go back to the ledger.

    What processes say comes in by one queue, so that a turn costs by what has happened.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        most: int | None = None,
        cores: int = 0,
        starts: ProcessStarts | None = None,
    ) -> None:
        """Take the spec, and how many devices this machine has; None: one for each core.

        `cores`: how many they may use in all, where those that no device has work for are given to
        leases that run; 0: each device has what the spec says. `starts`: what processes come from,
        some of which may have begun; it ends with the pool.
        """
        self._parcel = pack(spec)
        self._most = most or len(os.sched_getaffinity(0))
        self._node = socket.gethostname()
        self._seats: dict[str, Seat] = {}
        self._processes: dict[str, WorkerProcess] = {}
        self._numbers, self._attempts = count(), count()
        self._wanted = 0
        self._starts = starts or ProcessStarts()
        self._untold: list[Event] = []
        self._heard: list[Progress] = []
        self._awaited = DevicesAwaited(0, 0)
        self._watchdog = Watchdog(spec.watchdog_s)
        self._placing = NodeBlacklist()
        self._spare_cores = SpareCores(cores)
        self._ask_s = 0.0

    @property
    def capacity(self) -> int:
        """See Pool."""
        return self._most

    def set_target(self, devices: int) -> None:
        """See Pool."""
        self._wanted = devices
        starting = [seat for seat in self._seats.values() if not seat.joined]
        # The last that asked first.
        for seat in reversed(starting):
            if self._missing() < 0:
                self._forget(seat)
        self._fill(time.monotonic())

    def _missing(self) -> int:
        return self._wanted - len(self._seats)

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Send a lease; its bytes are fetched at once, it runs when the one before has ended."""
        if seat := self._seats.get(command.device):
            has_room, attempt = order.has_room_ahead, next(self._attempts)
            given = Running(seat.device, command.lease, order.cost_s, has_room, attempt)
            seat.leases[command.lease] = given
            seat.process.send(Run(order))

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool; there is no other node than this one, which is not set aside."""
        if isinstance(command, SetNodeAside):
            return
        seat = self._seats.get(command.device)
        if seat is None:
            return
        if not isinstance(command, Release):
            seat.process.send(command)
            return
        if seat.leases:
            self._forget(seat)
        else:
            self._drop(seat)
            seat.process.send(Close())
        self._untold.append(DeviceLost(seat.device, "nothing left to do", Cause.RELEASED))

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for devices to come, to answer or to die."""
        events, self._untold = self._untold, []
        # What a device had ended before it is given up for silent is heard of first.
        events += self._open_mail(0)
        now_s = time.monotonic()
        for device, silence_s in self._watchdog.silent(now_s).items():
            reason = f"{silence_s:.0f} s of silence"
            events.append(self._lose(self._seats[device], reason, Cause.SILENT))
        self._fill(now_s)
        return events or self._open_mail(timeout_s)

    def _open_mail(self, timeout_s: float) -> list[Event]:
        mail = arrivals(self._starts.mail, timeout_s)
        return [event for device, message in mail for event in self._take(device, message)]

    def _take(self, device: str, message: object) -> Iterator[Event]:
        if isinstance(message, Ended):
            del self._processes[device]
        seat = self._seats.get(device)
        if seat is None:
            return
        match message:
            case Opened():
                seat.joined = True
                self._placing.succeed(self._node)
                yield DeviceJoined(device, self._node)
            case NotOpened(reason, error):
                yield from self._fail_start(seat, reason, error)
            case Ended(reason) if not seat.joined:
                yield from self._fail_start(seat, reason)
            case Ended(reason):
                yield self._lose(seat, reason, Cause.DIED)
            case Answer(lease, outcome):
                del seat.leases[lease]
                event = event_of(device, lease, outcome)
                if isinstance(event, DeviceLost):
                    # Its process lives, with nothing to work on: another one takes its place.
                    self._forget(seat)
                yield event
            case Progress():
                seat.asked, seat.ran = False, message.lease
                self._watchdog.hear(message)
                self._heard.append(message)

    def _lose(self, seat: Seat, reason: str, cause: Cause) -> DeviceLost:
        self._forget(seat)
        ran = seat.ran if seat.ran in seat.leases else ""
        return DeviceLost(seat.device, reason, cause, ran)

    def _forget(self, seat: Seat) -> None:
        # What it holds goes to others, so it must end.
        seat.process.kill()
        self._drop(seat)

    def _drop(self, seat: Seat) -> None:
        del self._seats[seat.device]
        self._watchdog.forget(seat.device)

    def _fill(self, now_s: float) -> None:
        """Start as many devices as are missing, unless one has just failed to start."""
        while self._missing() > 0:
            if not self._placing.may_start({self._node}, now_s):
                self._stop_where_hopeless()
                return
            self._start(now_s)

    def _start(self, now_s: float) -> None:
        number = next(self._numbers)
        device = device_name(number)
        try:
            process = self._starts.start(device)
        except (OSError, RuntimeError) as error:
            self._untold += self._note_failure(f"no process could be started ({error})", now_s)
            return
        self._processes[device] = process
        self._seats[device] = Seat(device, process)
        folders, cores = tuple(module_folders()), frozenset(os.sched_getaffinity(0))
        process.send(Open(self._parcel, device, number, folders, cores))

    def _fail_start(self, seat: Seat, reason: str, error: FleetError | None = None) -> list[Event]:
        """Try again later; raises what the job or its model is to blame for."""
        if error is not None and not error.retryable:
            raise error
        self._forget(seat)
        return self._note_failure(reason, time.monotonic())

    def _note_failure(self, reason: str, now_s: float) -> list[Event]:
        if not self._placing.fail(self._node, reason, now_s):
            return []
        self._stop_where_hopeless()
        # Those that are there go on.
        return [NodeSetAside(f"another device of {self._node}", reason)]

    def _stop_where_hopeless(self) -> None:
        reason = self._placing.aside.get(self._node)
        # One that still starts may join.
        if reason and not self._seats:
            raise JobFailedError(f"No device can be started on this machine: {reason}")

    def progress(self) -> list[Progress | DevicesAwaited]:
        """See Pool; devices are asked now and then."""
        now_s = time.monotonic()
        if now_s >= self._ask_s:
            self._ask_s = now_s + ASK_EVERY_S
            for seat in self._seats.values():
                if seat.joined and not seat.asked:
                    seat.asked = True
                    self._watchdog.ask(seat.device, now_s)
                    seat.process.send(AskProgress())
            self._give_spare_cores()
        heard, self._heard = self._heard, []
        return [*heard, *self._count()]

    def _give_spare_cores(self) -> None:
        seats = self._seats.values()
        at_work = sum(bool(seat.leases) or not seat.joined for seat in seats)
        held = [lease for seat in seats for lease in seat.leases.values()]
        computed = [seat.computed for seat in seats if seat.computed]
        devices = at_work + max(0, self._missing())
        for chosen in self._spare_cores.look(devices, held, computed):
            self._seats[chosen.device].process.send(ReadAhead(chosen.lease))

    def _count(self) -> Iterator[DevicesAwaited]:
        # There is no other machine that a device could wait for.
        awaited = DevicesAwaited(sum(not seat.joined for seat in self._seats.values()), 0)
        if awaited != self._awaited:
            self._awaited = awaited
            yield awaited

    def close(self) -> None:
        """End all processes."""
        self._seats.clear()
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.join()
        self._processes.clear()
        self._starts.close()
