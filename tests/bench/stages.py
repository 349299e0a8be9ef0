"""CPU milliseconds a frame by stage, in one process pinned to one core: what work costs, not when.

    python tests/bench/stages.py [ANOTHER_CHECKOUT]

Runs `jobs/detect.toml` inline on the bench's clip, with another checkout in turn where one is named.
Prints medians over rounds, the least and the most. CPU seconds do not count what other processes
of a machine do meanwhile; but caches and clock rates are shared: read the ratios of one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from measured.contestants import checkout_at
from measured.cpu_watch import CpuWatch
from measured.material import KEPT, ROOT, gather

import fleet

ROUNDS = 5
SAMPLE = "all,to_s=12"
STAGES = ("vdec", "vpc", "aipp", "model", "head", "output")
REST, WHOLE = "rest", "whole"
"""What the process takes besides the stages, from the first device to the last part; and all."""


def measure(model: str, video: str, output: str) -> dict[str, float]:
    """Return CPU milliseconds a frame by stage of one run in this process."""
    settings = {"input": [video], "output": output, "sample": SAMPLE, "model": model}
    watch = CpuWatch()
    job = fleet.load_job(ROOT / "jobs" / "detect.toml", settings)
    tally = fleet.run(job, on="inline", observer=watch).this_run
    found = {name: 1000 * tally.host_s[name] / tally.frames for name in STAGES}
    whole = 1000 * (watch.last_s - watch.ready_s) / tally.frames
    return {**found, REST: whole - sum(found.values()), WHOLE: whole}


def measured_apart(checkout: Path, core: int, *paths: str) -> dict[str, float]:
    """Return what a checkout measures in a process of its own, on one core."""
    script = (
        "import json, os, sys; "
        f"os.sched_setaffinity(0, {{{core}}}); "
        f"sys.path[:0] = {[str(ROOT / 'tests' / name) for name in ('bench', 'support')]!r}; "
        "import fleet, stages; "
        "print(json.dumps([fleet.__file__, stages.measure(*sys.argv[1:])]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", script, *paths]
    # Python looks for modules in the folder where it is started before those of PYTHONPATH.
    ended = subprocess.run(
        command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    where, found = json.loads(ended.stdout.splitlines()[-1])
    assert Path(where).is_relative_to(checkout), f"{where} was measured, not {checkout}"
    values: dict[str, float] = found
    return values


def main() -> None:
    """Measure this checkout and, in turn, another."""
    material = gather(KEPT, small=False)
    video, model = material.clip, str(checkout_at(ROOT, material).model)
    checkouts = [Path(name).resolve() for name in (*sys.argv[1:2], str(ROOT))]
    core = max(os.sched_getaffinity(0))
    rounds: list[list[dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            outputs = [f"{folder}/{number}-{at}" for at in range(len(checkouts))]
            rounds.append(
                [
                    measured_apart(checkout, core, model, str(video), output)
                    for checkout, output in zip(checkouts, outputs, strict=True)
                ]
            )
    print(f"CPU ms a frame of {video.name}, {SAMPLE}, medians of {ROUNDS} rounds (least-most):")
    for stage in (*STAGES, REST, WHOLE):
        sides = zip(*([found[stage] for found in one] for one in rounds), strict=True)
        texts = [f"{median(side):6.2f} ({min(side):.2f}-{max(side):.2f})" for side in sides]
        ratio = median(one[-1][stage] / one[0][stage] for one in rounds)
        told = f"   ratio {ratio:.2f}" if len(checkouts) > 1 else ""
        print(f"{stage:<7}" + "   now".join(texts) + told)


if __name__ == "__main__":
    main()
