"""Index videos in child processes: a video that ends or hangs one costs only itself.

A process takes 0.2 s to start (0.35 s of CPU), once for all videos, and is not started where every
index is kept: a single video is therefore indexed in the same way as an archive.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from mmap import mmap
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Lock

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, FleetError, JobFailedError, VideoError
from fleet.storage import Reader
from fleet.version import PACKAGE
from fleet.video.containers.limits import WHOLE_BYTES, is_held
from fleet.video.containers.reader import RangeReader
from fleet.video.index import VideoIndex
from fleet.video.probe import shared_memory
from fleet.video.probe.check import check_index
from fleet.video.probe.child import (
    BYTES,
    ERROR,
    HELLO,
    INDEX,
    LENGTH,
    RANGE,
    REQUEST,
    SHARED,
)
from fleet.video.probe.serialize import error_from_json
from fleet.video.probe.shared_memory import SHARED_BYTES
from fleet.video.probe.wire import index_from_bytes

ANSWER_TIMEOUT_S = 120.0
"""From one message of a child to the next: the longest header that is taken needs a minute."""
CHILD_BYTES = 4 << 30
MAX_ANSWER_BYTES = 1 << 30
"""The longest answer that is taken."""
START_TIMEOUT_S, EXIT_TIMEOUT_S = 60.0, 5.0
_WAY_OUT = "Leave it out of the inputs, or rewrite it: `ffmpeg -i in -c copy out.mp4`."
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")
_LOG = logging.getLogger(__name__)


class ProbeEndedError(Exception):
    """A child died, hung, or sent nonsense; the text continues "looking at its header"."""


class Probes:
    """Processes that index videos, several at a time; safe to use from several threads.

    They get no environment, so no credentials, and only the bytes of their videos; the kernel
    keeps them from files, the network and other processes (see `confine`). Their answers are
    checked in full. Where one ends early, each video that it was indexing is tried again in another
    process by itself, which shows the one that caused it. Each is started when it is first needed,
    also after `close`: a further one when a video comes while those that there are have their hands
    full. They end with their parent.
    """

    def __init__(
        self,
        max_videos: int,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        *,
        max_processes: int = 1,
    ) -> None:
        """Take the limits: how many videos at a time, and seconds from one message to the next.

        `max_processes`: in how many processes the videos are looked at.
        """
        self._max_processes = min(max_processes, max_videos)
        # The one that has least to do takes the next video, so none ever has more than its part.
        self._videos_each = -(-max_videos // self._max_processes)
        self._answer_timeout_s = answer_timeout_s
        self._free = BoundedSemaphore(max_videos)
        self._shared_lock, self._single_lock = Lock(), Lock()
        self._shared: list[_Child] = []
        self.processes: list[int] = []
        """The process numbers of all children that were started."""

    def probe(self, source: Source, reader: RangeReader, *, whole: bool = False) -> VideoIndex:
        """Return the index of a video; errors are those of `fleet.video.probe.probe.probe`.

        `whole`: all of the file is looked at, however large it is.

        Raises BrokenVideoError also where the video ends the process, caused by a ProbeEndedError;
        JobFailedError where no process can be started.
        """
        with self._free:
            with suppress(ProbeEndedError), self._connection() as connection:
                return connection.probe(source, reader, whole=whole)
            with self._single_lock, closing(self._start(1)) as child:
                try:
                    return child.connections[0].probe(source, reader, whole=whole)
                except ProbeEndedError as ended:
                    message = f"looking at its header {ended}."
                    raise BrokenVideoError(source.uri, message, _WAY_OUT) from ended

    def index(self, source: Source, *, whole: bool = False) -> VideoIndex:
        """Return the index of a video in its store; see `probe`."""
        return self.probe(source, Reader(source), whole=whole)

    @contextmanager
    def _connection(self) -> Iterator[_ChildConnection]:
        """Yield a connection to the shared process that has least to do."""
        with self._shared_lock:
            child = self._least_busy()
            connection = child.connections.pop()
        try:
            yield connection
        finally:
            child.connections.append(connection)

    def _least_busy(self) -> _Child:
        """Return the shared process that has least to do; start one where all are busy."""
        self._shared = [child for child in self._shared if child.alive]
        most_free = max(self._shared, key=lambda child: len(child.connections), default=None)
        is_idle = most_free is not None and len(most_free.connections) == self._videos_each
        if most_free is not None and (is_idle or len(self._shared) == self._max_processes):
            return most_free
        self._shared.append(self._start(self._videos_each))
        return self._shared[-1]

    def _start(self, connections: int) -> _Child:
        child = _Child(connections, self._answer_timeout_s)
        self.processes.append(child.pid)
        return child

    def close(self) -> None:
        """Kill the processes, if there are any."""
        for child in self._shared:
            child.close()


class _Child:
    """One process and its connections, each of which is used by one thread at a time."""

    def __init__(self, connections: int, answer_timeout_s: float) -> None:
        pairs = [Pipe() for _ in range(connections)]
        memories = [shared_memory.made() for _ in range(connections)]
        handles = [
            handle
            for (_, theirs), (memory, _) in zip(pairs, memories, strict=True)
            for handle in (theirs.fileno(), memory)
        ]
        home = str(PACKAGE.parent)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        command = [sys.executable, "-P", "-m", "fleet.video.probe.child", str(CHILD_BYTES)]
        self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [*command, *map(str, handles)],
            pass_fds=handles,
            env={
                **environment,
                "PYTHONPATH": os.pathsep.join([home, *filter(None, sys.path)]),
                # A process that is confined has one thread until it is.
                "OPENBLAS_NUM_THREADS": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for (_, theirs), (memory, _) in zip(pairs, memories, strict=True):
            theirs.close()
            os.close(memory)
        self.pid = self._process.pid
        self.alive = True
        self.connections = [
            _ChildConnection(self, ours, memory, answer_timeout_s)
            for (ours, _), (_, memory) in zip(pairs, memories, strict=True)
        ]
        self._greet(pairs[0][0])

    def _greet(self, pipe: Connection) -> None:
        """Wait until it runs; raise JobFailedError where it does not, which is no video's fault."""
        with suppress(EOFError, OSError):
            greeting = pipe.recv_bytes() if pipe.poll(START_TIMEOUT_S) else b""
            if greeting.startswith(HELLO):
                if left := greeting.removeprefix(HELLO).decode("utf-8", "replace"):
                    _warn(left)
                return
        self.close()
        raise JobFailedError(f"{sys.executable} cannot be started to look at headers.")

    def ended(self) -> str:
        """Kill the process if it has not ended, and return how it ended, as text."""
        reason = "broke the line to the process that did it"
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(EXIT_TIMEOUT_S)
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            reason = f"ended the process that did it ({how})"
        self.close()
        return reason

    def close(self) -> None:
        """Kill the process."""
        self.alive = False
        self._process.kill()
        self._process.wait()


