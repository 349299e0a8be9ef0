"""Witnesses that see what a reader does beside the file it was given: files opened, connections."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_OPENED = 0x20 | 0x1  # IN_OPEN, IN_ACCESS


@dataclass(frozen=True)
class Witness:
    """A canary file in a watched folder, and a port on the loopback that is listened to."""

    canary: Path
    port: int
    _inotify: int
    _listener: socket.socket

    def touched(self) -> list[str]:
        """What was seen since the last call: the kernel tells of every open, by any process."""
        seen = []
        try:
            if os.read(self._inotify, 65536):
                seen.append("a file was opened")
        except BlockingIOError:
            pass
        try:
            connection, _ = self._listener.accept()
            connection.close()
            seen.append("a connection was made")
        except BlockingIOError:
            pass
        return seen


@contextmanager
def witness(folder: Path) -> Iterator[Witness]:
    """Watch a folder of its own, and a port."""
    canary = folder / "canary.ts"
    canary.write_bytes((b"G" + bytes(187)) * 20)
    libc = ctypes.CDLL(None, use_errno=True)
    inotify = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if inotify < 0 or libc.inotify_add_watch(inotify, os.fsencode(folder), _OPENED) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            yield Witness(canary, listener.getsockname()[1], inotify, listener)
    finally:
        os.close(inotify)
