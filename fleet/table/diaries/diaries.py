"""`_runs/<id>-diary-<n>.parquet`: what happened in a run and when, for `fleet trace` and reports.

A run puts what has happened since it last did so as another object. Nothing depends on it: where it
is missing or makes no sense, commits still say what was done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.parquet.arrays import escaped, numbers, strings, unescaped
from fleet.parquet.decoding import conform, decode
from fleet.storage import Folder

RUNS_FOLDER = "_runs"
LAST_UNIX_S = 253_402_000_000
"""Some days before the year 10,000."""
_DIARY = re.compile(rf"{RUNS_FOLDER}/([0-9a-f]{{32}})-diary-([0-9]{{6,}})\.parquet")
_KINDS = {str: pa.string(), float: pa.float64(), int: pa.int64()}


@dataclass(frozen=True)
class Noted:
    """Something that happened in a run."""

    unix_s: float
    """When its driver heard of it, in seconds since 1970 by the driver's clock."""
    event: str
    """The name of the event's class, see `fleet.core.run_events`."""
    device: str = ""
    node: str = ""
    lease: str = ""
    frames: int = 0
    wall_s: float = 0.0
    """Seconds that a device had spent on the lease."""
    text: str = ""
    """Why, in words; of a lease that was given to a second device: backup."""


_SCHEMA = pa.schema([(name, _KINDS[kind]) for name, kind in get_type_hints(Noted).items()])


class RunDiaries:
    """The diaries of runs in an output folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def put(self, run: str, number: int, noted: Sequence[Noted]) -> None:
        """Put some more of a run's diary; `number` counts its objects from 0."""
        self._folder.put(_name(run, number), _to_parquet(noted))

    def read(self) -> dict[str, list[Noted]]:
        """Return run -> what happened in it, in order; what makes no sense is left out."""
        found: dict[str, list[Noted]] = {}
        for name, run in self._objects():
            with suppress(FileNotFoundError, ValueError):
                found.setdefault(run, []).extend(_from_parquet(self._folder.read(name)))
        return {run: sorted(of, key=lambda noted: noted.unix_s) for run, of in found.items()}

    def drop(self, run: str) -> None:
        """Delete the diary of a run."""
        for name, of in self._objects(f"{run}-diary-"):
            if of == run:
                self._folder.delete(name)

    def _objects(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        names = [entry.name for entry in self._folder.list(f"{RUNS_FOLDER}/{prefix}")]
        found = (_DIARY.fullmatch(name) for name in sorted(names))
        return ((match[0], match[1]) for match in found if match)


def _name(run: str, number: int) -> str:
    return f"{RUNS_FOLDER}/{run}-diary-{number:06}.parquet"


def _from_parquet(data: bytes) -> list[Noted]:
    """Return what was noted; raises ValueError where it is no diary."""
    noted = []
    for row in conform(decode(data)[0], _SCHEMA).to_pylist():
        told: dict[str, Any] = {
            name: unescaped(of) if isinstance(of, str) else of for name, of in row.items()
        }
        item = Noted(**told)
        # Times that a calendar has no room for, or that are no numbers, would break what is drawn.
        if not (0 <= item.unix_s <= LAST_UNIX_S and 0 <= item.wall_s <= item.unix_s):
            raise ValueError(f"nothing happened at {item.unix_s}")
        noted.append(item)
    return noted


def _to_parquet(noted: Sequence[Noted]) -> bytes:
    arrays = []
    for item in fields(Noted):
        values = [getattr(one, item.name) for one in noted]
        kind = _SCHEMA.field(item.name).type
        if pa.types.is_string(kind):
            arrays.append(strings([escaped(value) for value in values]))
        else:
            arrays.append(numbers(np.array(values, kind.to_pandas_dtype())))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), sink, compression="zstd")
    return bytes(sink.getvalue())
