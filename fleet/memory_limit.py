"""Limiting the memory of a process, so that what needs too much fails by itself."""

from __future__ import annotations

import os
import resource
from pathlib import Path

_SHARE = 0.7
_LEAST_BYTES = 4 << 30
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def limit_memory(most_bytes: int = 0) -> None:
    """Make allocations of this process fail with MemoryError once it holds `most_bytes`.

    0 stands for seven tenths of the memory of the machine or of the container that the process runs
    in, 4 GiB at least. Without a limit, the kernel or Ray ends any process once memory is spent,
    and a lease that did nothing is blamed. The limit counts what the process may write to
    (RLIMIT_DATA), not what it shares with others.
    """
    most_bytes = most_bytes or max(int(there_bytes() * _SHARE), _LEAST_BYTES)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most_bytes = min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, hard))


def there_bytes() -> int:
    """Return the memory of the machine, or of the container that this process runs in."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(_CONTAINER.read_text("ascii")))
    except (OSError, ValueError):  # no container, or one without a limit: "max"
        return machine
