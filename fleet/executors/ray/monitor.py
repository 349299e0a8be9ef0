"""Asking devices in Ray actors where they stand, and noticing those that do not answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any

from ray.exceptions import ActorDiedError, RayError

from fleet.core.progress import Progress
from fleet.core.run_events import Cause, DevicesAwaited
from fleet.executors.ray.failures import why
from fleet.executors.ray.handle import ActorHandle
from fleet.scheduler.watchdog import Watchdog

ASK_EVERY_S = 0.5
"""How often devices are asked how far they are: each answer costs a millisecond of theirs."""
ASKS_A_S = 200
"""More questions than that a driver does not ask, however many devices it leads."""

Gone = tuple[ActorHandle, str, Cause]


class Watch:
    """What is heard of the devices of a pool, and which of them are gone; used from one thread."""

    def __init__(self, limit_s: float) -> None:
        self._watchdog = Watchdog(limit_s)
        self._answers: SimpleQueue[tuple[ActorHandle, Future[Any]]] = SimpleQueue()
        self._next_s = 0.0
        self._gone: list[Gone] = []
        self._seats: dict[str, ActorHandle] = {}
        self._awaited = DevicesAwaited(0, 0)

    def ask(self, seats: Collection[ActorHandle], now_s: float) -> list[Progress | DevicesAwaited]:
        """Ask all that are open, where it is time to; gives what is new of all."""
        if now_s < self._next_s:
            return []
        self._next_s = now_s + max(ASK_EVERY_S, len(seats) / ASKS_A_S)
        news: list[Progress | DevicesAwaited] = [*self._read(), *self._count(seats)]
        for device, silence_s in self._watchdog.silent(now_s).items():
            self._gone.append((self._seats[device], f"{silence_s:.0f} s of silence", Cause.SILENT))
        for seat in seats:
            if seat.joined and not seat.asked:
                self._ask(seat, now_s)
        return news

    def _count(self, seats: Collection[ActorHandle]) -> Iterator[DevicesAwaited]:
        starting = [seat for seat in seats if not seat.joined]
        opening = sum(bool(seat.node) for seat in starting)
        awaited = DevicesAwaited(opening, len(starting) - opening)
        if awaited != self._awaited:
            self._awaited = awaited
            yield awaited

    def _ask(self, seat: ActorHandle, now_s: float) -> None:
        seat.asked = True
        self._seats[seat.device] = seat
        self._watchdog.ask(seat.device, now_s)
        future = seat.actor.progress.remote().future()
        future.add_done_callback(partial(self._put, seat))

    def _put(self, seat: ActorHandle, future: Future[Any]) -> None:
        self._answers.put((seat, future))

    def _read(self) -> Iterator[Progress]:
        for _ in range(self._answers.qsize()):
            seat, future = self._answers.get_nowait()
            seat.asked = False
            error = future.exception()
            if seat.device not in self._seats:
                continue
            if error is None:
                progress: Progress = future.result()
                seat.ran = progress.lease
                self._watchdog.hear(progress)
                yield progress
            elif isinstance(error, ActorDiedError):
                # It may have held no lease, which would tell of it.
                self._gone.append((seat, *why(error)))
            elif not isinstance(error, RayError):
                raise error
            # Otherwise it cannot be reached just now: the watchdog waits for it to be heard again.

    def gone(self) -> list[Gone]:
        """Tell which are gone, each once, and why."""
        gone, self._gone = self._gone, []
        return gone

    def forget(self, seat: ActorHandle) -> None:
        """Take no more interest in one."""
        self._watchdog.forget(seat.device)
        self._seats.pop(seat.device, None)
