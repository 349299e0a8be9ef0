"""Jobs that tests submit, and what is found of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa

import fleet

JOBS = Path(__file__).parents[2] / "jobs"


def rows(output: str, table: str) -> tuple[pa.Table, ...]:
    """Read a job's table and the frames, sorted by what is unique in them."""
    tables = fleet.read(output)
    found = []
    for each in (tables.table(table).to_table(), tables.frames.to_table()):
        plain = each.cast(pa.schema([(f.name, _plain(f.type)) for f in each.schema]))
        plain = plain.drop_columns(["uri"])
        found.append(plain.sort_by([(name, "ascending") for name in _keys(plain)]))
    return tuple(found)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _keys(table: pa.Table) -> list[str]:
    return [f.name for f in table.schema if not pa.types.is_binary(f.type)]


def detect(clip: object, model: object, output: object) -> list[object]:
    """Say what the detect job is to do: every fifth frame, in short leases."""
    return [
        *(JOBS / "detect.toml", "--input", clip, "--model", model, "--output", output),
        *("--sample", "every=5", "--set", "lease_s=1.0"),
    ]


TICKS = """
from dataclasses import dataclass
from time import sleep
import numpy as np
import pyarrow as pa
from fleet import FrameJob, Rows

@dataclass(frozen=True)
class Ticks(FrameJob):
    step: int
    dwell_s: float
    table = "ticks"
    schema = pa.schema([("tick", pa.int64())])

    def run(self, opened, batch):
        sleep(self.dwell_s * len(batch))
        return Rows(np.arange(len(batch)), {"tick": self.step * batch.frames})
"""
"""A job's module, beside its job file, which nodes do not have."""


GREEDY = """
from dataclasses import dataclass
import numpy as np
import pyarrow as pa
from fleet import FrameJob, Rows

@dataclass(frozen=True)
class Greedy(FrameJob):
    table = "greedy"
    schema = pa.schema([])
    batch = 2_000_000

    def run(self, opened, batch):
        return Rows(np.zeros(0, np.int32), {})
"""
"""A job that wants more pictures at a time than any chip holds."""


def unpack_again(driver: int) -> None:
    """Replace what was sent, as Ray does when a node joins that shares its session's folder."""
    resources = Path(f"/proc/{driver}/cwd").readlink().parents[1]
    unpacked = [path for path in resources.glob("*/_ray_pkg_*") if path.is_dir()]
    assert len(unpacked) >= 2, "the job, and Fleet"
    for folder in unpacked:
        former = folder.with_name("former")
        folder.rename(former)
        shutil.copytree(former, folder)
        shutil.rmtree(former)


def parts(output: Path) -> int:
    """Return how many leases are committed."""
    return len(list((output / "frames").glob("*.parquet")))


def id_in(text: str) -> str:
    """Return the submission that a command has told of."""
    (line,) = (line for line in text.splitlines() if line.startswith("Submitted "))
    return line.removeprefix("Submitted ")
