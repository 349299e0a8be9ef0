"""What one run of a contestant came to, by its process, what it told, and the diary of Fleet's output."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pyarrow.parquet as pq
from measured.cases import Metric
from measured.process import Command, Ended

from fleet.storage import Folder

Figures = dict[Metric, float]


def figures_of(command: Command, ended: Ended) -> Figures:
    """Return the figures of a run that ended well, by name."""
    found: Figures = {"wall_s": ended.wall_s}
    told = ended.told()
    if "decode_cpu_s" in told:
        # Its whole time is that of imports.
        return {"decode_cpu_s": told["decode_cpu_s"]}
    if told.get("warm_s"):
        found["frames_per_s"] = told["frames"] / told["warm_s"]
    if command.output:
        found |= of_diary(read_diary(command.output))
    return found


def frames_of(command: Command, ended: Ended) -> int | None:
    """Return how many frames a run looked at, None where it does not say so: all must have the same."""
    if command.output:
        return round(
            sum(
                number(row["frames"])
                for row in read_diary(command.output)
                if row["event"] == "LeaseDone"
            )
        )
    return ended.told().get("frames") or None


Diary = list[dict[str, object]]
"""What happened in a run: `event`, `unix_s`, `frames`."""


def read_diary(output: str) -> Diary:
    """Return the diary of an output's only run."""
    folder = Folder(output)
    names = sorted(entry.name for entry in folder.list("_runs/") if entry.name.endswith(".parquet"))
    return [
        row for name in names for row in pq.read_table(io.BytesIO(folder.read(name))).to_pylist()
    ]


def of_diary(diary: Diary) -> Figures:
    """Return the warm rate, and how long after the first device the first rows were there."""
    came = [at(row) for row in diary if row["event"] == "DeviceJoined"]
    done = [row for row in diary if row["event"] == "LeaseDone"]
    if not came or not done:
        return {}
    ready_s, ends_s = min(came), [at(row) for row in done]
    frames = sum(number(row["frames"]) for row in done)
    warm_s = max(ends_s) - ready_s
    found: Figures = {"first_rows_s": min(ends_s) - ready_s}
    return {**found, "frames_per_s": frames / warm_s} if warm_s > 0 else found


def at(row: Mapping[str, object]) -> float:
    """Return when something happened."""
    return number(row["unix_s"])


def number(value: object) -> float:
    """Return a diary's number as one."""
    assert isinstance(value, int | float)
    return float(value)
