"""`python -m fleet.submit.supervise [OPTION...] JOB.toml [FOLDER]`: run a job, restart its driver.

It runs on the node where Ray Jobs starts it, with the driver as its child. A driver continues from
the output, so that starting it again is enough. FOLDER is what `fleet.submit.keep` has copied;
the options are for `fleet run`.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from types import FrameType

from fleet.core.format import duration, plural
from fleet.errors import FleetError
from fleet.job.fields import read_duration
from fleet.storage import Folder
from fleet.submit.restart_policy import MOST_IN_VAIN, RestartHistory, how_it_ended, is_final
from fleet.table.state.run_records import RunRecord, RunRecords

FAILED = 1
OF_FIRST = ("--retry-failed", "--retry-lost")
"""Options of `fleet run` that go along until they are done: a driver that is started again is not
to do once more what this very job has recorded as lost."""
OF_RUN = ("--report", *OF_FIRST)
"""The options of `fleet run` that go along with a job."""


class Supervisor:
    """A runner of a command, which starts it again until it ends by itself, or a stop is asked for.

    A stop reaches the command as SIGINT, as Ctrl-C does. The command notes its progress in
    `output`. With `deadline_s`, in seconds from now, each attempt gets what is left of it.
    `first`: options that the command gets until it has noted something, which it does behind them.
    """

    def __init__(
        self,
        command: list[str],
        output: str,
        deadline_s: float | None = None,
        first: Sequence[str] = (),
    ) -> None:
        self._command = command
        self._first = list(first)
        self._lives: set[int] = set()
        self._earlier: set[str] = set()
        self._output = output
        self._ends_s = None if deadline_s is None else time.monotonic() + deadline_s
        self._stop = Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Run the command, and return the exit code of its last attempt."""
        # Ray, like a terminal, sends SIGINT to every process of the job; SIGTERM comes alone.
        signal.signal(signal.SIGINT, self._asked_to_stop)
        signal.signal(signal.SIGTERM, self._pass_on)
        self._earlier = {note.id for note in self._notes()}
        history = RestartHistory()
        while True:
            code = self._run_once()
            if self._stop.is_set() or is_final(code):
                return code if is_final(code) else FAILED
            history = history.after(self._look_back())
            ended = f"fleet: the driver {how_it_ended(code)}"
            if not history.may_go_on:
                _print(
                    f"{ended}, {plural(MOST_IN_VAIN, 'time')} without a frame more. It is given up."
                )
                return FAILED
            _print(f"{ended}; it is started again in {duration(history.wait_s)} and goes on.")
            if self._stop.wait(history.wait_s):
                return FAILED

    def _run_once(self) -> int:
        with subprocess.Popen(self._command_now()) as child:  # noqa: S603 - our own program, no shell
            self._child = child
            self._lives.add(child.pid)
            if self._stop.is_set():  # the stop came before the child had started
                child.send_signal(signal.SIGINT)
            return child.wait()

    def _command_now(self) -> list[str]:
        command = [*self._command, *self._first]
        if self._ends_s is None:
            return command
        left_s = max(1.0, self._ends_s - time.monotonic())
        return [*command, f"--deadline={left_s:.3f}s"]

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        if not self._stop.is_set() and self._child is not None:
            self._child.send_signal(signal.SIGINT)
        self._stop.set()

    def _look_back(self) -> int:
        """Return how many frames its attempts have noted as done, and see what they are over with.

        Those of other runs say nothing of its progress: frames may have been taken out since.
        """
        here = socket.gethostname()
        own = [
            note
            for note in self._notes()
            if note.holder.pid in self._lives
            and note.holder.host == here
            and note.id not in self._earlier
        ]
        if own:
            self._first = []
        return max((note.done_frames for note in own), default=0)

    def _notes(self) -> list[RunRecord]:
        """Return what runs have noted in the output; nothing where that cannot be read now."""
        try:
            return RunRecords(Folder(self._output)).read()
        except FleetError:
            return []


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command's voice


def main() -> None:
    """Run the job of the file that the command line names; then remove the folder named there."""
    parser = ArgumentParser(prog="fleet.submit.supervise")
    for option in OF_RUN:
        parser.add_argument(option, dest="options", action="append_const", const=option)
    parser.add_argument("job_file")
    parser.add_argument("folder", nargs="?")
    asked = parser.parse_args()
    try:
        sys.exit(_supervise(asked.job_file, asked.options or []))
    finally:
        if asked.folder:
            shutil.rmtree(asked.folder)


def _supervise(job_file: str, options: Sequence[str]) -> int:
    job = tomllib.loads(Path(job_file).read_text("utf-8"))
    command = [sys.executable, "-m", "fleet.cli.attended", "run", job_file, "--on", "ray"]
    command += [option for option in options if option not in OF_FIRST]
    first = [option for option in options if option in OF_FIRST]
    deadline_s = read_duration(job["deadline"]) if "deadline" in job else None
    return Supervisor(command, job["output"], deadline_s, first).run()


if __name__ == "__main__":
    main()
