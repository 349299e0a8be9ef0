"""The clock, as it is handed to whatever needs one: rooms that decide read none themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Unlike the monotonic clock, it goes on while the machine is suspended."""


class Clock(Protocol):
    """What tells the time, lets it pass, and does something every so often meanwhile."""

    def steady_s(self) -> float:
        """Return seconds that only rise, since some moment that means nothing elsewhere."""

    def unix_s(self) -> float:
        """Return seconds since 1970, as this machine believes: for people, not for decisions."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def every(self, seconds: float, task: Callable[[], None], name: str) -> Callable[[], None]:
        """Call `task` every so many seconds in the background; return what ends that.

        The first call comes after `seconds`. What is returned waits for a call that is under way.
        """


class SystemClock:
    """This machine's clock."""

    def steady_s(self) -> float:
        """See Clock."""
        return time.clock_gettime(_STEADY)

    def unix_s(self) -> float:
        """See Clock."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        time.sleep(seconds)

    def every(self, seconds: float, task: Callable[[], None], name: str) -> Callable[[], None]:
        """See Clock; in a thread, which does not keep the interpreter from ending."""
        end = threading.Event()

        def repeat() -> None:
            while not end.wait(seconds):
                task()

        thread = threading.Thread(target=repeat, name=name, daemon=True)
        thread.start()

        def stop() -> None:
            end.set()
            thread.join()

        return stop


SYSTEM_CLOCK = SystemClock()
