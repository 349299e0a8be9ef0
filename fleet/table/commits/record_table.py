"""Commit records of many leases as columns: a hundred thousand leases are read in a moment.

A table of records has one row a lease; as Parquet it lies in `_done/`, beside the parts.
Its columns are those of `CommitRecord`: where rows come from, what the lease covers, which parts
it has, and its tally, a column `tally.NAME` for each count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleet.core.interval import Interval
from fleet.core.interval_set import IntervalTable
from fleet.core.receipt import Receipt, Tally
from fleet.parquet.arrays import as_numpy, escaped, numbers, strings, unescaped
from fleet.parquet.decoding import conform, decode
from fleet.table.commits.record import CommitRecord, part_name
from fleet.table.commits.record_check import check_values
from fleet.table.commits.stored_names import check_columns

_FORMAT_KEY = b"fleet.records"
_FORMAT = b"1"
_TALLY = {item.name: get_type_hints(Tally)[item.name] for item in fields(Tally)}
COUNTS = tuple(name for name, kind in _TALLY.items() if get_origin(kind) is None)
MAPS = tuple(name for name in _TALLY if name not in COUNTS)
_KINDS = {int: pa.int64(), float: pa.float64()}
_INTERVAL = pa.struct(
    [("uri", pa.string()), ("etag", pa.string()), ("start", pa.int64()), ("end", pa.int64())]
)
_PART = pa.struct(
    [
        ("table", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        # Null where it is the lease's usual name, and in what version 0.1 wrote.
        ("name", pa.string()),
    ]
)
_ENTRY = pa.struct([("name", pa.string()), ("value", pa.float64())])
SCHEMA = pa.schema(
    [
        ("lease", pa.string()),
        ("job", pa.string()),
        ("soc", pa.string()),
        ("version", pa.string()),
        ("models", pa.string()),
        ("device", pa.string()),
        ("committed_unix_s", pa.int64()),
        ("peak_rss_bytes", pa.int64()),
        ("was", pa.list_(pa.string())),
        ("intervals", pa.list_(_INTERVAL)),
        ("parts", pa.list_(_PART)),
        *((f"tally.{name}", _KINDS[_TALLY[name]]) for name in COUNTS),
        *((f"tally.{name}", pa.list_(_ENTRY)) for name in MAPS),
    ],
    metadata={_FORMAT_KEY: _FORMAT},
)
"""`models` is JSON. The last of a lease's `parts` is its frames part; none where its rows lie in a
part that it shares with other leases."""


def to_table(records: Sequence[CommitRecord]) -> pa.Table:
    """Turn records into columns."""
    receipts = [record.receipt for record in records]
    origins = [record.origin for record in records]
    tallies = [receipt.tally for receipt in receipts]
    columns = [
        strings([receipt.lease for receipt in receipts]),
        strings([origin.job for origin in origins]),
        strings([origin.soc for origin in origins]),
        strings([origin.version for origin in origins]),
        strings([json.dumps(dict(origin.models), sort_keys=True) for origin in origins]),
        strings([receipt.device for receipt in receipts]),
        _integers([record.committed_unix_s for record in records]),
        _integers([receipt.peak_rss_bytes for receipt in receipts]),
        _names([record.was for record in records]),
        _intervals([receipt.intervals for receipt in receipts]),
        _parts(receipts),
        *(_column([getattr(tally, name) for tally in tallies], _TALLY[name]) for name in COUNTS),
        *(_entries([getattr(tally, name) for tally in tallies]) for name in MAPS),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _integers(values: Sequence[int]) -> pa.Array:
    return numbers(np.array(values, np.int64))


def _column(values: Sequence[float], kind: type) -> pa.Array:
    return numbers(np.array(values, np.int64 if kind is int else np.float64))


def _lists(lengths: Sequence[int], columns: Sequence[pa.Array], kind: pa.DataType) -> pa.Array:
    offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int32)
    return pa.ListArray.from_arrays(
        numbers(offsets), pa.StructArray.from_arrays(columns, fields=list(kind))
    )


def _names(lists: Sequence[Sequence[str]]) -> pa.Array:
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        numbers(offsets), strings([n for names in lists for n in names])
    )


def _repeated(values: Sequence[str], write: Callable[[str], str]) -> pa.Array:
    """Gather strings of which most come again and again."""
    known: dict[str, int] = {}
    codes = np.array([known.setdefault(value, len(known)) for value in values], np.int32)
    return strings([write(value) for value in known]).take(numbers(codes))


def _intervals(lists: Sequence[Sequence[Interval]]) -> pa.Array:
    flat = [interval for several in lists for interval in several]
    columns = [
        _repeated([interval.uri for interval in flat], escaped),
        _repeated([interval.etag for interval in flat], str),
        _integers([interval.start_pts for interval in flat]),
        _integers([interval.end_pts for interval in flat]),
    ]
    return _lists([len(several) for several in lists], columns, _INTERVAL)


def _parts(receipts: Sequence[Receipt]) -> pa.Array:
    flat = [part for receipt in receipts for part in receipt.parts]
    usual = [part_name(receipt.lease) for receipt in receipts for _ in receipt.parts]
    columns = [
        strings([part.table for part in flat]),
        _integers([part.rows for part in flat]),
        _integers([part.bytes for part in flat]),
        strings([part.sha256 for part in flat]),
        strings(
            [
                None if part.name == name else part.name
                for part, name in zip(flat, usual, strict=True)
            ]
        ),
    ]
    return _lists([len(receipt.parts) for receipt in receipts], columns, _PART)


def _entries(maps: Sequence[Mapping[str, float]]) -> pa.Array:
    flat = [item for several in maps for item in several.items()]
    columns = [
        strings([name for name, _ in flat]),
        _column([value for _, value in flat], float),
    ]
    return _lists([len(several) for several in maps], columns, _ENTRY)


def to_parquet(table: pa.Table, metadata: Mapping[str, str] | None = None) -> bytes:
    """Write records as one Parquet object; `metadata` goes beside them."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(table.combine_chunks())
        writer.add_key_value_metadata(dict(metadata or {}))
    return bytes(sink.getvalue())


