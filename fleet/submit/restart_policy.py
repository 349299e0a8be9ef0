"""Whether a driver that ended is started again, and when: decided without looking at anything."""

from __future__ import annotations

import signal
from dataclasses import dataclass

FINAL = frozenset({0, 1, 2, 3})
"""Exit codes that a second attempt does not change: all there, failed, bad usage, with errors."""
MOST_IN_VAIN = 8
"""Restarts in a row that may bring nothing; with the waits between them, three minutes at least."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class RestartHistory:
    """The lives of a job's driver so far. `count`: how many have ended before their time.

    `in_vain`: how many of the last ones in a row brought nothing. `frames`: how many were done when
    the last one ended, by its own account, those of runs before it included.
    """

    count: int = 0
    in_vain: int = 0
    frames: int = 0

    def after(self, frames: int) -> RestartHistory:
        """Take note that a life ended, with so many frames done."""
        in_vain = 0 if frames > self.frames else self.in_vain + 1
        return RestartHistory(self.count + 1, in_vain, max(frames, self.frames))

    @property
    def may_go_on(self) -> bool:
        """Whether there is hope that another life brings more."""
        return self.in_vain <= MOST_IN_VAIN

    @property
    def wait_s(self) -> float:
        """How long to wait for the next life: longer each time that the last was in vain."""
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** max(0, self.in_vain - 1))


def is_final(exit_code: int) -> bool:
    """Whether the command ended as it should; else it died, or something passing ended it.

    `exit_code`: as subprocess gives it, negative where a signal ended it.
    """
    return exit_code in FINAL


def how_it_ended(exit_code: int) -> str:
    """Say how a process ended: was killed by SIGKILL, ended with exit code 75."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"was killed by {name}"
