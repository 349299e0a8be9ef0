"""The process that indexes videos: its parent hands it bytes, it sends an index or an error back.

It opens no file and no address: it requests the bytes of a video over a pipe, and finds them in
memory that both share, those of a small one with the question. The kernel is asked to hold it to
that, so that the worst that a video can do is to end this process, or to hang it, even where it
makes a library run what it holds.
"""

from __future__ import annotations

import importlib
import signal
import struct
import sys
from collections.abc import Sequence
from mmap import mmap
from multiprocessing.connection import Connection
from threading import Thread

from fleet.core.json_text import read_json
from fleet.core.source import Source
from fleet.errors import VideoError
from fleet.memory_limit import limit_memory
from fleet.video.probe import shared_memory
from fleet.video.probe.confinement import confine
from fleet.video.probe.probe import probe
from fleet.video.probe.serialize import error_to_json
from fleet.video.probe.wire import index_to_bytes

# The first byte of a message: a request for bytes, its answer, an index, an error.
REQUEST, BYTES, INDEX, ERROR = b"w", b"g", b"i", b"e"
SHARED = b"m"
"""Of the answer to a request whose bytes lie in shared memory; how many there are follows."""
HELLO = b"hello"
"""What the first message begins with; what was left to the child follows."""
RANGE, LENGTH = struct.Struct("!QQ"), struct.Struct("!Q")
_IMPORTED_LATE = ("av.subtitles.stream", "numpy.ma")
"""What libraries import when a video has it; once the process is confined they cannot."""
IDLE_S = 600
"""Without a message for so long it ends: one that hangs would outlive a parent that was killed."""


Line = tuple[Connection, mmap]
"""What serves one video at a time: a connection, and memory into which the parent writes."""


class StoreFailedError(Exception):
    """The parent could not read; it raises the reason itself."""


class _ParentReader:
    """Reads a video by requests to the parent; see `RangeReader`."""

    def __init__(self, line: Line, size: int, held: int | None) -> None:
        """`held`: how many bytes of the video lie in memory already, all there are; None: none."""
        self._parent, self._memory = line
        self._size = size
        self._held = None if held is None else self._memory[:held]

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        if self._held is not None:
            return self._held[offset : offset + length]
        self._parent.send_bytes(REQUEST + RANGE.pack(offset, length))
        answer = receive(self._parent)
        if answer[:1] == ERROR:
            raise StoreFailedError
        if answer[:1] == SHARED:
            (there,) = LENGTH.unpack_from(answer, 1)
            return self._memory[:there]
        return answer[1:]


def receive(parent: Connection) -> bytes:
    """Wait for a message and return it; work that hangs after it is ended by SIGALRM."""
    message = parent.recv_bytes()
    signal.alarm(IDLE_S)
    return message


def serve(line: Line) -> None:
    """Index one video after another, until the parent closes the connection."""
    parent, _ = line
    while True:
        try:
            uri, size, etag, whole_bytes, held = read_json(receive(parent))
        except (EOFError, OSError):
            return
        reader = _ParentReader(line, size, held)
        parent.send_bytes(_indexed(reader, Source(uri, size, etag), whole_bytes))


def _indexed(reader: _ParentReader, source: Source, whole_bytes: int) -> bytes:
    try:
        index = probe(source, reader, whole_bytes)
        return INDEX + index_to_bytes(index)
    except VideoError as error:
        return ERROR + error_to_json(error).encode()
    except StoreFailedError:
        return ERROR


def main(max_bytes: int, handles: Sequence[int]) -> None:
    """Serve several connections at once, one thread each, in at most `max_bytes` of memory.

    `handles`: of each connection, and of the memory that goes with it, in turn. The first message
    says what the kernel could not take from this process, see `confine`.
    """
    limit_memory(max_bytes)
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    lines = [
        (Connection(pipe), shared_memory.opened(memory))
        for pipe, memory in zip(handles[::2], handles[1::2], strict=True)
    ]
    left = confine()
    lines[0][0].send_bytes(HELLO + ", ".join(left).encode())
    threads = [Thread(target=serve, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(handle) for handle in sys.argv[2:]])
