"""A pool that waits where the output refuses what leases come to: it is full, read-only or away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fleet.clock import Clock
from fleet.core.fault import OUTPUT_STAGE
from fleet.core.format import duration, plural
from fleet.core.run_events import (
    ELSEWHERE,
    DeviceLost,
    Event,
    LeaseCancelled,
    LeaseDone,
    LeaseFailed,
    OutputRefused,
)
from fleet.errors import CredentialsRefusedError
from fleet.executors.pool import Pool
from fleet.executors.wrapped_pool import WrappedPool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate

GIVE_UP_S = 600.0
"""An output that has refused everything for so long ends the run."""
FULL_GIVE_UP_S = 60.0
"""So does one that is full: somebody has to make room, and may not look before the run ends."""
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 60.0
"""Seconds before the first lease is tried again, and at most; each failure doubles the wait."""
MOST_LINES = 8
"""Lines that are said of it in one run, however often the output refuses."""


@dataclass(frozen=True)
class OutputWatch:
    """What a pool that waits for an output asks and tells."""

    takes: Callable[[], bool]
    """Returns whether the run's own record was put when it was last tried."""
    wait: Callable[[bool], None]
    """Is told when the waiting begins (True) and ends."""
    say: Callable[[OutputRefused], None]
    """Tells the user."""


