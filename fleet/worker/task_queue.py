"""The leases in a worker's hands: one is computed while the next is fetched, the last committed."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition
from typing import Literal

from fleet.plan.order import LeaseOrder
from fleet.worker.prefetch import CancelRequestedError, Fetch, FetchPool

Wish = Literal["cancel", "truncate", "read ahead"]
REMEMBERED = 16
"""Leases that ended a moment ago, of which word may still be under way."""


class Task:
    """One lease, from when its call comes until its outcome is told.

    `fetch`: its bytes, on their way from the start. `truncated`: it is to end after the GOP in
    hand. `reads_ahead`: a second core is there to decode ahead of the job. `begun_s`: when its turn
    came.
    """

    def __init__(self, order: LeaseOrder, readers: FetchPool) -> None:
        self.order = order
        self.fetch = Fetch(order, readers)
        self._readers = readers
        self._is_cancelled = False
        self.truncated = False
        self.reads_ahead = False
        self.begun_s: float | None = None

    @property
    def wall_s(self) -> float:
        """Seconds since its turn came; 0 before that."""
        return 0.0 if self.begun_s is None else time.monotonic() - self.begun_s

    def apply(self, wish: Wish) -> None:
        """Do as told."""
        if wish == "cancel":
            self._is_cancelled = True
            self.fetch.stop()
        elif wish == "truncate":
            self.truncated = True
        else:
            self.reads_ahead = True

    def fetch_again(self) -> None:
        """Have its bytes come from the start once more; one that was dropped stays so."""
        self.fetch.close()
        self.fetch = Fetch(self.order, self._readers)
        # It may be dropped, from another thread, before or after the old one is replaced.
        if self._is_cancelled:
            self.fetch.stop()


class TaskQueue:
    """Tasks in the order they came; the first is computed, and one beside it committed.

    Each task goes through `join`, `begin`, `commit` in a thread of its own, and `leave` at the end,
    however that came. `tell` and what is asked come from another thread.
    """

    def __init__(self) -> None:
        self._line: deque[Task] = deque()
        self._committing: Task | None = None
        self._tasks: dict[str, Task] = {}
        self._past: deque[str] = deque(maxlen=REMEMBERED)
        self._early: dict[str, Wish] = {}
        self._moved = Condition()

    @property
    def computing(self) -> str:
        """The lease that is computed; empty for none."""
        with self._moved:
            return self._line[0].order.lease if self._line else ""

    @property
    def committing(self) -> str:
        """The lease that is committed; empty for none."""
        with self._moved:
            return self._committing.order.lease if self._committing else ""

    def join(self, task: Task) -> None:
        """Stand at the end of the line."""
        lease = task.order.lease
        with self._moved:
            self._line.append(task)
            self._tasks[lease] = task
            # Calls of two kinds may overtake each other: it may have been told of before it came.
            wish = self._early.pop(lease, None)
            if wish:
                task.apply(wish)

    def begin(self, task: Task) -> None:
        """Wait for its turn; raises CancelRequestedError where it is dropped by then."""
        with self._moved:
            self._moved.wait_for(lambda: self._line[0] is task or task.fetch.stopped)
            if task.fetch.stopped:
                raise CancelRequestedError
            task.begun_s = time.monotonic()

    def commit(self, task: Task) -> None:
        """Let the next one begin, once the commit of the one before has ended.

        So no more than one waits for the store with its rows. Raises CancelRequestedError where it
        was dropped.
        """
        with self._moved:
            self._moved.wait_for(lambda: self._committing is None or task.fetch.stopped)
            if task.fetch.stopped:
                raise CancelRequestedError
            self._committing = task
            self._line.remove(task)
            self._moved.notify_all()

    def leave(self, task: Task) -> None:
        """Be done with, one way or the other."""
        lease = task.order.lease
        task.fetch.close()
        with self._moved:
            if self._committing is task:
                self._committing = None
            if task in self._line:
                self._line.remove(task)
            if self._tasks.get(lease) is task:
                del self._tasks[lease]
                self._past.append(lease)
            self._moved.notify_all()

    def tell(self, lease: str, wish: Wish) -> None:
        """Have a lease put down, ended early or read ahead; one that has left is let be."""
        with self._moved:
            if task := self._tasks.get(lease):
                task.apply(wish)
                self._moved.notify_all()
            elif lease not in self._past and not (wish == "read ahead" and lease in self._early):
                self._early[lease] = wish
