"""Who does what: the state of every lease and device, as a pure machine.

Events go in, commands come out; nothing here reads a clock, does I/O or knows Ray. Which moves are
legal is a table; `validate` states what always holds.

A lease that kills its workers is cut into pieces, and these are cut again, down to the one GOP that
does it. That one is given up, the rest is done. Where nothing waits, idle devices help the others
(`fleet.scheduler.balance`). Whoever commits a lease first counts; others are told to put it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    BackupWasted,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    DevicesShared,
    Event,
    LeaseCancelled,
    LeaseDone,
    LeaseFailed,
    LeaseSplit,
    LeaseTruncated,
    LossRecorded,
    NodeSetAside,
    Tick,
)
from fleet.errors import IllegalMoveError
from fleet.scheduler.autoscale import Load
from fleet.scheduler.balance import BackupBudget
from fleet.scheduler.blame import blamed_lease, fault_of
from fleet.scheduler.commands import Command, Release
from fleet.scheduler.devices import HELD, DeviceState
from fleet.scheduler.dispatch import Dispatch
from fleet.scheduler.lease_state import ENDED, Entry, SchedulingPolicy, State

_Handler = Callable[[Any, float, list[Command]], None]


class Ledger:
    """The state of all leases and devices; changed only through `handle`.

    `pieces`: the leases that there are, longest first. `coming_s`: see `add`.
    """

    def __init__(
        self,
        pieces: Iterable[LeaseSummary],
        rules: SchedulingPolicy | None = None,
        coming_s: float | None = None,
    ) -> None:
        self._dispatch = Dispatch(pieces, rules or SchedulingPolicy())
        self._book, self._devices = self._dispatch.book, self._dispatch.devices
        self._book.coming_s = coming_s
        self._reads = self._dispatch.reads
        # A dictionary rather than a long match: this is asked 50,000 times a second.
        self._handlers: dict[type[Any], _Handler] = {
            LeaseDone: self._done,
            DeviceJoined: self._joined,
            DeviceLost: self._lost,
            DeviceDraining: self._draining,
            LeaseFailed: self._failed,
            LeaseCancelled: self._dropped,
            LeaseTruncated: self._shortened,
            LeaseSplit: self._replaced,
            LossRecorded: self._recorded,
            NodeSetAside: self._look_around,
            DevicesShared: self._look_around,
            Tick: self._look_around,
        }

    @property
    def finished(self) -> bool:
        """Whether all leases are there, and each is done, given up, or cut into such pieces."""
        return self._book.finished

    @property
    def is_whole(self) -> bool:
        """Whether no further lease is to come."""
        return self._book.coming_s is None

    def add(
        self, pieces: Iterable[LeaseSummary], coming_s: float | None, now_s: float
    ) -> list[Command]:
        """Take further leases in, longest first, and tell what is to be done.

        `coming_s`: estimated seconds of one device in those after them, for which idle devices wait
        before they help others; None: these are the last.
        """
        self._book.add(pieces)
        self._book.coming_s = coming_s
        out: list[Command] = []
        self._dispatch.look_around(now_s, out, tick=False)
        return out

    @property
    def budget(self) -> BackupBudget:
        """Return what backups cost."""
        return self._book.budget

    def set_target(self, devices: int) -> None:
        """Let idle devices go where there are more than so many, once the last leases are there."""
        self._dispatch.wanted = devices

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that are here now."""
        return tuple(device.name for device in self._devices)

    @property
    def device_count(self) -> int:
        """How many devices are here now."""
        return len(self._devices)

    def load(self, there: int) -> Load:
        """Sum up what is left; `capacity`: see Load."""
        waiting, pace = self._book.waiting, self._devices.pace
        held = [device.held for device in self._devices if device.held]
        running_s = sum(entry.cost_s for entries in held for entry in entries) * pace
        waiting_s = (waiting.cost_s + (self._book.coming_s or 0.0)) * pace
        return Load(waiting_s, len(waiting) + (not self.is_whole), running_s, len(held), there)

    def count(self, state: State) -> int:
        """How many leases stand so."""
        return self._book.counts[state]

    def state(self, lease: str) -> State:
        """Where a lease stands."""
        return self._book.entries[lease].state

    def handle(self, event: Event, now_s: float) -> list[Command]:
        """Take an event in and tell what is to be done.

        `now_s`: seconds of any steady clock. Raises IllegalMoveError, with the lease's story, on an
        event that cannot be.
        """
        out: list[Command] = []
        self._handlers[type(event)](event, now_s, out)
        self._dispatch.look_around(now_s, out, tick=isinstance(event, Tick))
        return out

    def _look_around(self, _event: Event, _now_s: float, _out: list[Command]) -> None:
        """Nothing has changed but the time."""

    def _joined(self, event: DeviceJoined, now_s: float, out: list[Command]) -> None:
        if self._devices.get(event.device) is not None:
            raise IllegalMoveError(f"device {event.device} joined twice.")
        device = self._devices.add(event.device, now_s, event.node)
        if event.node in self._reads.aside:
            self._devices.release(device)
            out.append(Release(event.device))
        else:
            self._book.take_up_again(event.node, now_s)

    def _lost(self, event: DeviceLost, now_s: float, out: list[Command]) -> None:
        device = self._devices.remove(event.device)
        held = device.held if device else []
        blamed = blamed_lease(event, held)
        for entry in reversed(held):
            if not self._book.take(entry, event.device):
                continue
            if entry.holders:
                entry.note(now_s, f"{event.device} lost, {entry.holders[0]} goes on")
            elif entry is not blamed:
                self._book.put_back(entry, f"{event.device} lost", now_s)
            else:
                out += self._book.blame(entry, fault_of(event), now_s)

    def _draining(self, event: DeviceDraining, now_s: float, out: list[Command]) -> None:
        device = self._devices.get(event.device)
        if device is None or device.leaves_s is not None:
            return
        self._devices.drain(device, now_s + event.left_s)
        for entry in device.held[1:]:
            self._dispatch.take_back(device, entry, now_s, out)
        self._dispatch.end_in_time(device, now_s, out)

    def _done(self, event: LeaseDone, now_s: float, out: list[Command]) -> None:
        entry = self._book.entries[event.lease]
        device, spent_s = self._put_down(event.device, entry, now_s)
        if entry.state not in ENDED:
            self._leave(entry, event.device, out)
            self._book.commit(entry, now_s)
            self._credit(device, entry.cost_s, spent_s)
            self._note_read(device, entry, now_s, out)
        else:
            entry.note(now_s, f"committed late by {event.device}")
            self._waste(event.device, entry, spent_s, out)

    def _failed(self, event: LeaseFailed, now_s: float, out: list[Command]) -> None:
        entry = self._book.entries[event.lease]
        device, _ = self._put_down(event.device, entry, now_s)
        if not self._book.take(entry, event.device):
            return
        if entry.holders:
            entry.note(now_s, f"{event.device} failed, {entry.holders[0]} goes on")
        elif event.fault.is_unreached:
            self._note_unread(device, entry, event.fault, now_s)
        else:
            out += self._book.fail(entry, event.fault, now_s)

    def _note_unread(
        self, device: DeviceState | None, entry: Entry, fault: Fault, now_s: float
    ) -> None:
        node = device.node if device else ""
        self._reads.fail(node, fault.message, now_s)
        self._book.unread(entry, fault, node, self._devices.nodes, now_s)

    def _note_read(
        self, device: DeviceState | None, entry: Entry, now_s: float, out: list[Command]
    ) -> None:
        if device is not None:
            for node, reason in self._reads.succeed(device.node, entry.failed_on):
                self._dispatch.set_aside(node, reason, now_s, out)

    def _dropped(self, event: LeaseCancelled, now_s: float, out: list[Command]) -> None:
        entry = self._book.entries[event.lease]
        self._put_down(event.device, entry, now_s)
        if self._book.take(entry, event.device) and not entry.holders:
            self._book.put_back(entry, f"{event.device} put it down", now_s)
        self._waste(event.device, entry, event.wall_s, out)

    def _shortened(self, event: LeaseTruncated, now_s: float, out: list[Command]) -> None:
        entry, rest = self._book.entries[event.lease], event.remainder
        device, spent_s = self._put_down(event.device, entry, now_s)
        if entry.state in ENDED:
            self._waste(event.device, entry, spent_s, out)
            return
        cost_s = entry.cost_s - rest.cost_s
        self._leave(entry, event.device, out)
        left = self._book.truncate(entry, rest, now_s)
        self._credit(device, cost_s, spent_s)
        if event.fault is None:
            self._note_read(device, entry, now_s, out)
        else:
            self._note_unread(device, left, event.fault, now_s)

    def _replaced(self, event: LeaseSplit, now_s: float, out: list[Command]) -> None:
        entry = self._book.entries[event.lease]
        _, spent_s = self._put_down(event.device, entry, now_s)
        self._leave(entry, event.device, out)
        self._waste(event.device, entry, spent_s, out)
        self._book.replace(entry, event.pieces, now_s)

    def _recorded(self, event: LossRecorded, now_s: float, _out: list[Command]) -> None:
        self._book.record(self._book.entries[event.lease], now_s)

    def _put_down(self, name: str, entry: Entry, now_s: float) -> tuple[DeviceState | None, float]:
        device = self._devices.get(name)
        return device, 0.0 if device is None else self._devices.put_down(device, entry, now_s)

    def _leave(self, entry: Entry, first: str, out: list[Command]) -> None:
        """Have nobody hold it: `first` has done it."""
        for holder in entry.holders:
            self._book.take(entry, holder)
            device = self._devices.get(holder)
            if holder != first and device is not None:
                self._dispatch.cancel(device, entry, out)

    def _credit(self, device: DeviceState | None, cost_s: float, spent_s: float) -> None:
        self.budget.useful_s += spent_s
        if device is not None:
            self._devices.learn(device, spent_s, cost_s)

    def _waste(self, device: str, entry: Entry, spent_s: float, out: list[Command]) -> None:
        if spent_s > 0:
            self.budget.wasted_s += spent_s
            out.append(BackupWasted(device, entry.lease, spent_s))

    def validate(self) -> None:
        """State what always holds; raises AssertionError where it does not."""
        self._book.check()
        held = {
            (entry.lease, device.name)
            for device in self._devices
            for entry in device.held
            if entry.lease not in device.cancelling
        }
        entries = self._book.entries.values()
        assert held == {(entry.lease, holder) for entry in entries for holder in entry.holders}
        for device in self._devices:
            names = [entry.lease for entry in device.held]
            assert len(names) == len(set(names)) <= HELD
            assert device.cancelling <= set(names)
            alone = any(e.suspect for e in device.held if e.lease not in device.cancelling)
            assert len(names) - len(device.cancelling) < 2 or not alone, "a suspect is alone"
        waiting = self._book.waiting
        willing = [
            device
            for device in self._devices.empty.values()
            if not (self._devices.is_slow(device) or self._reads.has_only_failed(device.node))
        ]
        unread = any(entry.failed_on for entry in entries if entry.state is State.PENDING)
        assert not (willing and waiting) or unread, "none is idle that could take what waits"
