"""Drivers of submitted jobs killed at random moments, what was sent gone meanwhile; and what came of it."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from generate import Clip, write
from s3_server import wait_until
from submitted import TICKS, parts

import fleet
from fleet.core.format import plural
from fleet.table.maintenance.content_hash import fingerprint

CLIPS, FRAMES, DWELL_S, DEVICES = 4, 160, 0.02, 2
LEASES = 37
"""The driver is killed after so many of its commits at most, which is about what a job has."""
STARTS_S, AFTER_S = 6.0, 1.0
"""A driver is killed at most so long after it has begun, or after the commit that is waited for."""
LONG_S = 600.0
DRIVER = ("fleet.cli.attended", "run")


class Place(Protocol):
    """A cluster on which drivers are killed."""

    def submit(self, job: Path, output: Path, log: Path) -> subprocess.Popen[bytes]:
        """Submit a job, and follow it into a log."""

    def drivers(self) -> Sequence[int]:
        """Return the processes that are drivers, as this machine numbers them."""

    def sent_files_gone(self, driver: int, /) -> AbstractContextManager[None]:
        """Take away what Ray unpacked for a job, at least until the block ends."""

    def told(self) -> str:
        """Say what became of what was sent, over all kills."""


@dataclass(frozen=True)
class Kill:
    """A driver that was killed."""

    lived_s: float
    """How long it had lived."""
    own: int
    """How many leases it had committed itself."""
    before: int
    """How many leases of the job were committed when it was killed."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended whose drivers were killed."""

    kills: tuple[Kill, ...]
    leases: int
    """How many leases it came to."""
    exit_code: int
    """The exit code of fleet submit."""
    is_equal: bool
    """Whether its rows are those of an undisturbed run."""
    printed: str
    """What it printed."""

    @property
    def is_well(self) -> bool:
        """Whether it went on by itself each time, and is whole."""
        again = len(re.findall("killed by SIGKILL; it is started again", self.printed))
        return self.exit_code == 0 and self.is_equal and again == len(self.kills)

    def moment(self, kill: Kill) -> str:
        """Say when a driver was killed, by what was done then."""
        if not kill.own:
            return "it had committed nothing itself"
        share = kill.before / self.leases
        return next(name for most, name in _MOMENTS if share <= most)


_MOMENTS = (
    (0.5, "up to half was done"),
    (0.9, "more than half was done"),
    (1.0, "nearly all was done"),
)
MOMENTS = ("it had committed nothing itself", *(name for _, name in _MOMENTS))


def prove(
    folder: Path,
    place: Place,
    kills: int,
    each: int,
    chance: random.Random,
    say: Callable[[str], None],
) -> bool:
    """Return whether every job was whole and equal to an undisturbed run, after so many kills in all.

    `each`: how many a job has at most; one that ends before its driver is killed counts as whole or
    not, and has fewer.
    """
    job = write_job(folder)
    settings = {"output": str(folder / "undisturbed"), "step": 3, "dwell_s": 0.0}
    assert fleet.run(fleet.load_job(job, settings), on="inline").exit_code == 0
    expected = fingerprint(str(folder / "undisturbed"))
    found: list[Outcome] = []
    while (left := kills - sum(len(seen.kills) for seen in found)) and len(found) < 2 * kills:
        output = folder / f"out{len(found)}"
        found.append(disturbed(place, job, output, min(each, left), chance, expected))
        say(f"  job {len(found)}: {told(found[-1])}")
        if not found[-1].is_well:
            say(found[-1].printed)
    for line in (*table(found), place.told()):
        say(line)
    return not left and all(seen.is_well for seen in found)


def told(seen: Outcome) -> str:
    """Return a line of a job."""
    lived = ", ".join(
        f"{kill.lived_s:.1f} s ({plural(kill.before, 'lease')})" for kill in seen.kills
    )
    rows = "equal" if seen.is_equal else "DIFFER"
    return f"exit code {seen.exit_code}, rows {rows}; of {seen.leases} leases; killed after {lived}"


