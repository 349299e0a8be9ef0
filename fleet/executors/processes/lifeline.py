"""Processes that the kernel ends together with the one that started them."""

from __future__ import annotations

import fcntl
import os
import select
import signal

_F_SETSIG = 10
"""Linux's fcntl.h; the module `fcntl` has no name for it."""


def die_with(lifeline: int) -> None:
    """Have the kernel kill this process's group once nobody holds the other end of a pipe.

    The process leads its group, to which the programs that it starts belong. `lifeline`: the end to
    read of a pipe through which nothing is sent. It is the kernel that sends SIGKILL, so that this
    works while a thread holds the GIL and whatever signals are blocked; and it goes by the pipe,
    not by the parent's thread, as PR_SET_PDEATHSIG does.
    """
    fcntl.fcntl(lifeline, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpid())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    # The parent may have gone before that.
    poll = select.poll()
    poll.register(lifeline, select.POLLHUP)
    if poll.poll(0):
        os.killpg(os.getpid(), signal.SIGKILL)
