"""The devices as the ledger knows them: what each holds, how fast it is, who has room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fleet.scheduler.lease_state import Entry

HELD = 2
"""Leases a device holds at most: one it runs, one whose bytes it fetches meanwhile."""
NEWEST = 0.5
"""How much the latest lease says of a device's pace, against all before it."""
LEARNED_SHARE = 8
"""The middle pace is looked up again when one in so many devices has a new one."""
SLOW = 1.5
"""A device that takes longer than the middle one by this factor is slow."""


@dataclass(slots=True)
class DeviceState:
    """One device; changed only through `Devices` and the ledger.

    `held`: its leases, the first is the one it runs, since `started_s`. `cancelling`: those of them
    that it was told to put down, by name. `truncating`: the one it was told to end early. `pace`:
    seconds it takes for one of the cost model's, 0 while unknown. `uri`: the video it was in last.
    `leaves_s`: when its machine goes away. `idle_s`: since when it holds nothing.
    """

    name: str
    node: str = ""
    held: list[Entry] = field(default_factory=list)
    started_s: float = 0.0
    cancelling: set[str] = field(default_factory=set)
    truncating: str = ""
    pace: float = 0.0
    uri: str = ""
    leaves_s: float | None = None
    idle_s: float = 0.0
    released: bool = False


class Devices:
    """All devices that are here.

    `empty`: those that hold nothing, `half`: those that have room for a second lease; by name, in
    the order in which they came to it.
    """

    def __init__(self) -> None:
        self.empty: dict[str, DeviceState] = {}
        self.half: dict[str, DeviceState] = {}
        self.draining: dict[str, DeviceState] = {}
        self._all: dict[str, DeviceState] = {}
        self._pace = 1.0
        self._learned = self._known = 0
        self._stale = False

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[DeviceState]:
        return iter(self._all.values())

    def get(self, name: str) -> DeviceState | None:
        """Find a device, None where it is gone."""
        return self._all.get(name)

    def add(self, name: str, now_s: float, node: str = "") -> DeviceState:
        """Take in a device that has come."""
        device = DeviceState(name, node, idle_s=now_s)
        self._all[name] = device
        self.empty[name] = device
        self._stale = True
        return device

    def remove(self, name: str) -> DeviceState | None:
        """Forget a device that is gone."""
        device = self._all.pop(name, None)
        if device is not None:
            for book in (self.empty, self.half, self.draining):
                book.pop(name, None)
            self._stale = True
        return device

    @property
    def nodes(self) -> set[str]:
        """The nodes of the devices that are given leases."""
        return {device.node for device in self if not (device.released or device.leaves_s)}

    def drain(self, device: DeviceState, leaves_s: float) -> None:
        """Give it nothing more."""
        device.leaves_s = leaves_s
        self.empty.pop(device.name, None)
        self.half.pop(device.name, None)
        self.draining[device.name] = device

    def give(self, device: DeviceState, entry: Entry, now_s: float) -> None:
        """Have it hold a lease more."""
        if not device.held:
            device.started_s = now_s
        device.held.append(entry)
        device.uri = entry.uri
        self._place(device)

    def put_down(self, device: DeviceState, entry: Entry, now_s: float) -> float:
        """Have it hold a lease less; gives how many seconds it was at it, 0 where it was not."""
        if entry not in device.held:
            return 0.0
        spent_s = now_s - device.started_s if device.held[0] is entry else 0.0
        device.held.remove(entry)
        device.cancelling.discard(entry.lease)
        if spent_s:
            device.started_s = now_s
        if device.truncating == entry.lease:
            device.truncating = ""
        if not device.held:
            device.idle_s = now_s
        self._place(device)
        return spent_s

    def _place(self, device: DeviceState) -> None:
        name, held = device.name, device.held
        self.empty.pop(name, None)
        self.half.pop(name, None)
        if device.leaves_s is not None or device.released:
            return
        if not held:
            self.empty[name] = device
        elif len(held) < HELD and not held[0].suspect:
            self.half[name] = device

    def release(self, device: DeviceState) -> None:
        """Let it go: nothing is given to it any more."""
        device.released = True
        self._place(device)

    def learn(self, device: DeviceState, spent_s: float, cost_s: float) -> None:
        """Note how long a lease took it."""
        if spent_s <= 0 or cost_s <= 0:
            return
        pace = spent_s / cost_s
        device.pace = pace if not device.pace else NEWEST * pace + (1 - NEWEST) * device.pace
        self._learned += 1
        if self._learned * LEARNED_SHARE > self._known:
            self._stale = True

    @property
    def pace(self) -> float:
        """The pace of the middle one of the devices that are here; 1 while none is known."""
        if self._stale:
            self._stale, self._learned = False, 0
            known = sorted(device.pace for device in self if device.pace)
            self._known = len(known)
            if known:
                self._pace = known[(len(known) - 1) // 2]
        return self._pace

    def pace_of(self, device: DeviceState) -> float:
        """The pace of a device, the middle one's where its own is not known."""
        return device.pace or self.pace

    def is_slow(self, device: DeviceState) -> bool:
        """Whether it is known to take much longer than others."""
        return device.pace > SLOW * self.pace
