"""What a child that indexes videos is asked through, a video at a time."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from threading import Lock
from typing import Protocol

from fleet.core.source import Source
from fleet.errors import FleetError, VideoError
from fleet.video.containers.limits import WHOLE_BYTES, is_held
from fleet.video.containers.reader import RangeReader
from fleet.video.index import VideoIndex
from fleet.video.probe import shared_memory
from fleet.video.probe.check import check_index
from fleet.video.probe.child import BYTES, ERROR, INDEX, LENGTH, RANGE, REQUEST, SHARED
from fleet.video.probe.serialize import error_from_json
from fleet.video.probe.shared_memory import SHARED_BYTES
from fleet.video.probe.wire import index_from_bytes

MAX_ANSWER_BYTES = 1 << 30
"""The longest answer that is taken."""


class ProbeEndedError(Exception):
    """A child died, hung, or sent nonsense; the text continues "looking at its header"."""


class Child(Protocol):
    """The process at the other end, as its connections see it."""

    alive: bool
    """Whether nobody has closed it."""

    def ended(self) -> str:
        """Kill the process if it has not ended, and return how it ended, as text."""

    def close(self) -> None:
        """Kill the process."""


class Line:
    """A pipe and memory to hand bytes over; a child that is to be started inherits `handles`."""

    def __init__(self, ours: ExitStack, theirs: ExitStack) -> None:
        """Open them: what the child inherits is closed by `theirs`, all else by `ours`."""
        self.pipe, their_pipe = Pipe()
        ours.callback(self.pipe.close)
        theirs.callback(their_pipe.close)
        handle, self.memory = shared_memory.made()
        ours.callback(self.memory.close)
        theirs.callback(os.close, handle)
        self.handles = their_pipe.fileno(), handle


class ChildConnection:
    """A connection to a child that indexes one video at a time."""

    def __init__(self, child: Child, line: Line, answer_timeout_s: float) -> None:
        self._child = child
        self._pipe = line.pipe
        self._memory = line.memory
        self._answer_timeout_s = answer_timeout_s
        self._turn = Lock()

    def probe(self, source: Source, reader: RangeReader, *, whole: bool) -> VideoIndex:
        """Return the index that the child makes; raise ProbeEndedError where the child ends."""
        try:
            with self._turn:
                if not self._child.alive:
                    raise ProbeEndedError(self._child.ended())
                return self._probe(source, reader, source.bytes if whole else WHOLE_BYTES)
        finally:
            if not self._child.alive:
                self.close()

    def close(self) -> None:
        """Close the pipe and the memory of a child that is not alive any more.

        Where a thread uses them that thread does, once it has done: their numbers would be those
        of something else while it still reads.
        """
        if self._turn.acquire(blocking=False):
            try:
                self._pipe.close()
                self._memory.close()
            finally:
                self._turn.release()

    def _probe(self, source: Source, reader: RangeReader, whole_bytes: int) -> VideoIndex:
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
