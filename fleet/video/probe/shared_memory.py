"""Memory through which a process hands another one bytes: a pipe takes many times the work.

Who reads it has a handle, and may be hostile: the kernel keeps its size as it is, so that who
writes meets no end of it, and nobody else makes it larger.
"""

from __future__ import annotations

import fcntl
import mmap
import os

SHARED_BYTES = 4 << 20
"""Of each: a block of a file that is scanned. It takes memory as it is written."""


def made() -> tuple[int, mmap.mmap]:
    """Return new memory, and behind its handle, which a process may inherit; close the handle."""
    handle = os.memfd_create("fleet-probe", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(handle, SHARED_BYTES)
        sealed = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, sealed)
        return handle, mmap.mmap(handle, SHARED_BYTES)
    except BaseException:
        os.close(handle)
        raise


def opened(handle: int) -> mmap.mmap:
    """Return the memory behind an inherited handle, which is closed, to be read alone."""
    try:
        return mmap.mmap(handle, SHARED_BYTES, prot=mmap.PROT_READ)
    finally:
        os.close(handle)
