"""Index videos in child processes: a video that ends or hangs one costs only itself.

A process takes 0.2 s to start (0.35 s of CPU), once for all videos, and is not started where every
index is kept: a single video is therefore indexed in the same way as an archive.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Lock

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, JobFailedError
from fleet.storage import Reader
from fleet.version import PACKAGE
from fleet.video.containers.reader import RangeReader
from fleet.video.index import VideoIndex
from fleet.video.probe.child import HELLO
from fleet.video.probe.connection import ChildConnection, Line, ProbeEndedError

ANSWER_TIMEOUT_S = 120.0
"""From one message of a child to the next: the longest header that is taken needs a minute."""
CHILD_BYTES = 4 << 30
START_TIMEOUT_S, EXIT_TIMEOUT_S = 60.0, 5.0
_WAY_OUT = "Leave it out of the inputs, or rewrite it: `ffmpeg -i in -c copy out.mp4`."
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")
_LOG = logging.getLogger(__name__)


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
    def _connection(self) -> Iterator[ChildConnection]:
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
        """Start it; raise JobFailedError where that cannot be done."""
        try:
            with ExitStack() as ours, ExitStack() as theirs:
                lines = [Line(ours, theirs) for _ in range(connections)]
                self._process = _started([handle for line in lines for handle in line.handles])
                ours.pop_all()
        except OSError as error:
            message = f"{sys.executable} cannot be started to look at headers: {error}."
            raise JobFailedError(message) from error
        self.pid = self._process.pid
        self.alive = True
        self._all = [ChildConnection(self, line, answer_timeout_s) for line in lines]
        self.connections = list(self._all)
        """Those that nobody uses."""
        self._greet(lines[0].pipe)

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
        """Kill the process, and close the connections that nobody uses; who uses one closes it."""
        self.alive = False
        self._process.kill()
        self._process.wait()
        for connection in self._all:
            connection.close()


def _started(handles: list[int]) -> subprocess.Popen[bytes]:
    """Start a process that inherits these handles alone."""
    home = str(PACKAGE.parent)
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-P", "-m", "fleet.video.probe.child", str(CHILD_BYTES)]
    return subprocess.Popen(  # noqa: S603 - our own program, no shell
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


@cache
def _warn(left: str) -> None:
    """Say once what a child could do that it has no use for."""
    _LOG.warning(
        "The kernel does not let us take %s from the process that looks at headers: give Fleet one "
        "with Landlock or seccomp, or run it where a hostile video can do no harm.",
        left,
    )
