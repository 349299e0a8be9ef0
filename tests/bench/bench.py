"""`make bench`: Fleet beside what a user would write instead, on this machine, in turn.

    make bench ARGS="--only dense,tiny --rounds 3 --small"
    make bench-gate OLD=REV ARGS="--only startup,decode"
    make bench-plot; make bench-table

It needs no files: without FLEET_TEST_DATA it renders a street. Read the ratios: absolute figures
drift with the machine. What was measured is added to the history, from which README's table and a
plot are made. `measure` asserts nothing; `gate` ends with 1 where speed was lost.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gate.checkouts import checked_out
from gate.decision import ENOUGH_ROUNDS, compared, unmeasured
from history import plot, records, table
from measured.cases import CASES, PARTS, Case, chosen
from measured.contestants import Checkout, checkout_at, missing_peers
from measured.goals import judge, of_whole
from measured.material import KEPT, ROOT, Material, gather
from measured.rounds import Kept, Measured, measure, print_case

GATED = "startup,dense,sparse,keyframes,one,tiny,decode"
"""What `gate` measures unless told otherwise."""
OLD, NEW = "old", "new"
INTERRUPTED = 130
"""What it ends with where it is interrupted, as shells have it."""


def main() -> int:
    """Do what is asked."""
    asked = arguments().parse_args()
    commands: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "measure": run_bench,
        "gate": run_gate,
        "plot": write_plot,
        "table": write_table,
    }
    # However it is ended, what it has measured is kept; started in the background, Ctrl-C is ignored.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    try:
        return commands[asked.command](asked)
    except ValueError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED


def arguments() -> argparse.ArgumentParser:
    """Return what the command line takes."""
    names = ", ".join([case.name for case in CASES] + list(PARTS))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "command", nargs="?", default="measure", choices=("measure", "gate", "plot", "table")
    )
    parser.add_argument("--only", default="", help=f"some of: {names}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="short clips, and 200 tiny ones")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each process")
    parser.add_argument("--history", type=Path, default=KEPT / "history.jsonl")
    parser.add_argument("--old", help="the revision that `gate` compares with")
    parser.add_argument("--out", type=Path, default=KEPT / "history.svg", help="of `plot`")
    parser.add_argument("--page", type=Path, default=ROOT / "README.md", help="of `table`")
    return parser


def run_bench(asked: argparse.Namespace) -> int:
    """Measure the cases, print the goals, keep the figures; then run the parts."""
    cases, parts = chosen(asked.only)
    if cases:
        material = gather(KEPT, asked.small)
        record = records.begun(ROOT, material.facts, asked.rounds)
        left_out = told_missing(material)
        versions = {"": checkout_at(ROOT, material)}
        found = measure_all(cases, material, versions, left_out, asked)
        if found.figures:
            print("Aims, by the medians of the ratios of each round:")
            for verdict in judge(of_whole(found.figures, found.failed)):
                print(f"  {verdict}")
            left_out |= found.failed
            records.append(asked.history, replace(record, left_out=left_out, figures=found.figures))
            print(f"Added to {asked.history}: `make bench-table`, `make bench-plot`.", flush=True)
        if found.interrupted:
            return INTERRUPTED
    return max([run_part(name) for name in parts], default=0)


def run_gate(asked: argparse.Namespace) -> int:
    """Measure two versions in turn; return 1 where the new one has lost too much."""
    if not asked.old:
        raise ValueError("Which revision shall it be compared with? make bench-gate OLD=REV")
    cases, _ = chosen(asked.only or GATED)
    material = gather(KEPT, asked.small)
    peers = {name: "a peer" for case in cases for name in case.who if not is_fleet(name, case)}
    with checked_out(ROOT, asked.old, KEPT) as folder:
        versions = {OLD: checkout_at(folder, material), NEW: checkout_at(ROOT, material)}
        measured = measure_all(cases, material, versions, peers, asked)
    if measured.interrupted:
        return INTERRUPTED
    old, new = of_version(measured.figures, OLD), of_version(measured.figures, NEW)
    found = compared(old, new)
    if asked.rounds < ENOUGH_ROUNDS:
        print(f"Fewer than {ENOUGH_ROUNDS} rounds: only gross losses are found (--rounds).")
    print(f"How many times as slow as {asked.old}: median (least to most) of the rounds")
    for each in found:
        print(f"  {each}")
    gone = unmeasured(old, new)
    for case, who, metric in gone:
        print(f"  LOST  {case}: {who} has no {metric} any more")
    absent = [case.name for case in cases if case.name not in {each.key[0] for each in found}]
    for name in absent:
        print(f"  LOST  {name}: nothing of it could be compared")
    return int(bool(gone or absent) or any(each.lost for each in found))


def is_fleet(name: str, case: Case) -> bool:
    """Return whether a contestant is Fleet, in some mode or place."""
    return case.name in ("far", "demo") or name.startswith("Fleet")


def of_version(figures: Kept, version: str) -> Kept:
    """Return the figures of one version, under the contestants' own names."""
    behind = f" @ {version}"
    return {
        (case, who.removesuffix(behind), metric): values
        for (case, who, metric), values in figures.items()
        if who.endswith(behind)
    }


def measure_all(
    cases: Sequence[Case],
    material: Material,
    versions: Mapping[str, Checkout],
    left_out: Mapping[str, str],
    asked: argparse.Namespace,
) -> Measured:
    """Measure one case after the other, and print each; return what came of those that were whole."""
    figures: Kept = {}
    failed: dict[str, str] = {}
    interrupted = False
    try:
        for case in cases:
            found = measure(case, material, versions, left_out, asked.rounds, asked.timeout)
            print_case(case, found.figures)
            figures |= found.figures
            failed |= found.failed
    except KeyboardInterrupt:
        interrupted = True
        print(f"\nInterrupted: {case.name} is not kept, and nothing follows.", flush=True)
    return Measured(figures, failed, interrupted)


def told_missing(material: Material) -> dict[str, str]:
    """Print and return who is not here."""
    left_out = missing_peers(material.clip)
    for name, why in left_out.items():
        print(f"Left out: {name} ({why}). `make bench-peers` sets up the peers.")
    return left_out


def run_part(name: str) -> int:
    """Run a measurement that has a script of its own."""
    print(f"\n{name}: {PARTS[name]}", flush=True)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    environment = {**os.environ, "PYTHONPATH": path, "RAY_AUTH_MODE": "disabled"}
    script = Path(__file__).with_name(f"{name}.py")
    return subprocess.run([sys.executable, script], env=environment, check=False).returncode


def write_plot(asked: argparse.Namespace) -> int:
    """Draw the history."""
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(plot.drawn(records.read(asked.history)), "utf-8")
    print(asked.out)
    return 0


def write_table(asked: argparse.Namespace) -> int:
    """Write the table of the newest whole run into a page."""
    record = table.latest_whole(records.read(asked.history))
    if record is None:
        raise ValueError(f"There is no run in {asked.history} yet: make bench")
    table.write(asked.page, record)
    print(f"{asked.page}: the run of {record.date} at {record.commit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
