"""The process that looks at headers: it is handed bytes, and gives back an index or an error.

It opens no file and no address: what it wants of a video, it asks of whoever started it. So the
worst that a video can do to it is to end it, or to hold it up.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from threading import Thread

from fleet.core.source import Source
from fleet.errors import VideoError
from fleet.memory_limit import limit_memory
from fleet.video.probe.probe import probe
from fleet.video.probe.serialize import error_to_json
from fleet.video.probe.wire import index_to_bytes

# The first byte of a message: bytes are wanted, bytes are given, an index, an error.
WANTS, GIVES, INDEX, ERROR = b"w", b"g", b"i", b"e"
HELLO = b"hello"
RANGE = struct.Struct("!QQ")
IDLE_S = 600
"""Without a message it ends by itself: one that hangs would outlive a parent that was killed."""


class StoreFailedError(Exception):
    """The parent could not read: it knows why, and the child need not."""


class _Asking:
    """A video whose bytes are asked of the parent; see `RangeReader`."""

    def __init__(self, parent: Connection, size: int) -> None:
        self._parent = parent
        self._size = size

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        self._parent.send_bytes(WANTS + RANGE.pack(offset, length))
        answer = heard(self._parent)
        if answer[:1] == ERROR:
            raise StoreFailedError
        return answer[1:]


def heard(parent: Connection) -> bytes:
    """Wait for a message; whatever hangs after it is ended by SIGALRM."""
    message = parent.recv_bytes()
    signal.alarm(IDLE_S)
    return message


def serve(parent: Connection) -> None:
    """Look at one video after another, until the parent goes away."""
    while True:
        try:
            uri, size, etag = json.loads(heard(parent))
        except (EOFError, OSError):
            return
        parent.send_bytes(_looked_at(parent, Source(uri, size, etag)))


def _looked_at(parent: Connection, source: Source) -> bytes:
    try:
        return INDEX + index_to_bytes(probe(source, _Asking(parent, source.bytes)))
    except VideoError as error:
        return ERROR + error_to_json(error).encode()
    except StoreFailedError:
        return ERROR


def main(most_bytes: int, handles: Sequence[int]) -> None:
    """Serve so many lines side by side, each from a thread of its own."""
    limit_memory(most_bytes)
    lines = [Connection(handle) for handle in handles]
    lines[0].send_bytes(HELLO)
    threads = [Thread(target=serve, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(handle) for handle in sys.argv[2:]])