class PatientPool(WrappedPool):
    """A pool that gives no lease to devices while the output refuses to take what they commit.

    Such a lease is no loss: its device keeps it, and does it again once the output takes something.
    A single one is tried first. Its first failure after `give_up_s` is told, which ends the run.
    """

    def __init__(self, pool: Pool, output: OutputWatch, clock: Clock) -> None:
        super().__init__(pool)
        self._output = output
        self._clock = clock
        self._orders: dict[tuple[str, str], tuple[Assign, LeaseOrder]] = {}
        self._held: dict[tuple[str, str], LeaseFailed | None] = {}
        self._tried: tuple[str, str] | None = None
        self._untold: list[Event] = []
        self._since_s: float | None = None
        self._next_s = self._wait_s = 0.0
        self._most_s = GIVE_UP_S
        self._lines = self._committed = 0
        self._is_over = False
        """Whether it was tried in vain once more after all that time."""

    @property
    def waits(self) -> bool:
        """Whether the output has refused something, and has taken nothing since."""
        return self._since_s is not None

    @property
    def _is_late(self) -> bool:
        """Whether it has refused everything for so long that the run ends with the next refusal."""
        return self._clock.steady_s() - (self._since_s or 0.0) > self._most_s

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool; a lease waits with those that were refused."""
        key = (command.device, command.lease)
        self._orders[key] = command, order
        if self.waits:
            self._held[key] = None
        else:
            super().apply(command, order)

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool; what waits here is put down at once."""
        match command:
            case Cancel(device, lease) if (device, lease) in self._held:
                self._forget((device, lease))
                self._untold.append(LeaseCancelled(device, lease, 0.0))
            case Truncate(device, lease) if (device, lease) in self._held:
                pass  # It begins anew, and then may end as it was planned.
            case _:
                super().tell(command)

    def poll(self, timeout_s: float) -> list[Event]:
        """See Pool."""
        began_s = self._clock.steady_s()
        found, self._untold = self._untold, []
        told = [*found, *self._pool.poll(timeout_s)]
        events = [event for event in told if self._is_for_the_ledger(event)]
        if not self.waits:
            return events
        now_s, is_late = self._clock.steady_s(), self._is_late
        if self._is_over and self._refused():
            return [*events, *self._give_up()]
        # Those that were refused may be done by others meanwhile: what is left is tried first.
        is_time = (is_late and self._held) or (now_s >= self._next_s and self._output.takes())
        if self._tried is None and is_time:
            self._try_one()
        elif not told and (left_s := timeout_s - (now_s - began_s)) > 0:
            self._clock.sleep(left_s)  # devices of this process are not waited for
        return events

    def _is_for_the_ledger(self, event: Event) -> bool:
        """Take note of an event, and return whether it is to be told now."""
        match event:
            case LeaseFailed(device, lease, fault):
                is_refusal = (
                    fault.stage == OUTPUT_STAGE and fault.name != CredentialsRefusedError.name
                )
                # Any other fault may be told once what is decided of it can be written down.
                if (is_refusal or self.waits) and (device, lease) in self._orders:
                    self._hold(event)
                    return False
                self._orders.pop((device, lease), None)
            case LeaseDone(device, lease):
                self._orders.pop((device, lease), None)
                self._committed += device != ELSEWHERE
                # What another run has committed says nothing of what this one may write.
                if self.waits and device != ELSEWHERE:
                    self._go_on()
            case LeaseCancelled(device, lease):
                self._forget((device, lease))
            case DeviceLost(device):
                for key in [key for key in self._orders if key[0] == device]:
                    self._forget(key)
            case _:
                pass
        return True

    def _hold(self, event: LeaseFailed) -> None:
        key = (event.device, event.lease)
        if not self.waits:
            self._since_s, self._wait_s = self._clock.steady_s(), FIRST_WAIT_S
            self._most_s, self._is_over = give_up_s(is_full=event.fault.is_full), False
            self._output.wait(True)
            self._say(
                f"{event.fault.message} No lease is handed out until the output takes one again; "
                f"that is tried for {duration(self._most_s)}. Nothing is lost.",
                waits=True,
            )
        elif key == self._tried:
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            self._is_over = self._is_late
        if key == self._tried or self._tried is None:
            self._tried = None
            self._next_s = self._clock.steady_s() + self._wait_s
        self._held[key] = event

    def _try_one(self) -> None:
        refused = ((event.device, event.lease) for event in self._refused())
        key = next(refused, None) or next(iter(self._held), None)
        if key is None:
            self._go_on()
            return
        self._tried = key
        self._send(key)

    def _refused(self) -> list[LeaseFailed]:
        return [event for event in self._held.values() if event and _is_refusal(event)]

    def _send(self, key: tuple[str, str]) -> None:
        del self._held[key]
        super().apply(*self._orders[key])

    def _go_on(self) -> None:
        """Hand out what waits: the output has taken a lease, or nobody waits for that any more."""
        waited_s = self._clock.steady_s() - (self._since_s or 0.0)
        self._since_s = self._tried = None
        self._output.wait(False)
        again = f"The output takes what is written again, after {duration(waited_s)}."
        self._say(again, waits=False)
        for key, event in list(self._held.items()):
            if event is None or _is_refusal(event):
                self._send(key)
            else:
                self._forget(key)
                self._untold.append(event)

    def _give_up(self) -> list[Event]:
        """Return what was refused first, with the way out: it ends the run."""
        event = self._refused()[0]
        again = "Once there is room" if event.fault.is_full else "Once that is put right"
        message = (
            f"{event.fault.message} It was tried for {duration(self._most_s)}. {again}, the same "
            "command goes on: what is committed stays "
            f"({plural(self._committed, 'lease')} by this run), and nothing is recorded as lost."
        )
        return [replace(event, fault=replace(event.fault, message=message))]

    def _forget(self, key: tuple[str, str]) -> None:
        self._orders.pop(key, None)
        self._held.pop(key, None)
        if self._tried == key:
            self._tried = None

    def _say(self, text: str, *, waits: bool) -> None:
        self._lines += 1
        self._output.say(OutputRefused(text if self._lines <= MOST_LINES else "", waits))


def _is_refusal(event: LeaseFailed) -> bool:
    return event.fault.stage == OUTPUT_STAGE


def give_up_s(*, is_full: bool) -> float:
    """Return for how long an output that refuses everything is waited for."""
    return min(FULL_GIVE_UP_S, GIVE_UP_S) if is_full else GIVE_UP_S