def table(found: Sequence[Outcome]) -> Iterator[str]:
    """Yield lines: of each moment how many drivers were killed at it, and how many jobs were well."""
    every = [(each.moment(kill), each.is_well) for each in found for kill in each.kills]
    killed, well = Counter(name for name, _ in every), Counter(name for name, ok in every if ok)
    for name in MOMENTS:
        yield f"  {killed[name]:3} killed when {name}: {well[name]} whole and equal"
    jobs = sum(each.is_well for each in found)
    yield f"Drivers killed: {len(every)}. Jobs whole and equal to an undisturbed run: {jobs} of {len(found)}"


def write_job(folder: Path) -> Path:
    """Write clips, and a job of many short leases over them; return its file."""
    (folder / "clips").mkdir()
    for number in range(CLIPS):
        write(Clip(frames=FRAMES, gop=10), folder / "clips" / f"{number}.mp4")
    (folder / "ticks.py").write_text(TICKS)
    (folder / "ticks.toml").write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{folder}/clips"]\noutput = "{folder}/out"\n'
        f'sample = "all"\nlease_s = 0.1\n[params]\nstep = 3\ndwell_s = {DWELL_S}\n'
    )
    return folder / "ticks.toml"


def disturbed(
    place: Place,
    job: Path,
    output: Path,
    kills: int,
    chance: random.Random,
    expected: dict[str, str],
) -> Outcome:
    """Submit the job, kill its drivers, and return how it ended."""
    log = output.with_suffix(".log")
    client = place.submit(job, output, log)
    watched = Watched(place, client, output)
    seen: list[Kill] = []
    try:
        while len(seen) < kills and (kill := watched.kill(chance)):
            seen.append(kill)
        code = client.wait(LONG_S)
    finally:
        client.kill()
    is_equal = code == 0 and fingerprint(str(output)) == expected
    return Outcome(tuple(seen), parts(output), code, is_equal, log.read_text("utf-8"))


class Watched:
    """A submitted job; `client`: the command that follows it to its end."""

    def __init__(self, place: Place, client: subprocess.Popen[bytes], output: Path) -> None:
        self._place, self._client, self._output = place, client, output
        self._killed: set[int] = set()

    def kill(self, chance: random.Random) -> Kill | None:
        """Kill the next driver at a moment that is drawn; None where the job has ended before.

        Returns once the driver after it is there.
        """
        driver = self._next_driver()
        if driver is None:
            return None
        began_s, at_first = time.monotonic(), parts(self._output)
        wanted = chance.choice((0, 0, chance.randint(1, LEASES), chance.randint(1, LEASES)))
        enough: Callable[[], bool] = lambda: parts(self._output) >= at_first + wanted  # noqa: E731
        wait_until(lambda: enough() or self._is_over(driver), f"{wanted} commits", LONG_S)
        pause(chance.uniform(0, AFTER_S if wanted else STARTS_S))
        if self._is_over(driver):
            return None
        self._killed.add(driver)
        before = parts(self._output)
        try:
            with self._place.sent_files_gone(driver):
                os.kill(driver, signal.SIGKILL)
                lived_s = time.monotonic() - began_s
                self._next_driver()
        except (ProcessLookupError, FileNotFoundError):
            # It has ended by itself.
            return None
        return Kill(lived_s, before - at_first, before)

    def _is_over(self, driver: int) -> bool:
        return driver not in self._place.drivers()

    def _next_driver(self) -> int | None:
        found: list[int] = []

        def begun() -> bool:
            found[:] = [each for each in self._place.drivers() if each not in self._killed]
            return bool(found) or self._client.poll() is not None

        wait_until(begun, "a driver", LONG_S)
        # What it is about to start has its command line for a moment.
        return min(found, default=None)


def pause(most_s: float) -> None:
    """Let a random time pass, which is the moment that is drawn."""
    time.sleep(most_s)
