"""Commit records, taken out of their columns again, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.interval import Interval
from fleet.core.json_text import read_json
from fleet.core.receipt import PartFile, Receipt, Tally
from fleet.parquet.arrays import as_numpy, unescaped
from fleet.table.commits.record import CommitRecord, Origin, part_name
from fleet.table.commits.record_table import COUNTS, MAPS, count_of


def records_of(table: pa.Table) -> Iterator[CommitRecord]:
    """Yield the records one by one; for some, not for a hundred thousand."""
    for row in table.to_pylist():
        yield CommitRecord(
            Origin(row["job"], row["soc"], read_json(row["models"]), row["version"]),
            _receipt(row),
            row["committed_unix_s"],
            tuple(row["was"]),
        )


def _receipt(row: Mapping[str, Any]) -> Receipt:
    counts: dict[str, Any] = {name: row[f"tally.{name}"] for name in COUNTS}
    maps: dict[str, Any] = {
        name: {entry["name"]: count_of(entry["value"], name) for entry in row[f"tally.{name}"]}
        for name in MAPS
    }
    name = part_name(row["lease"])
    return Receipt(
        lease=row["lease"],
        intervals=tuple(
            Interval(unescaped(i["uri"]), i["etag"], i["start"], i["end"]) for i in row["intervals"]
        ),
        parts=_files(row["parts"], name),
        tally=Tally(**counts, **maps),
        device=row["device"],
        peak_rss_bytes=row["peak_rss_bytes"],
    )


def parts_of(table: pa.Table) -> Iterator[tuple[str, tuple[PartFile, ...]]]:
    """Yield each lease with its parts."""
    for row in table.select(["lease", "parts"]).to_pylist():
        name = part_name(row["lease"])
        yield row["lease"], _files(row["parts"], name)


def _files(parts: Sequence[Mapping[str, Any]], usual: str) -> tuple[PartFile, ...]:
    return tuple(PartFile(**{**part, "name": part["name"] or usual}) for part in parts)


def names_of(table: pa.Table) -> set[str]:
    """The names of leases, and of those that they are remainders of."""
    before = table["was"].combine_chunks().flatten().to_pylist()
    return {*table["lease"].to_pylist(), *before}


def frames_bytes(table: pa.Table) -> NDArray[np.int64]:
    """How large each lease's frames part is, -1 where its rows lie in a shared part: int64."""
    parts = table["parts"].combine_chunks()
    sizes = as_numpy(parts.flatten().field("bytes"))
    ends = as_numpy(parts.offsets)[1:]
    has = as_numpy(parts.value_lengths()) > 0
    found = np.full(len(parts), -1, np.int64)
    found[has] = sizes[ends[has] - parts.offsets[0].as_py() - 1]
    return found


def own_objects(table: pa.Table) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Yield each lease with the names and bytes of its objects, the frames part last."""
    lists = table["parts"].combine_chunks()
    flat = lists.flatten()
    columns = (flat.field(name).to_pylist() for name in ("table", "name", "bytes"))
    parts = list(zip(*columns, strict=True))
    ends = np.cumsum(as_numpy(lists.value_lengths())).tolist()
    start = 0
    for lease, end in zip(table["lease"].to_pylist(), ends, strict=True):
        usual = part_name(lease)
        yield lease, [(f"{of}/{name or usual}", size) for of, name, size in parts[start:end]]
        start = end
