"""Ctrl-C for programs that are started in the background."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """Have this program, and all that it starts, end by SIGINT, as from a terminal.

    A shell has what it starts in the background ignore it, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
