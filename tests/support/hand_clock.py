"""A clock that is moved by hand: what waits for it waits for nothing."""

from __future__ import annotations

from collections.abc import Callable


class HandClock:
    """See Clock; `sleep` moves it on, and what is to be done every so often is done on the way."""

    def __init__(self, unix_s: float = 1_750_000_000.0) -> None:
        self.now_s = 1000.0
        self.offset_s = unix_s - self.now_s
        """How far the clock on the wall is from the steady one."""
        self._tasks: list[tuple[float, Callable[[], None]]] = []
        self._due: list[float] = []

    def steady_s(self) -> float:
        """See Clock."""
        return self.now_s

    def unix_s(self) -> float:
        """See Clock."""
        return self.now_s + self.offset_s

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        end_s = self.now_s + seconds
        while self._due and min(self._due) <= end_s:
            at = min(range(len(self._due)), key=self._due.__getitem__)
            self.now_s = max(self.now_s, self._due[at])
            every_s, task = self._tasks[at]
            self._due[at] += every_s
            task()
        self.now_s = max(self.now_s, end_s)

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which nothing is done, as on a machine that is suspended."""
        self.now_s += seconds
        self._due = [max(due, self.now_s) for due in self._due]

    def every(self, seconds: float, task: Callable[[], None], name: str) -> Callable[[], None]:
        """See Clock."""
        del name
        entry = (seconds, task)
        self._tasks.append(entry)
        self._due.append(self.now_s + seconds)

        def stop() -> None:
            if entry in self._tasks:
                at = self._tasks.index(entry)
                del self._tasks[at], self._due[at]

        return stop
