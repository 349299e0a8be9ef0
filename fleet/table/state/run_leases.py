"""The leases that a run means to do, as a table: who joins it cuts the work in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.core.interval import Interval
from fleet.core.json_object import number
from fleet.core.source import Source
from fleet.errors import OutputCorruptError
from fleet.parquet.arrays import escaped, numbers, strings, unescaped
from fleet.parquet.decoding import conform, decode
from fleet.plan.lease import Lease, Shard
from fleet.table.commits.stored_names import lease_name

_SHARD = pa.schema(
    [
        ("lease", pa.string()),
        ("uri", pa.string()),
        ("bytes", pa.int64()),
        ("etag", pa.string()),
        ("first_gop", pa.int64()),
        ("last_gop", pa.int64()),
        ("start_pts", pa.int64()),
        ("end_pts", pa.int64()),
        ("frames", pa.int64()),
        ("video_s", pa.float64()),
        ("cost_s", pa.float64()),
    ]
)


def leases_to_parquet(leases: Iterable[Lease]) -> bytes:
    """Write leases, a row a shard."""
    rows = [(lease.id, shard) for lease in leases for shard in lease.shards]
    columns: Mapping[str, list[object]] = {
        "lease": [lease for lease, _ in rows],
        "uri": [escaped(shard.source.uri) for _, shard in rows],
        "bytes": [shard.source.bytes for _, shard in rows],
        "etag": [shard.source.etag for _, shard in rows],
        "start_pts": [shard.interval.start_pts for _, shard in rows],
        "end_pts": [shard.interval.end_pts for _, shard in rows],
        **{
            name: [getattr(shard, name) for _, shard in rows]
            for name in ("first_gop", "last_gop", "frames", "video_s", "cost_s")
        },
    }
    arrays = [
        strings(columns[f.name])  # type: ignore[arg-type]
        if pa.types.is_string(f.type)
        else numbers(np.array(columns[f.name], np.float64 if f.name.endswith("_s") else np.int64))
        for f in _SHARD
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SHARD), sink, compression="zstd")
    return bytes(sink.getvalue())


def leases_from_parquet(data: bytes, name: str) -> list[Lease]:
    """Return leases, in their order; raises OutputCorruptError, naming the object, for others."""
    shards: dict[str, list[Shard]] = {}
    try:
        for row in conform(decode(data)[0], _SHARD).to_pylist():
            shards.setdefault(lease_name(row["lease"]), []).append(_shard(row))
    except ValueError as error:
        raise OutputCorruptError(
            f"{name} does not tell which leases a run means to do: {error}.",
            "Delete this object, and run the command again.",
        ) from error
    return [Lease(lease, tuple(several)) for lease, several in shards.items()]


def _shard(row: Mapping[str, Any]) -> Shard:
    """Return the shard in a row; raises ValueError where it is none of any video."""
    source = Source(unescaped(row["uri"]), row["bytes"], row["etag"])
    interval = Interval(source.uri, source.etag, row["start_pts"], row["end_pts"])
    if not 0 <= row["first_gop"] < row["last_gop"] or row["frames"] < 0:
        raise ValueError(f"{interval} has GOPs {row['first_gop']} to {row['last_gop']}")
    return Shard(
        source,
        row["first_gop"],
        row["last_gop"],
        interval,
        row["frames"],
        number(row["video_s"]),
        number(row["cost_s"]),
    )
