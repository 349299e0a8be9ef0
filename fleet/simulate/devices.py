"""Simulated devices: they run what they are given, on a clock that jumps from event to event."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.core.lease_summary import LeaseSummary
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    Cause,
    DeviceJoined,
    DeviceLost,
    Event,
    LeaseCancelled,
    LeaseDone,
    LeaseTruncated,
    Tick,
)
from fleet.simulate.conditions import Sampler

TICK_S = 1.0
_NOTHING = Tally()


@dataclass(slots=True)
class _Run:
    """A lease in a device's hands; `takes_s`: from its begin to its end."""

    piece: LeaseSummary
    takes_s: float


@dataclass(slots=True)
class _Device:
    """`turn` counts what it has begun, so that an end which was overtaken is known as such."""

    name: str
    pace: float
    line: list[_Run] = field(default_factory=list)
    begun_s: float = 0.0
    turn: int = 0
    alive: bool = True


class SimulatedFleet:
    """Devices that take leases as a pool does; time passes in `next`.

    `busy_s`: seconds of devices that were worked, for nothing or not. `failures`: how many devices
    failed. `events`: how many were given out.
    """

    def __init__(self, world: Sampler, paces: list[float], start_s: float = 0.0) -> None:
        """Take how fast each device is; they are there from `start_s` on."""
        self.now_s = start_s
        self.busy_s = 0.0
        self.failures = self.events = 0
        self._world = world
        self._devices: dict[str, _Device] = {}
        self._heap: list[tuple[float, int, Callable[[], Event | None]]] = []
        self._order = 0
        self._paces = paces
        for number in range(len(paces)):
            self._join(number, start_s)
        self._tick()

    @property
    def next_s(self) -> float:
        """When something happens next."""
        return self._heap[0][0]

    def _at(self, time_s: float, what: Callable[[], Event | None]) -> None:
        self._order += 1
        heapq.heappush(self._heap, (time_s, self._order, what))

    def _tick(self) -> None:
        def tick() -> Event:
            self._tick()
            return Tick()

        self._at(self.now_s + TICK_S, tick)

    def next(self) -> Event:
        """Let time pass until something happens."""
        while True:
            self.now_s, _, what = heapq.heappop(self._heap)
            event = what()
            if event is not None:
                self.events += 1
                return event

    def _join(self, number: int, time_s: float) -> None:
        def join() -> Event:
            name = f"{number}/{self._order}"
            device = _Device(name, self._paces[number])
            self._devices[name] = device
            life_s = self._world.lives_s()

            def die() -> Event | None:
                if not device.alive:
                    return None
                self.failures += 1
                self._end(device)
                self._join(number, self.now_s + self._world.weather.replace_s)
                return DeviceLost(name, "it failed, as simulated", Cause.DIED)

            if life_s < float("inf"):
                self._at(self.now_s + life_s, die)
            return DeviceJoined(name)

        self._at(time_s, join)

    def _end(self, device: _Device) -> None:
        device.alive = False
        device.turn += 1
        if device.line:
            self.busy_s += self.now_s - device.begun_s
        del self._devices[device.name]

    def assign(self, name: str, piece: LeaseSummary) -> None:
        """Hand a lease to a device; it runs it when the one before has ended."""
        device = self._devices[name]
        takes_s = piece.cost_s * device.pace * self._world.factor()
        device.line.append(_Run(piece, takes_s))
        if len(device.line) == 1:
            self._begin(device, self.now_s + self._world.weather.round_trip_s)

    def _begin(self, device: _Device, time_s: float) -> None:
        device.begun_s = time_s
        device.turn += 1
        turn, run = device.turn, device.line[0]

        def done() -> Event | None:
            if device.turn != turn:
                return None
            lease = run.piece.lease
            self._leave(device)
            return LeaseDone(device.name, lease, Receipt(lease, (), (), _NOTHING, device.name))

        self._at(time_s + run.takes_s, done)

    def _leave(self, device: _Device) -> None:
        """Have a device be done with what it runs, and begin the next."""
        self.busy_s += max(0.0, self.now_s - device.begun_s)
        device.turn += 1
        device.line.pop(0)
        if device.line:
            self._begin(device, self.now_s)

    def cancel(self, name: str, lease: str) -> None:
        """Have a device put a lease down."""

        def dropped() -> Event | None:
            device = self._devices.get(name)
            place = _place(device, lease)
            if device is None or place is None:
                return None
            wall_s = 0.0
            if place == 0:
                wall_s = max(0.0, self.now_s - device.begun_s)
                self._leave(device)
            else:
                del device.line[place]
            return LeaseCancelled(name, lease, wall_s)

        self._at(self.now_s + self._world.weather.round_trip_s, dropped)

    def truncate(self, name: str, lease: str) -> None:
        """Have a device end the lease that it runs after the GOP in hand."""
        device = self._devices.get(name)
        if _place(device, lease) != 0 or device is None:
            return
        run, piece = device.line[0], device.line[0].piece
        gop_s = run.takes_s / piece.gops
        gops = int((self.now_s + self._world.weather.round_trip_s - device.begun_s) / gop_s) + 1
        if gops >= piece.gops:
            return
        device.turn += 1
        turn = device.turn
        remainder = LeaseSummary(
            f"{lease}+{gops}", piece.gops - gops, piece.cost_s * (1 - gops / piece.gops), piece.uri
        )

        def truncated() -> Event | None:
            if device.turn != turn:
                return None
            self._leave(device)
            return LeaseTruncated(name, lease, Receipt(lease, (), (), _NOTHING, name), remainder)

        self._at(device.begun_s + gops * gop_s, truncated)


def _place(device: _Device | None, lease: str) -> int | None:
    for place, run in enumerate(device.line if device else ()):
        if run.piece.lease == lease:
            return place
    return None
