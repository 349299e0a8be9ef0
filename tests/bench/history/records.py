"""The history: one line of JSON for each run of the bench, appended and never changed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from measured.cases import Metric
from measured.contestants import DEVICES
from measured.goals import Key

VERSIONED = ("av", "numpy", "onnxruntime", "pyarrow", "ray")
Values = Sequence[float | None]


@dataclass(frozen=True)
class Record:
    """A run of the bench."""

    commit: str
    """Of Fleet; it ends in + where files differ from it."""
    date: str
    """When it began: ISO, in UTC."""
    cores: int
    """Of the machine, that the run may use."""
    processor: str
    """The machine's, by its own name."""
    versions: Mapping[str, str]
    """Of Python and of what the figures depend on."""
    material: Mapping[str, Any]
    """What it was measured on."""
    rounds: int
    """How many."""
    left_out: Mapping[str, str]
    """Who was not measured, and why; `case: contestant` where one alone failed."""
    figures: Mapping[Key, Values]
    """Every figure of every round."""
    cores_each: int = 0
    """How many of them each contestant might use; 0 where it was all of them."""
    load: float = 0.0
    """How many processes wanted the cores in the minute before it began: above 1, read with care."""

    def to_json(self) -> str:
        """Return it as one line."""
        facts = {name: value for name, value in self.__dict__.items() if name != "figures"}
        figures = [
            {"case": case, "who": who, "metric": metric, "values": list(values)}
            for (case, who, metric), values in self.figures.items()
        ]
        return json.dumps({**facts, "figures": figures})


def of_json(line: str) -> Record:
    """Return the run that a line tells of."""
    facts = json.loads(line)
    figures: dict[Key, Values] = {
        (each["case"], each["who"], cast("Metric", each["metric"])): tuple(each["values"])
        for each in facts.pop("figures")
    }
    return Record(**facts, figures=figures)


def append(path: Path, record: Record) -> None:
    """Write a run behind the others, on a line of its own even where the last one was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as history:
        cut = 0
        if history.tell():
            history.seek(-1, os.SEEK_END)
            cut = history.read(1) != b"\n"
        history.write(b"\n" * cut + record.to_json().encode() + b"\n")


def read(path: Path) -> list[Record]:
    """Return the runs of a history, the oldest first; none where there is no history.

    A line that tells of no run, as one that was cut off, is named on stderr and passed over.
    """
    if not path.is_file():
        return []
    found = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(of_json(line.decode()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            print(f"{path}:{number} is passed over: it tells of no run ({error})", file=sys.stderr)
    return found


def begun(root: Path, material: Mapping[str, Any], rounds: int) -> Record:
    """Return a run that begins now, with what is known of this machine, and no figures yet."""
    return Record(
        commit=commit_of(root),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cores=len(os.sched_getaffinity(0)),
        cores_each=min(DEVICES, len(os.sched_getaffinity(0))),
        processor=_processor(),
        versions={"python": platform.python_version(), **_versions()},
        material=material,
        rounds=rounds,
        left_out={},
        figures={},
        load=round(os.getloadavg()[0], 1),
    )


def commit_of(root: Path) -> str:
    """Return the short name of the commit that is checked out, with a + where files differ from it."""
    line = ["git", "describe", "--always", "--dirty=+", "--abbrev=10", "--exclude=*"]
    said = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()
