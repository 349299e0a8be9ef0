"""One process with a worker in it, as the driver holds it: its line, its last words, its end."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Thread

from fleet.executors.processes.endings import Ended, memory_kills, why_ended
from fleet.version import PACKAGE

_START = (
    # What is loaded stays: looking for garbage in it takes a tenth of the time of loading it.
    "import gc; gc.disable(); "
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    # Whoever has started it may be gone before all else is loaded.
    "from fleet.executors.processes.lifeline import die_with; die_with(int(sys.argv[3])); "
    "from fleet.executors.processes.child import main; gc.freeze(); gc.enable(); "
    "main(*map(int, sys.argv[2:]))"
)
_LAST_WORDS_BYTES = 4096
"""How much is kept of what a process writes; the rest is not shown, as of Ray's workers."""
_CHUNK_BYTES = 65536
_ENVIRONMENT = {
    # A device has one core, as under Ray.
    "OMP_NUM_THREADS": "1",
    # Pictures and networks take megabytes. glibc asks Linux for them in large pages, of which the
    # processor looks up fewer; where there are none, nothing changes.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""What a worker's process finds in its environment, unless the user says otherwise."""
_REST_S = 5.0
"""How long is waited for what a process had said before it ended."""


class WorkerProcess:
    """A process, and threads that write to it, read from it and wait for its end.

    What it says is heard in one of them, at last that it has Ended, once. Whatever it does, none of
    these methods waits for it but `join`. Raises OSError or RuntimeError where the machine has no
    process, handle or thread left for it, of which nothing stays.
    """

    def __init__(self, hear: Callable[[object], None]) -> None:
        self._hear = hear
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._last_words = b""
        self._kills_before = memory_kills()
        # What is ours is undone where something cannot be had; what is the worker's, in any case.
        with ExitStack() as theirs, ExitStack() as ours:
            self._line, line = Pipe()
            ours.callback(self._line.close)
            theirs.callback(line.close)
            self._words, written = os.pipe()
            ours.callback(os.close, self._words)
            theirs.callback(os.close, written)
            dies_with_us, self._lifeline = os.pipe()
            ours.callback(os.close, self._lifeline)
            theirs.callback(os.close, dies_with_us)
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [*_command(), str(line.fileno()), str(dies_with_us)],
                pass_fds=(line.fileno(), dies_with_us),
                env={**_ENVIRONMENT, **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                # Ctrl-C reaches every process of a terminal's group, and is for the driver alone.
                start_new_session=True,
            )
            self.pid = self._process.pid
            threads: list[Thread] = []
            ours.callback(self._give_up, threads)
            theirs.close()
            self._reader = self._start(self._read)
            threads.append(self._reader)
            self._writer = self._start(self._write)
            threads.append(self._writer)
            self._end = self._start(self._await_end)
            ours.pop_all()

    def _give_up(self, threads: Sequence[Thread]) -> None:
        """End a process for which not all threads could be started."""
        self.kill()
        self._process.wait()
        self._outbox.put(None)
        for thread in threads:
            thread.join(_REST_S)

    def _start(self, task: Callable[[], None]) -> Thread:
        thread = Thread(target=task, name=f"worker-{self.pid}", daemon=True)
        thread.start()
        return thread

    def send(self, message: object) -> None:
        """Send a message, once it takes those before."""
        self._outbox.put(pickle.dumps(message))

    def kill(self) -> None:
        """End it and what it has started; that it has ended is heard all the same."""
        # Its number is no other process's before it was waited for.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def keep_to(self, cores: Sequence[int]) -> None:
        """Have it use these cores alone, and what it starts from now on."""
        # As of `kill`.
        if self._process.returncode is None:
            with suppress(OSError):  # it has ended, or lost a core meanwhile
                os.sched_setaffinity(self.pid, cores)

    def join(self) -> None:
        """Wait until nothing of it is left here; it was killed, or told to close, before."""
        self._end.join()

    def _write(self) -> None:
        with suppress(OSError):  # it has ended, which is heard elsewhere
            while (data := self._outbox.get()) is not None:
                self._line.send_bytes(data)

    def _read(self) -> None:
        sources: set[Connection | int] = {self._line, self._words}
        while sources:
            for source in wait(list(sources)):
                if source is self._line and not self._read_message():
                    sources.remove(self._line)
                elif source == self._words and not self._read_words():
                    sources.remove(self._words)

    def _read_message(self) -> bool:
        try:
            data = self._line.recv_bytes()
        except (EOFError, OSError):
            return False
        self._hear(pickle.loads(data))  # noqa: S301 - of our own worker
        return True

    def _read_words(self) -> bool:
        words = os.read(self._words, _CHUNK_BYTES)
        self._last_words = (self._last_words + words)[-_LAST_WORDS_BYTES:]
        return bool(words)

    def _await_end(self) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        # What it has started would hold its line and its memory.
        self.kill()
        # What left its group may hold the line for good.
        self._reader.join(_REST_S)
        code = self._process.wait()
        kills = memory_kills()
        reason = why_ended(code, self._last_words, killed_for_memory=kills != self._kills_before)
        self._hear(Ended(reason))
        self._outbox.put(None)
        self._writer.join(_REST_S)
        os.close(self._lifeline)
        if not (self._reader.is_alive() or self._writer.is_alive()):
            self._line.close()
            os.close(self._words)


def _command() -> list[str]:
    """Return the command of a worker, in which modules are found where this process finds them."""
    # Not by PYTHONPATH, which programs that a job starts would inherit.
    return [sys.executable, "-P", "-c", _START, json.dumps(module_folders())]


def module_folders() -> list[str]:
    """Return where a worker is to find modules: where this process finds them by now."""
    folders = [*map(os.path.abspath, sys.path), str(PACKAGE.parent)]
    return list(dict.fromkeys(folders))
