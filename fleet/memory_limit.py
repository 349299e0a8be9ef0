"""How much memory a process may take, so that what needs too much fails alone."""

from __future__ import annotations

import os
import resource

_SHARE = 0.7
_LEAST_BYTES = 4 << 30


def limit_memory(most_bytes: int = 0) -> None:
    """Have allocations of this process fail (MemoryError) once it holds `most_bytes`.

    0: seven tenths of the machine, 4 GiB at least. Otherwise the kernel, or Ray, ends whichever
    process it likes once memory is spent, and a lease that did nothing is blamed. Counted is what
    the process may write to (RLIMIT_DATA), not what it shares with others.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most_bytes = most_bytes or max(int(machine * _SHARE), _LEAST_BYTES)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most_bytes = min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, hard))
