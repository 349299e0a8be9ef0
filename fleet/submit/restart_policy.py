"""The policy for a driver that has ended: whether and when to start it again; pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass

FINAL = frozenset({0, 1, 2, 3})
"""Exit codes that a restart would not change: all there, failed, bad usage, with errors."""
MOST_IN_VAIN = 8
"""Restarts in a row without progress; with the waits between them, three minutes at least."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class RestartHistory:
    """The attempts of a job's driver so far, each a process that has ended too early."""

    count: int = 0
    """How many attempts have ended."""
    in_vain: int = 0
    """How many of the last attempts in a row have made no progress."""
    frames: int = 0
    """The most frames that one of them has noted as done, those of earlier runs included."""

    def after(self, frames: int) -> RestartHistory:
        """Return the history with one more attempt, after which so many frames are done."""
        in_vain = 0 if frames > self.frames else self.in_vain + 1
        return RestartHistory(self.count + 1, in_vain, max(frames, self.frames))

    @property
    def may_go_on(self) -> bool:
        """Return whether another attempt is worth it."""
        return self.in_vain <= MOST_IN_VAIN

    @property
    def wait_s(self) -> float:
        """How long to wait before the next attempt: longer after each one without progress."""
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** max(0, self.in_vain - 1))


def is_final(exit_code: int) -> bool:
    """Return whether a command ended for good, rather than by a signal or a transient failure.

    `exit_code` is that of subprocess, negative where a signal ended the process.
    """
    return exit_code in FINAL


def how_it_ended(exit_code: int) -> str:
    """Return how a process ended, such as: was killed by SIGKILL, ended with exit code 75."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"was killed by {name}"
