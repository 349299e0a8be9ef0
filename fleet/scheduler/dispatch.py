"""Acting on choices: leases are given, taken back, shared and doubled; devices are let go."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.core.lease_summary import LeaseSummary
from fleet.scheduler.balance import (
    Rebalance,
    RebalanceAction,
    assign_actions,
    choose,
    ends_in_time,
    pieces_of,
    rebalance_actions,
)
from fleet.scheduler.commands import (
    Assign,
    Cancel,
    Command,
    Release,
    SetNodeAside,
    Truncate,
)
from fleet.scheduler.devices import Devices, DeviceState
from fleet.scheduler.lease_state import Entry, SchedulingPolicy
from fleet.scheduler.lease_table import LeaseTable
from fleet.scheduler.reading import NodeReads

FEW_DEVICES = 64
"""Up to so many, idle devices are looked after at once; in larger fleets at each tick."""
PASSES = 8
"""Devices that are looked at and get nothing, at one event."""


class Dispatch:
    """The leases and the devices, and what one is told about the other; for the ledger alone.

    `wanted`: with more devices than that, those that have nothing to do are let go; None: all stay.
    """

    def __init__(self, pieces: Iterable[LeaseSummary], rules: SchedulingPolicy) -> None:
        self.book = LeaseTable(pieces, rules)
        self.devices = Devices()
        self.wanted: int | None = None
        self.reads = NodeReads(rules.rest_s)
        self._rules = rules

    def look_around(self, now_s: float, out: list[Command], *, tick: bool) -> None:
        """Hand out what waits; now and then, look after those who are idle or about to leave."""
        self.hand_out(now_s, out)
        if tick or len(self.devices) <= FEW_DEVICES:
            self.look_after_idle(now_s, out)
            for device in list(self.devices.draining.values()):
                self.end_in_time(device, now_s, out)

    def cancel(self, device: DeviceState, entry: Entry, out: list[Command]) -> None:
        """Have a device put down what it holds no longer."""
        device.cancelling.add(entry.lease)
        out.append(Cancel(device.name, entry.lease))

    def take_back(
        self, device: DeviceState, entry: Entry, now_s: float, out: list[Command]
    ) -> None:
        """Have what a device has not begun wait for another one."""
        if self.book.take(entry, device.name):
            self.cancel(device, entry, out)
            if not entry.holders:
                self.book.put_back(entry, f"{device.name} had not begun it", now_s)

    def hand_out(self, now_s: float, out: list[Command]) -> None:
        """Give every device one lease before any gets its second."""
        # What is not for one device stands in its way, until another one has taken it.
        while self._hand_out(now_s, out):
            pass

    def _hand_out(self, now_s: float, out: list[Command]) -> bool:
        """Hand out once; return whether something was taken that stood in a device's way."""
        devices, waiting = self.devices, self.book.waiting
        blocked = cleared = False
        for room in (devices.empty, devices.half):
            passed: list[DeviceState] = []
            while room and len(passed) < PASSES:
                if not (waiting.plain or (waiting.suspects and room is devices.empty)):
                    break
                device = next(iter(room.values()))
                if self.reads.rests(device.node, now_s):
                    passed.append(room.pop(device.name))
                    continue
                entry = choose(waiting, devices, device)
                if entry is not None and self._is_for_others(entry, device):
                    waiting.put(entry)
                    entry, blocked = None, True
                if entry is None:
                    passed.append(room.pop(device.name))
                    continue
                cleared = cleared or blocked
                # Before the last lease is there, who is idle waits for the next ones.
                may_cut = self._rules.backups and self.book.coming_s is None
                pieces = pieces_of(entry, waiting, devices) if may_cut else 1
                if pieces > 1:
                    out.append(self.book.share(entry, pieces, now_s))
                else:
                    self._give(device, entry, now_s, out)
            # Behind the others, so that another one is looked at the next time.
            room.update({device.name: device for device in passed})
        return cleared

    def _is_for_others(self, entry: Entry, device: DeviceState) -> bool:
        """Return whether a lease that comes next is not to be given to this device."""
        if entry.lease in device.cancelling:
            # It has yet to put down what it is to be given again.
            return True
        return device.node in entry.failed_on and bool(
            self.devices.nodes.difference(entry.failed_on)
        )

    def set_aside(self, node: str, reason: str, now_s: float, out: list[Command]) -> None:
        """Give nothing more to the devices of a node, and let them go."""
        out.append(SetNodeAside(node, reason))
        for device in [device for device in self.devices if device.node == node]:
            for entry in list(device.held):
                self.take_back(device, entry, now_s, out)
            if not device.released:
                self.devices.release(device)
                out.append(Release(device.name))

    def _give(self, device: DeviceState, entry: Entry, now_s: float, out: list[Command]) -> None:
        backup = bool(entry.holders)
        self.book.give(entry, device.name, now_s)
        self.devices.give(device, entry, now_s)
        out.append(Assign(device.name, entry.lease, backup))

    def look_after_idle(self, now_s: float, out: list[Command]) -> None:
        """Where nothing waits, have those who are idle help others, or go."""
        devices = self.devices
        if not devices.empty or self.book.waiting:
            return
        if self._rules.backups:
            able = [device for device in devices.empty.values() if not devices.is_slow(device)]
            aids = rebalance_actions(devices, now_s) if able else []
            if self.book.coming_s is not None:
                aids = [aid for aid in aids if aid.help is Rebalance.TAKE]
            for helper, aid in assign_actions(able, aids):
                self._help(helper, aid, now_s, out)
            self.hand_out(now_s, out)
        self._let_go(now_s, out)

    def _help(
        self, helper: DeviceState, aid: RebalanceAction, now_s: float, out: list[Command]
    ) -> None:
        if aid.help is Rebalance.TAKE:
            self.take_back(aid.device, aid.entry, now_s, out)
        elif aid.help is Rebalance.SHARE:
            aid.device.truncating = aid.entry.lease
            out.append(Truncate(aid.device.name, aid.entry.lease))
        elif self.book.budget.allows(len(self.devices)):
            self._give(helper, aid.entry, now_s, out)

    def _let_go(self, now_s: float, out: list[Command]) -> None:
        """Let go who is idle for long, where there are more devices than wanted."""
        # Who went before the last lease is there would have to be started again.
        stay = self.wanted is None or self.book.coming_s is not None
        many = 0 if stay else len(self.devices) - (self.wanted or 0)
        for device in list(self.devices.empty.values())[: max(0, many)]:
            if now_s - device.idle_s >= self._rules.idle_s:
                self.devices.release(device)
                out.append(Release(device.name))

    def end_in_time(self, device: DeviceState, now_s: float, out: list[Command]) -> None:
        """Have a device whose machine goes away end what it does, and then go."""
        if not device.held:
            if not device.released:
                self.devices.release(device)
                out.append(Release(device.name))
            return
        entry = device.held[0]
        if device.truncating or entry.lease in device.cancelling:
            return
        if not ends_in_time(self.devices, device, now_s):
            if len(entry.holders) > 1:
                self.book.take(entry, device.name)
                self.cancel(device, entry, out)
            elif entry.gops > 1:
                device.truncating = entry.lease
                out.append(Truncate(device.name, entry.lease))