@cache
def _warn(left: str) -> None:
    """Say once what a child could do that it has no use for."""
    _LOG.warning(
        "The kernel does not let us take %s from the process that looks at headers: give Fleet one "
        "with Landlock or seccomp, or run it where a hostile video can do no harm.",
        left,
    )


class _ChildConnection:
    """A connection to a child that indexes one video at a time."""

    def __init__(
        self, child: _Child, pipe: Connection, memory: mmap, answer_timeout_s: float
    ) -> None:
        self._child = child
        self._pipe = pipe
        self._memory = memory
        self._answer_timeout_s = answer_timeout_s

    def probe(self, source: Source, reader: RangeReader, *, whole: bool) -> VideoIndex:
        """Return the index that the child makes; raise ProbeEndedError where the child ends."""
        whole_bytes = source.bytes if whole else WHOLE_BYTES
        # A small file is handed over with the question, which saves another one.
        held = self._hold(reader.read(0, source.bytes)) if is_held(source) else None
        asked = [source.uri, source.bytes, source.etag, whole_bytes, held]
        self._send(json.dumps(asked).encode())
        while True:
            message = self._receive()
            kind, body = message[:1], message[1:]
            if kind != REQUEST:
                return self._answer(source, kind, body)
            self._hand_over(self._read(reader, body))

    def _read(self, reader: RangeReader, request: bytes) -> bytes:
        try:
            return reader.read(*RANGE.unpack(request))
        except FleetError:
            # The child is told only that the read failed; it may have ended already.
            with suppress(ProbeEndedError):
                self._send(ERROR)
                self._receive()
            raise

    def _hand_over(self, data: bytes) -> None:
        if len(data) > SHARED_BYTES:
            self._send(BYTES + data)
            return
        self._send(SHARED + LENGTH.pack(self._hold(data)))

    def _hold(self, data: bytes) -> int:
        self._memory[: len(data)] = data
        return len(data)

    def _answer(self, source: Source, kind: bytes, body: bytes) -> VideoIndex:
        try:
            if kind == ERROR:
                raise error_from_json(source.uri, body.decode())
            index = index_from_bytes(source, body if kind == INDEX else b"")
            check_index(index)
        except VideoError:
            raise
        except (ValueError, ArithmeticError, LookupError, TypeError) as error:
            self._child.close()
            raise ProbeEndedError("was answered with nonsense") from error
        return index

    def _send(self, message: bytes) -> None:
        try:
            self._pipe.send_bytes(message)
        except OSError as error:
            raise ProbeEndedError(self._child.ended()) from error

    def _receive(self) -> bytes:
        try:
            if self._pipe.poll(self._answer_timeout_s):
                return self._pipe.recv_bytes(MAX_ANSWER_BYTES)
        except (EOFError, OSError) as error:
            raise ProbeEndedError(self._child.ended()) from error
        self._child.close()
        raise ProbeEndedError(f"took more than {self._answer_timeout_s:g} s")
