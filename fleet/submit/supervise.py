"""`python -m fleet.submit.supervise JOB.toml`: run a job in a cluster, again where it dies.

It runs beside the driver, on the node where Ray Jobs puts it. A driver that died goes on from the
output, so that starting it again is all there is to do.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from threading import Event
from types import FrameType

from fleet.core.format import duration, plural
from fleet.errors import FleetError
from fleet.job.fields import read_duration
from fleet.storage import Folder
from fleet.submit.restart_policy import MOST_IN_VAIN, RestartHistory, how_it_ended, is_final
from fleet.table.state.run_records import read_run_records

FAILED = 1


class Supervisor:
    """Runs a command until it ends as it should, or somebody asks to stop.

    A stop reaches the command as SIGINT, as Ctrl-C does. `output`: where it tells how far it is.
    `deadline_s`: in how many seconds from now it is to be over; each life is told what is left.
    """

    def __init__(self, command: list[str], output: str, deadline_s: float | None = None) -> None:
        self._command = command
        self._output = output
        self._ends_s = None if deadline_s is None else time.monotonic() + deadline_s
        self._stop = Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Give the exit code of the command's last life."""
        # Ray, like a terminal, sends SIGINT to every process of the job; SIGTERM comes alone.
        signal.signal(signal.SIGINT, self._asked_to_stop)
        signal.signal(signal.SIGTERM, self._pass_on)
        lives = RestartHistory(frames=self._frames())
        while True:
            code = self._live()
            if self._stop.is_set() or is_final(code):
                return code if is_final(code) else FAILED
            lives = lives.after(self._frames())
            ended = f"fleet: the driver {how_it_ended(code)}"
            if not lives.may_go_on:
                _say(
                    f"{ended}, {plural(MOST_IN_VAIN, 'time')} without a frame more. It is given up."
                )
                return FAILED
            _say(f"{ended}; it is started again in {duration(lives.wait_s)} and goes on.")
            if self._stop.wait(lives.wait_s):
                return FAILED

    def _live(self) -> int:
        with subprocess.Popen(self._command_now()) as child:  # noqa: S603 - our own program, no shell
            self._child = child
            if self._stop.is_set():  # asked just before there was anybody to tell
                child.send_signal(signal.SIGINT)
            return child.wait()

    def _command_now(self) -> list[str]:
        if self._ends_s is None:
            return self._command
        left_s = max(1.0, self._ends_s - time.monotonic())
        return [*self._command, f"--deadline={left_s:.3f}s"]

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        if not self._stop.is_set() and self._child is not None:
            self._child.send_signal(signal.SIGINT)
        self._stop.set()

    def _frames(self) -> int:
        """How many frames are done, as runs have noted; 0 where that cannot be read just now."""
        try:
            notes = read_run_records(Folder(self._output))
        except FleetError:
            return 0
        return max((note.done_frames for note in notes), default=0)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command's voice


def main() -> None:
    """Run the job whose file is named."""
    job_file = sys.argv[1]
    job = tomllib.loads(Path(job_file).read_text("utf-8"))
    command = [sys.executable, "-m", "fleet.cli.attended", "run", job_file]
    deadline_s = read_duration(job["deadline"]) if "deadline" in job else None
    sys.exit(Supervisor(command, job["output"], deadline_s).run())


if __name__ == "__main__":
    main()
