"""The leases that a run means to do, as a table: who joins it cuts the work in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.core.interval import Interval
from fleet.core.source import Source
from fleet.errors import OutputCorruptError
from fleet.parquet.arrays import escaped, numbers, strings, unescaped
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
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read().cast(_SHARD)
        for lease in table["lease"].unique().to_pylist():
            lease_name(lease)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise OutputCorruptError(
            f"{name} does not tell which leases a run means to do: {error}.",
            "Delete this object, and run the command again.",
        ) from error
    shards: dict[str, list[Shard]] = {}
    for row in table.to_pylist():
        source = Source(unescaped(row["uri"]), row["bytes"], row["etag"])
        shards.setdefault(row["lease"], []).append(
            Shard(
                source,
                row["first_gop"],
                row["last_gop"],
                Interval(source.uri, source.etag, row["start_pts"], row["end_pts"]),
                row["frames"],
                row["video_s"],
                row["cost_s"],
            )
        )
    return [Lease(lease, tuple(several)) for lease, several in shards.items()]
