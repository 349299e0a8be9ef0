"""The head of a cluster killed again and again under a submitted job, its memory kept."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from generate import Clip, write
from hosts import Host, wait_for
from lasting import LastingHead, Memory, join, lasting_head
from submitted import TICKS, id_in, parts

import fleet
from fleet.core.format import plural
from fleet.table.maintenance.content_hash import fingerprint

CLIPS, FRAMES, DWELL_S = 4, 1000, 0.1
DEVICES = 2
AWAY_S = (1.0, 12.0)
"""Between these the head is away, beside what it takes to start."""
LONG_S = 600
QUIET = {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": ""}


@dataclass(frozen=True)
class Kill:
    """One time that the head was killed."""

    away_s: float
    """How long there was none."""
    meanwhile: int
    """How many leases were committed in that time."""
    after_s: float
    """How long the next commit took once it was back."""


def prove(
    folder: Path, memory: Memory, kills: int, chance: random.Random, say: Callable[[str], None]
) -> bool:
    """Return whether the job ended well, with the rows of a run without a cluster."""
    job, output = write_job(folder), folder / "out"
    with lasting_head(folder / "hosts", memory) as head:
        join(head, DEVICES)
        desk = head.cluster.network.add()
        submitted = run(desk, folder, "submit", "--detach", str(job), "--address", head.url)
        say(submitted)
        assert "node apart from the head" in submitted
        submission = id_in(submitted)
        for number in range(kills):
            seen = kill(head, output, chance)
            say(
                f"  kill {number + 1}: no head for {seen.away_s:.0f} s, in which "
                f"{plural(seen.meanwhile, 'lease')} more got committed; the next came "
                f"{seen.after_s:.1f} s after it was back"
            )
        printed = run(desk, folder, "logs", "--follow", submission, "--address", head.url)
    say(printed)
    say(f"The driver was started again {plural(printed.count('is started again'), 'time')}.")
    same = fingerprint(str(output)) == undisturbed(job, folder / "inline")
    return same and "Finished" in printed


def write_job(folder: Path) -> Path:
    """Write clips, and a job of many short leases over them; return its file."""
    clips = folder / "clips"
    clips.mkdir()
    for number in range(CLIPS):
        write(Clip(frames=FRAMES, gop=10), clips / f"{number}.mp4")
    (folder / "ticks.py").write_text(TICKS)
    (folder / "ticks.toml").write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{clips}"]\noutput = "{folder}/out"\n'
        f'sample = "all"\nlease_s = 0.2\n[params]\nstep = 3\ndwell_s = {DWELL_S}\n'
    )
    return folder / "ticks.toml"


def undisturbed(job: Path, output: Path) -> dict[str, str]:
    """Return the tables of a run in this process, as fingerprints."""
    settings = {"output": str(output), "step": 3, "dwell_s": 0.0}
    assert fleet.run(fleet.load_job(job, settings), on="inline").exit_code == 0
    return fingerprint(str(output))


def run(desk: Host, folder: Path, *words: str) -> str:
    """Run the command at a desk beside the cluster to its end; return what it printed."""
    log = folder / f"{words[0]}.log"
    process = desk.start([sys.executable, "-m", "fleet.cli", *words], log, QUIET)
    try:
        code = process.wait(LONG_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"fleet {words[0]} goes on: {log.read_text()}") from None
    assert code == 0, log.read_text()
    return log.read_text()


def kill(head: LastingHead, output: Path, chance: random.Random) -> Kill:
    """Kill the head once more has been committed, and begin it anew a while later."""
    more(output, parts(output) + chance.randint(1, 4))
    before, gone_s = parts(output), time.monotonic()
    head.kill()
    until_s = gone_s + chance.uniform(*AWAY_S)
    wait_for(lambda: time.monotonic() > until_s, "the time without a head", LONG_S)
    head.begin()
    back_s, then = time.monotonic(), parts(output)
    more(output, then + 1)
    return Kill(back_s - gone_s, then - before, time.monotonic() - back_s)


def more(output: Path, wanted: int) -> None:
    """Wait until so many leases are committed."""
    reached: Callable[[], bool] = lambda: parts(output) >= wanted  # noqa: E731 - a name for a condition
    wait_for(reached, f"{wanted} leases of {output}", LONG_S)
