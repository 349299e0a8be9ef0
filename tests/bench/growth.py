"""What commands take as archives and outputs grow: CPU and memory, at two sizes.

`plan` and `simulate` of a job over archives of so many videos, whose indexes are kept; `status`,
`verify` and `compact` of outputs of so many parts. Archives and outputs are made up; all that is
read and written is as a run writes it. Each command is a process of its own, measured whole. What
counts is the slope between the two sizes, which start-up is no part of; it tells what a million
videos or a hundred thousand parts would take.

python tests/bench/growth.py [--videos N,N] [--parts N,N] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FLEET = Path(sys.executable).with_name("fleet")
JOB = Path(__file__).parents[2] / "jobs" / "thumbnails.toml"
MAKE = """
import sys, pathlib, made_up_growth
getattr(made_up_growth, sys.argv[1])(pathlib.Path(sys.argv[2]), int(sys.argv[3]))
"""
"""In a process of its own: what this one holds would count as the peak of those that it starts."""
MANY = {"video": 1_000_000, "part": 100_000}
"""What the slopes are told for."""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Growth:
    """Commands over something that grows."""

    of: str
    """What it is made of."""
    make: str
    """The function of `made_up_growth` that makes one of so many."""
    commands: Sequence[Sequence[str]]
    """The commands in turn; FOLDER in one stands for where it was made."""


OF_ARCHIVE = ("--input", "FOLDER/in", "--output", "FOLDER/out", "--index-cache", "FOLDER/index")
GROWTHS = (
    Growth(
        "video",
        "make_archive",
        (
            ("plan", str(JOB), *OF_ARCHIVE, "--devices", "2"),
            ("simulate", str(JOB), *OF_ARCHIVE, "--devices", "1000", "--what-if", "none"),
        ),
    ),
    Growth(
        "part",
        "make_output",
        (
            ("status", "FOLDER"),
            ("verify", "FOLDER"),
            ("compact", "FOLDER"),
            ("verify", "FOLDER"),
            ("status", "FOLDER"),
        ),
    ),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=_two, default=(1000, 10_000))
    parser.add_argument("--parts", type=_two, default=(1000, 10_000))
    parser.add_argument("--keep", type=Path, help="where archives and outputs are made, and stay")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for growth in GROWTHS:
            sizes = asked.videos if growth.of == "video" else asked.parts
            compare(growth, asked.keep or Path(folder), sizes)


def _two(text: str) -> tuple[int, int]:
    small, large = map(int, text.split(","))
    return small, large


def compare(growth: Growth, folder: Path, sizes: tuple[int, int]) -> None:
    """Run each command at both sizes, and print the slopes."""
    for size in sizes:
        place = folder / f"{size}-{growth.of}s"
        if not place.exists():
            subprocess.run([sys.executable, "-c", MAKE, growth.make, place, str(size)], check=True)
    for command in growth.commands:
        costs = [run(command, folder / f"{size}-{growth.of}s") for size in sizes]
        print(line(command[0], growth.of, sizes, costs), flush=True)


def line(command: str, of: str, sizes: tuple[int, int], costs: Sequence[Cost]) -> str:
    """Return what a command took at both sizes, and the slopes."""
    more = sizes[1] - sizes[0]
    ms = 1000 * (costs[1].cpu_s - costs[0].cpu_s) / more
    mb = (costs[1].peak_mb - costs[0].peak_mb) / more
    many_mb = costs[1].peak_mb + mb * (MANY[of] - sizes[1])
    each = ", ".join(
        f"{size:,} {of}s {cost.cpu_s:.1f} s of CPU {cost.peak_mb:,.0f} MB"
        for size, cost in zip(sizes, costs, strict=True)
    )
    return (
        f"{command:<9}{each}: {ms:.3f} ms and {1000 * mb:.1f} KB a {of}, "
        f"{many_mb:,.0f} MB at {MANY[of]:,}"
    )


def run(command: Sequence[str], place: Path) -> Cost:
    """Run one command of Fleet."""
    words = [word.replace("FOLDER", str(place)) for word in command]
    with subprocess.Popen(
        [FLEET, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        text = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"fleet {' '.join(words)} ended with {status}:\n{text[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


if __name__ == "__main__":
    main()
