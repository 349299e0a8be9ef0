"""A job twice: undisturbed, and under a schedule of faults; then the two outputs compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, Any

from fleet.chaos.instructions import Instructions
from fleet.chaos.schedule import Strike
from fleet.errors import JobFailedError
from fleet.storage.fault_injection import FAULTS_VARIABLE, Faults
from fleet.table.maintenance.content_hash import fingerprint

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Life:
    """How one life of the driver went.

    `exit_code`: as `fleet run` ends with; negative: the signal that killed it. `worked_s`: from the
    first lease to the last. `struck`: the strikes that hit. `devices_lost`, `redone`: see it.
    """

    exit_code: int
    worked_s: float = 0.0
    frames: int = 0
    struck: int = 0
    devices_lost: int = 0
    redone: int = 0
    error: str = ""


@dataclass(frozen=True)
class Comparison:
    """The tables of two outputs, by name: those that are equal row for row, and the others."""

    same: tuple[str, ...]
    different: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """A job file with its overrides, and the environment that its drivers get."""

    job_file: str
    overrides: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)

    def undisturbed(self, output: str) -> Life:
        """Run it as it is; raises JobFailedError where that does not work."""
        life = self._live(output, (), None, _hush)
        if life.exit_code not in {0, 3}:
            raise JobFailedError(
                f"Without any fault the job ended with exit code {life.exit_code}: {life.error}",
                "Run it with `fleet run`, and mend it first.",
            )
        return life

    def disturbed(
        self, output: str, lives: tuple[tuple[Strike, ...], ...], faults: Faults | None, tell: Tell
    ) -> list[Life]:
        """Run it again and again, as after each death; the last life ends by itself."""
        return [self._live(output, strikes, faults, tell) for strikes in lives]

    def _live(
        self, output: str, strikes: tuple[Strike, ...], faults: Faults | None, tell: Tell
    ) -> Life:
        orders = Instructions(self.job_file, {**self.overrides, "output": output}, strikes)
        environment = {**os.environ, **self.environment}
        if faults:
            environment[FAULTS_VARIABLE] = str(faults)
        struck, error, end = 0, "", {}
        with (
            TemporaryFile("w+", errors="replace") as complaints,
            subprocess.Popen(
                [sys.executable, "-m", "fleet.chaos.driver_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=environment,
                text=True,
            ) as process,
        ):
            for said in _conversation(process, orders.to_json()):
                if "strike" in said:
                    struck += 1
                    tell(f"{said['at_s']:6.1f} s  {said['strike']}: {said['whom']}")
                elif "error" in said:
                    error = said["error"]
                    tell(f"the job failed: {error}")
                else:
                    end = said
            process.wait()
            error = error or _last_line(complaints)
        toll = end.get("toll", {})
        return Life(
            process.returncode if not end else end["end"],
            end.get("worked_s", 0.0),
            end.get("frames", 0),
            struck,
            toll.get("devices_lost", 0),
            toll.get("redone", 0),
            error,
        )


def compare(one: str, other: str) -> Comparison:
    """Compare all tables of two outputs, row for row, whatever parts the rows lie in."""
    left, right = fingerprint(one), fingerprint(other)
    names = sorted({*left, *right})
    same = tuple(name for name in names if left.get(name) == right.get(name))
    return Comparison(same, tuple(name for name in names if name not in same))


def _conversation(process: subprocess.Popen[str], orders: str) -> Iterator[dict[str, Any]]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(orders)
    process.stdin.close()
    for line in process.stdout:
        # Ray writes to stdout what its workers print.
        if line.startswith("{"):
            yield json.loads(line)


def _last_line(complaints: IO[str]) -> str:
    """Give the last of what a life said on stderr: the error, where it ended with one."""
    complaints.seek(0)
    lines = [line.strip() for line in complaints if line.strip()]
    return lines[-1] if lines else ""


def _hush(_: str) -> None:
    """Say nothing."""
