"""The driver of a submitted job killed again and again, on cluster/local.py: whole and equal each time.

    python tests/ray/prove_drivers.py [--jobs 5] [--kills 4] [--seed N]

Each job has its driver killed so many times, at random moments from its start on; what was sent is gone
while the next driver starts, as where Ray has deleted it. The rows of each job are compared with those of
an undisturbed run. Ends with 1 where one differs, or does not end by itself.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generate import Clip, write
from local_cluster import LocalCluster, local_cluster
from s3_server import wait_until
from submitted import TICKS, parts

import fleet
from fleet.core.format import plural
from fleet.table.maintenance.content_hash import fingerprint

CLIPS, FRAMES, DWELL_S, DEVICES = 4, 500, 0.05, 2
LATEST_S = 8.0
"""A driver is killed at most so long after it has begun, or after its first commit."""
LONG_S = 600.0
DRIVER = ("fleet.cli.attended", "run")


@dataclass(frozen=True)
class Outcome:
    """How a job ended whose driver was killed."""

    kills: tuple[float, ...]
    """How long each driver had lived, in seconds."""
    exit_code: int
    """The exit code of fleet submit."""
    is_equal: bool
    """Whether its rows are those of an undisturbed run."""
    printed: str
    """What it printed."""


def main() -> int:
    """Run the proof, and print what was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=5)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    say = partial(print, flush=True)
    say(f"{plural(options.jobs, 'job')}, {plural(options.kills, 'kill')} each, seed {options.seed}")
    chance = random.Random(options.seed)  # noqa: S311 - it is to come from its seed
    with tempfile.TemporaryDirectory(prefix="fleet-drivers-") as folder:
        found = list(outcomes(Path(folder), options.jobs, options.kills, chance, say))
    well = sum(each.exit_code == 0 and each.is_equal for each in found)
    kills = sum(len(each.kills) for each in found)
    say(
        f"Drivers killed: {kills}. Jobs whole and equal to an undisturbed run: {well} of {options.jobs}"
    )
    return 0 if well == options.jobs and kills == options.jobs * options.kills else 1


def outcomes(
    folder: Path, jobs: int, kills: int, chance: random.Random, say: Callable[[str], None]
) -> Iterator[Outcome]:
    """Yield how each job ended, all on one cluster."""
    job = write_job(folder)
    settings = {"output": str(folder / "undisturbed"), "step": 3, "dwell_s": 0.0}
    assert fleet.run(fleet.load_job(job, settings), on="inline").exit_code == 0
    expected = fingerprint(str(folder / "undisturbed"))
    with local_cluster(DEVICES) as cluster:
        for number in range(jobs):
            seen = disturbed(cluster, job, folder / f"out{number}", kills, chance, expected)
            lived = ", ".join(f"{each:.1f}" for each in seen.kills)
            say(
                f"  job {number + 1}: exit code {seen.exit_code}, rows "
                f"{'equal' if seen.is_equal else 'DIFFER'}; its drivers lived for {lived} s"
            )
            if seen.exit_code or not seen.is_equal:
                say(seen.printed)
            yield seen


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
    cluster: LocalCluster,
    job: Path,
    output: Path,
    kills: int,
    chance: random.Random,
    expected: dict[str, str],
) -> Outcome:
    """Submit the job, kill its drivers, and return how it ended."""
    log = output.with_suffix(".log")
    words = ("submit", job, "--output", output, "--max-devices", DEVICES)
    with log.open("wb") as out:
        client = subprocess.Popen(
            cluster.command(*words), env=cluster.environment, stdout=out, stderr=out
        )
    lived: list[float] = []
    killed: set[int] = set()
    try:
        while len(lived) < kills:
            driver = new_driver(cluster, client, killed, log)
            began_s = time.monotonic()
            if len(lived) % 2:
                # Every other one may do something first: nobody goes on for ever in vain.
                more_than(output, parts(output), client, log)
            pause(chance.uniform(0, LATEST_S))
            killed.add(driver)
            with sent_files_gone(driver):
                os.kill(driver, signal.SIGKILL)
                lived.append(time.monotonic() - began_s)
                new_driver(cluster, client, killed, log)
        code = client.wait(LONG_S)
    finally:
        client.kill()
    printed = log.read_text("utf-8")
    is_equal = code == 0 and fingerprint(str(output)) == expected
    assert len(re.findall("killed by SIGKILL; it is started again", printed)) == kills, printed
    return Outcome(tuple(lived), code, is_equal, printed)


def more_than(output: Path, before: int, client: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a commit."""
    wait_until(lambda: parts(output) > before or over(client, log), "a commit", LONG_S)


def pause(most_s: float) -> None:
    """Let a random time pass, which is the moment that is drawn."""
    time.sleep(most_s)


def new_driver(
    cluster: LocalCluster, client: subprocess.Popen[bytes], killed: set[int], log: Path
) -> int:
    """Return the next driver, once it is there."""
    found: Sequence[int] = ()

    def begun() -> bool:
        nonlocal found
        found = [each for each in cluster.find(*DRIVER) if each not in killed]
        return bool(found) or over(client, log)

    wait_until(begun, "a driver", LONG_S)
    return found[0]


def over(client: subprocess.Popen[bytes], log: Path) -> bool:
    """Raise AssertionError where the job has ended; else return False."""
    assert client.poll() is None, f"the job ended before its driver was killed:\n{log.read_text()}"
    return False


@contextmanager
def sent_files_gone(driver: int) -> Iterator[None]:
    """Take away what Ray unpacked for a job, as it does itself; it is there again after the block."""
    resources = Path(f"/proc/{driver}/cwd").readlink().parents[1]
    unpacked = [path for path in resources.glob("*/_ray_pkg_*") if path.is_dir()]
    assert unpacked, f"nothing of what was sent is in {resources}"
    away = [(path, path.with_name(f"away-{path.name}")) for path in unpacked]
    for path, former in away:
        path.rename(former)
    try:
        yield
    finally:
        for path, former in away:
            if not path.exists():
                former.rename(path)


if __name__ == "__main__":
    sys.exit(main())
