"""Looking at headers in another process: a video that ends or hangs it costs only itself.

That process takes 0.2 s to start (0.35 s of CPU), once for all videos, and none where every index
is kept: little enough that a single video goes the same way as an archive does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Lock

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, FleetError, JobFailedError, VideoError
from fleet.storage import Reader
from fleet.version import PACKAGE
from fleet.video.containers.reader import RangeReader
from fleet.video.index import VideoIndex
from fleet.video.probe.child import ERROR, GIVES, HELLO, INDEX, RANGE, WANTS
from fleet.video.probe.probe import check_index
from fleet.video.probe.serialize import error_from_json
from fleet.video.probe.wire import index_from_bytes

THINKING_S = 120.0
"""From one message of a child to the next: the longest header that is taken needs a minute."""
CHILD_BYTES = 4 << 30
MOST_BYTES = 1 << 30
"""The longest answer that is taken."""
STARTING_S, DYING_S = 60.0, 5.0
_WAY_OUT = "Leave it out of the inputs, or rewrite it: `ffmpeg -i in -c copy out.mp4`."
_KEPT = ("PATH", "LD_LIBRARY_PATH")


class ProbeEndedError(Exception):
    """A child died, hung, or talks nonsense; its text goes on behind "looking at its header"."""


class Probes:
    """A process that indexes videos, up to `most` at a time; safe to use from as many threads.

    It gets no environment, so no credentials, and the bytes that it asks for; of what it answers,
    nothing is believed unseen. Where it comes to grief, each video that it had in hand has another
    one to itself, which tells whose doing it was. It is started when it is first needed, also after
    `close`, and ends with its parent. `processes`: all that were started.
    """

    def __init__(self, most: int, thinking_s: float = THINKING_S) -> None:
        self._most = most
        self._thinking_s = thinking_s
        self._free = BoundedSemaphore(most)
        self._turn, self._alone = Lock(), Lock()
        self._shared: _Child | None = None
        self.processes: list[int] = []

    def probe(self, source: Source, reader: RangeReader) -> VideoIndex:
        """See `probe`; BrokenVideoError too where a process comes to grief over it.

        That error has a ProbeEndedError as its cause. Raises JobFailedError where no process can be
        started.
        """
        with self._free:
            with suppress(ProbeEndedError), self._line() as line:
                return line.probe(source, reader)
            with self._alone, closing(self._start(1)) as child:
                try:
                    return child.lines[0].probe(source, reader)
                except ProbeEndedError as ended:
                    message = f"looking at its header {ended}."
                    raise BrokenVideoError(source.uri, message, _WAY_OUT) from ended

    def index(self, source: Source) -> VideoIndex:
        """Index a video where it lies; see `probe`."""
        return self.probe(source, Reader(source))

    @contextmanager
    def _line(self) -> Iterator[_Line]:
        """Take a line to the shared process, which is started where there is none."""
        with self._turn:
            if self._shared is None or not self._shared.alive:
                self._shared = self._start(self._most)
            line = self._shared.lines.pop()
            child = self._shared
        try:
            yield line
        finally:
            child.lines.append(line)

    def _start(self, lines: int) -> _Child:
        child = _Child(lines, self._thinking_s)
        self.processes.append(child.number)
        return child

    def close(self) -> None:
        """End the process."""
        if self._shared is not None:
            self._shared.close()


class _Child:
    """One process, and the lines to it, each of which is used by one thread at a time."""

    def __init__(self, lines: int, thinking_s: float) -> None:
        pairs = [Pipe() for _ in range(lines)]
        handles = [theirs.fileno() for _, theirs in pairs]
        home = str(PACKAGE.parent)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        command = [sys.executable, "-P", "-m", "fleet.video.probe.child", str(CHILD_BYTES)]
        self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [*command, *map(str, handles)],
            pass_fds=handles,
            env={**kept, "PYTHONPATH": os.pathsep.join([home, *filter(None, sys.path)])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _, theirs in pairs:
            theirs.close()
        self.number = self._process.pid
        self.alive = True
        self.lines = [_Line(self, ours, thinking_s) for ours, _ in pairs]
        self._greet(pairs[0][0])

    def _greet(self, line: Connection) -> None:
        """Make sure that it runs at all: whether it does is no matter of any video."""
        try:
            if line.poll(STARTING_S) and line.recv_bytes() == HELLO:
                return
        except (EOFError, OSError):
            pass
        self.close()
        raise JobFailedError(f"{sys.executable} cannot be started to look at headers.")

    def ended(self) -> str:
        """End it, if it has not ended by itself, and say how it came to it."""
        why = "broke the line to the process that did it"
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(DYING_S)
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            why = f"ended the process that did it ({how})"
        self.close()
        return why

    def close(self) -> None:
        """End it."""
        self.alive = False
        self._process.kill()
        self._process.wait()


class _Line:
    """A conversation with a child about one video at a time."""

    def __init__(self, child: _Child, line: Connection, thinking_s: float) -> None:
        self._child = child
        self._line = line
        self._thinking_s = thinking_s

    def probe(self, source: Source, reader: RangeReader) -> VideoIndex:
        """Have it look at a video; raises ProbeEndedError where that is its end."""
        self._send(json.dumps([source.uri, source.bytes, source.etag]).encode())
        while True:
            message = self._receive()
            kind, body = message[:1], message[1:]
            if kind != WANTS:
                return self._answer(source, kind, body)
            self._send(GIVES + self._read(reader, body))

    def _read(self, reader: RangeReader, wanted: bytes) -> bytes:
        try:
            return reader.read(*RANGE.unpack(wanted))
        except FleetError:
            # The child need not know why, only that it is over; it is no matter if it is gone.
            with suppress(ProbeEndedError):
                self._send(ERROR)
                self._receive()
            raise

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
            self._line.send_bytes(message)
        except OSError as error:
            raise ProbeEndedError(self._child.ended()) from error

    def _receive(self) -> bytes:
        try:
            if self._line.poll(self._thinking_s):
                return self._line.recv_bytes(MOST_BYTES)
        except (EOFError, OSError) as error:
            raise ProbeEndedError(self._child.ended()) from error
        self._child.close()
        raise ProbeEndedError(f"took more than {self._thinking_s:g} s")
