"""Memory through which a process hands another one bytes: a pipe takes many times the work.

Who reads it may be hostile, and has a handle that only reads. The kernel keeps its size as it is,
so that who writes meets no end of it, and lets nobody else write, where it can: Linux 5.1 can.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os

SHARED_BYTES = 4 << 20
"""Of each: a block of a file that is scanned. It takes memory as it is written."""


_SEAL_FUTURE_WRITE = 0x0010
"""Of Linux: nobody writes but through maps that there are. Python gives it no name before 3.13."""


def made() -> tuple[int, mmap.mmap]:
    """Return a handle that reads new memory, to be inherited and closed, and that memory.

    Whoever writes has the memory alone.
    """
    writes = os.memfd_create("fleet-probe", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(writes, SHARED_BYTES)
        memory = mmap.mmap(writes, SHARED_BYTES)
        try:
            _seal(writes)
            return os.open(f"/proc/self/fd/{writes}", os.O_RDONLY | os.O_CLOEXEC), memory
        except BaseException:
            memory.close()
            raise
    finally:
        # The memory keeps a handle of its own.
        os.close(writes)


def opened(handle: int) -> mmap.mmap:
    """Return the memory behind an inherited handle, which is closed, to be read alone.

    The memory keeps a handle of its own, which is as little good for writing.
    """
    try:
        return mmap.mmap(handle, SHARED_BYTES, prot=mmap.PROT_READ)
    finally:
        os.close(handle)


def _seal(handle: int) -> None:
    sealed = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    try:
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, sealed | _SEAL_FUTURE_WRITE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # An older kernel: who reads has a handle that cannot write in any case.
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, sealed)