def from_parquet(data: bytes) -> tuple[pa.Table, Mapping[str, str]]:
    """Read records back, and what stands beside them; raises ValueError where they are none."""
    try:
        table, beside = decode(data)
        if (table.schema.metadata or {}).get(_FORMAT_KEY) == _FORMAT:
            records = conform(_with_part_names(table), SCHEMA, {"parts.name"})
            check_columns(records)
            check_values(records)
            return records, beside
    except ValueError as error:
        raise ValueError(f"it holds no records: {error}") from error
    raise ValueError("its records are of another Fleet")


def _with_part_names(table: pa.Table) -> pa.Table:
    """Add the names of parts, all of them the usual ones, where version 0.1 wrote the records."""
    kind = list(_PART)
    at = table.schema.get_field_index("parts")
    of = table.schema.field(at).type.value_type if at >= 0 and _is_list(table, at) else None
    if of is None or not pa.types.is_struct(of) or of.get_field_index("name") >= 0:
        return table
    unnamed = pa.schema([("parts", pa.list_(pa.struct(kind[:-1])))])
    lists = conform(table, unnamed)["parts"].combine_chunks()
    flat = lists.flatten()
    columns = [flat.field(item.name) for item in kind[:-1]]
    parts = pa.StructArray.from_arrays([*columns, pa.nulls(len(flat), pa.string())], fields=kind)
    ends = np.cumsum([0, *lists.value_lengths().to_pylist()]).astype(np.int32)
    return table.set_column(at, "parts", pa.ListArray.from_arrays(numbers(ends), parts))


def _is_list(table: pa.Table, at: int) -> bool:
    return bool(pa.types.is_list(table.schema.field(at).type))


def total(table: pa.Table) -> Tally:
    """Add up the tallies."""
    counts: dict[str, Any] = {name: pc.sum(table[f"tally.{name}"]).as_py() or 0 for name in COUNTS}
    maps: dict[str, Any] = {name: _sum_by_name(table[f"tally.{name}"], name) for name in MAPS}
    return Tally(**counts, **maps)


def _sum_by_name(lists: pa.ChunkedArray, field: str) -> dict[str, float]:
    if not lists.num_chunks:
        return {}
    entries = pa.concat_arrays([chunk.flatten() for chunk in lists.chunks])
    names = entries.field(0).dictionary_encode()
    sums = np.bincount(_codes(names), as_numpy(entries.field(1)), len(names.dictionary))
    pairs = zip(names.dictionary.to_pylist(), sums.tolist(), strict=True)
    return {name: count_of(value, field) for name, value in sorted(pairs)}


def count_of(value: float, field: str) -> float:
    """Give a count of things as the integer that it was."""
    return int(value) if _TALLY[field].__args__[1] is int else value


@dataclass(frozen=True, eq=False)
class Covered:
    """What leases cover: `intervals`, one row each, and `lease`: int64, the row of its lease."""

    intervals: IntervalTable
    lease: NDArray[np.int64]


def covered(table: pa.Table) -> Covered:
    """Spread out what each lease covers."""
    lists = table["intervals"].combine_chunks()
    flat = lists.flatten()
    uris = flat.field("uri").dictionary_encode()
    etags = flat.field("etag").dictionary_encode()
    names = [unescaped(uri) for uri in uris.dictionary.to_pylist()]
    tags = etags.dictionary.to_pylist()
    both = _codes(uris) * max(1, len(tags)) + _codes(etags)
    pairs, version = np.unique(both, return_inverse=True)
    versions = [(names[pair // len(tags)], tags[pair % len(tags)]) for pair in pairs.tolist()]
    starts, ends = (as_numpy(flat.field(name)) for name in ("start", "end"))
    lengths = as_numpy(lists.value_lengths())
    intervals = IntervalTable(versions, version.astype(np.int64), starts, ends)
    return Covered(intervals, np.repeat(np.arange(len(lists)), lengths))


def _codes(array: pa.DictionaryArray) -> NDArray[np.int64]:
    return np.asarray(as_numpy(array.indices), np.int64)
