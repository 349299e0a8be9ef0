"""`make prove-kill`: workers and drivers killed at random moments, storage that fails; prints.

Needs FLEET_TEST_DATA. Ends with 1 where any row differs or more is redone than a lease a worker.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from standstill import stand_still

from fleet.ascend.soc import soc
from fleet.chaos.run import Life, Trial, compare
from fleet.chaos.schedule import FaultKind, Strike
from fleet.models.compiler.compile import compile_model, read_labels
from fleet.storage.fault_injection import Faults

JOB = Path(__file__).parents[2] / "jobs" / "detect.toml"
WORKER_KILLS, DRIVER_KILLS = 20, 10
WATCHDOG_S = 5.0
PLACES = ("ray", "processes")
"""Where the devices live, in turn."""
GIVEN_UP_S = 180.0
"""Within which a run that stands still is given up, and another one has done its work."""
Case = tuple[str, tuple[tuple[Strike, ...], ...], Faults | None]


def cases(seed: int, span_s: float) -> list[Case]:
    """Set all cases out; each is a run of its own."""
    chance = np.random.default_rng(seed)

    def moment() -> float:
        return float(chance.uniform(0.02, 0.95) * span_s)

    listed: list[Case] = []
    for number in range(WORKER_KILLS):
        trigger = Strike(moment(), FaultKind.KILL, int(chance.integers(2)))
        listed.append((f"worker killed ({number + 1})", ((trigger,),), None))
    listed.append(("worker hangs", ((Strike(moment(), FaultKind.HANG),),), None))
    for number in range(DRIVER_KILLS):
        trigger = Strike(moment(), FaultKind.DRIVER)
        listed.append((f"driver killed ({number + 1})", ((trigger,), ()), None))
    listed.append(("5 % of requests fail", ((),), Faults(seed, fail=0.05)))
    listed.append(("5 % fail after all", ((),), Faults(seed, lose=0.05)))
    listed.append(("20 % of puts torn", ((),), Faults(seed, torn=0.2)))
    listed.append(("5 % of reads short", ((),), Faults(seed, short=0.05)))
    both = ((Strike(moment(), FaultKind.KILL), Strike(moment(), FaultKind.KILL, 1)), ())
    listed.append(("two killed, 5 % fail, 10 % torn", both, Faults(seed, fail=0.05, torn=0.1)))
    return listed


def compiled(data: Path, folder: Path) -> Path:
    """Compile FastestDet."""
    labels = read_labels((data / "coco.names").read_text("utf-8"), "coco.names")
    network = (data / "FastestDet.onnx").read_bytes()
    path = folder / "fastestdet.om"
    path.write_bytes(
        compile_model(
            network, head="fastestdet", labels=labels, name="fastestdet", soc=soc("Ascend310")
        )
    )
    return path


def judge(name: str, ends: list[Life], whole: str, output: str) -> bool:
    """Print what came of a case, and tell whether it holds."""
    compared = compare(whole, output) if ends[-1].exit_code == 0 else None
    same = bool(compared and not compared.different)
    lost, redone = sum(end.devices_lost for end in ends), sum(end.redone for end in ends)
    struck = sum(end.struck for end in ends)
    print(
        f"{name:<44} strikes {struck}  workers lost {lost}  leases begun again {redone}"
        f"  rows {'the same' if same else 'DIFFERENT'}",
        flush=True,
    )
    return same and redone <= lost


def late_backups(trial: Trial, output: Path, whole: str) -> bool:
    """Have workers commit late: their run stands still, another takes its place, they go on."""
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(trial.disturbed, str(output), ((),), None, _say)
        stopped = stand_still(output, commits=2, longest_s=GIVEN_UP_S)
        try:
            second = _take_over(trial, str(output))
            before = _parts(output)
            stopped.let_workers_go_on()
            late = _wait_for_change(output, before)
        finally:
            stopped.let_workers_go_on()
            stopped.let_driver_go_on()
        (end,) = first.result()
    same = not compare(whole, str(output)).different
    print(
        f"{f'backups finish late, {output.name}':<44} parts put again {late}  the first run: {end.error or 'ended'}"
        f"  rows {'the same' if same else 'DIFFERENT'}",
        flush=True,
    )
    return same and late > 0 and second.exit_code == 0


def _take_over(trial: Trial, output: str) -> Life:
    """Run the job again until the hold of the one that stands still has expired."""
    until_s = time.monotonic() + GIVEN_UP_S
    while True:
        (life,) = trial.disturbed(output, ((),), None, _hush)
        if life.exit_code == 0 or time.monotonic() > until_s:
            return life
        time.sleep(5)


def _parts(output: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in output.glob("frames/part-*")}


def _wait_for_change(output: Path, before: dict[Path, int]) -> int:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        late = sum(before.get(path) != put_ns for path, put_ns in _parts(output).items())
        if late:
            return late
        time.sleep(0.1)
    return 0


def _say(said: str) -> None:
    print(f"    {said}", flush=True)


def _hush(_: str) -> None:
    """Say nothing."""


def main() -> None:
    """Run all cases."""
    data = Path(os.environ.get("FLEET_TEST_DATA", "")).resolve()
    if not (data / "FastestDet.onnx").is_file():
        sys.exit("make prove-kill needs FLEET_TEST_DATA, the folder of real clips.")
    began_s, locked = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = compiled(data, folder)
        settings = {"input": [str(data)], "model": str(model), "sample": "every=5", "devices": 2}
        settings |= {"lease_s": 0.5, "watchdog_s": WATCHDOG_S}
        trials = [Trial(str(JOB), {**settings, "on": place}) for place in PLACES]
        whole = str(folder / "undisturbed")
        listed = []
        for place, trial in zip(PLACES, trials, strict=True):
            calm = trial.undisturbed(whole if place == PLACES[0] else f"{whole}-{place}")
            print(
                f"undisturbed, {place}: {calm.frames} frames in {calm.worked_s:.1f} s", flush=True
            )
            listed.append(cases(7, calm.worked_s))
        for number in range(len(listed[0])):
            output = str(folder / f"case-{number}")
            at = number % len(PLACES)
            title, lives, faults = listed[at][number]
            ends = trials[at].disturbed(output, lives, faults, _say)
            locked += judge(f"{title}, {PLACES[at]}", ends, whole, output)
        for place, trial in zip(PLACES, trials, strict=True):
            locked += late_backups(trial, folder / f"late-{place}", whole)
    count = len(listed[0]) + len(PLACES)
    print(f"{locked} of {count} cases hold; took {time.monotonic() - began_s:.0f} s")
    sys.exit(locked != count)


if __name__ == "__main__":
    main()
