"""Batches of kept indexes: two Parquet objects, one of videos and one of their packets.

`<time>-<random>-videos.parquet` has one row for each video, keyed by (uri, bytes, etag), so that a
video that has changed is indexed again; `<time>-<random>-packets.parquet` has one row for each
packet, as in PacketTable. Names rise with time: where two batches hold the same video, the later
one counts.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleet.core.source import Source, Sources
from fleet.errors import VideoError
from fleet.parquet.arrays import as_numpy, booleans, escaped, numbers, strings, unescaped
from fleet.parquet.decoding import conform, decode
from fleet.storage import Entry, Folder
from fleet.video.index import PacketTable, VideoIndex
from fleet.video.probe.check import check_index
from fleet.video.probe.serialize import (
    FORMAT,
    error_from_json,
    error_to_json,
    stream_from_json,
    stream_to_json,
)

GROUP_PACKETS = 1 << 16
"""Packets in a row group, the least that is read for one video."""
VIDEOS, PACKETS = "-videos.parquet", "-packets.parquet"
_VIDEOS_OBJECT = re.compile(rf"[0-9]{{14}}-[0-9a-f]{{8}}{re.escape(VIDEOS)}")
"""Batches are deleted once they are merged; objects of any other name are nobody's to delete."""
_FORMAT_KEY = b"fleet.index"
_VIDEO_ROW = pa.schema(
    [
        ("uri", pa.string()),
        ("bytes", pa.int64()),
        ("etag", pa.string()),
        ("container", pa.string()),
        ("origin", pa.string()),
        ("bytes_read", pa.int64()),
        ("stream", pa.string()),
        ("error", pa.string()),
        ("first_packet", pa.int64()),
        ("packets", pa.int64()),
    ],
    metadata={_FORMAT_KEY: FORMAT.encode()},
)
_TEXTS = ("container", "origin", "stream", "error")
"""Columns in which many rows say the same; null where a video has no index, or has one."""
_PACKET_ROW = pa.schema(
    [
        ("video", pa.int32()),
        *((name, pa.from_numpy_dtype(dtype)) for name, dtype in PacketTable.DTYPES.items()),
    ]
)
COLUMNS = tuple(PacketTable.DTYPES)
"""The columns of a PacketTable."""
CachedResult = VideoIndex | VideoError
"""What is known of a video: its index, or why it has none."""
CacheEntry = CachedResult | None
"""What a batch says of a video; None: what earlier batches say counts no longer."""


@dataclass(frozen=True)
class Batch:
    """One batch: what its two objects are called, and how much it holds."""

    name: str
    """What the names of its objects begin with."""
    packets: Entry | None
    """The object with the packets; None where it is missing."""
    videos: int
    """How many videos it tells of."""
    packet_rows: int
    """How many packets these have, as its rows of videos say."""


@dataclass(frozen=True, eq=False)
class BatchRows:
    """The rows of a batch's videos, as columns."""

    sources: Sources
    """The videos that they tell of."""
    columns: Mapping[str, Sequence[Any]]
    """What they say: the texts of _TEXTS."""
    packets: NDArray[np.int64]
    """int64 [2, videos]: the first of the packets of each, and how many they are."""

    def is_known(self, row: int) -> bool:
        """Return whether the row says anything of its video."""
        return any(self.columns[name][row] is not None for name in ("stream", "error"))

    def error(self, source: Source, row: int) -> VideoError | None:
        """Return why the video has no index; None where it has one.

        Raises ValueError where the row is damaged.
        """
        text = self.columns["error"][row]
        return None if text is None else error_from_json(source.uri, text)

    def packet_rows(self, row: int) -> tuple[int, int]:
        """Return which rows of the packets object are the video's: the first, and how many."""
        first, count = self.packets[:, row].tolist()
        return first, count

    def index(self, source: Source, row: int, packets: PacketTable) -> VideoIndex:
        """Return the video's index, made of its row and its packets.

        Raises ValueError where either is damaged.
        """
        names = ("container", "stream", "origin")
        container, stream, origin = (self.columns[name][row] or "" for name in names)
        index = VideoIndex(
            source=source,
            container=container,
            stream=stream_from_json(stream),
            packets=packets,
            origin="header" if origin == "header" else "scan",
            bytes_read=0,
        )
        check_index(index)
        return index


def read_batches(folder: Folder) -> Iterator[tuple[Batch, BatchRows]]:
    """Yield the batches in a folder, oldest first; other objects and damaged ones are skipped."""
    listed = {entry.name: entry for entry in folder.list()}
    for name in sorted(filter(_VIDEOS_OBJECT.fullmatch, listed)):
        stem = name.removesuffix(VIDEOS)
        with suppress(FileNotFoundError, ValueError):
            rows = read_rows(folder, stem)
            yield _batch(stem, listed.get(f"{stem}{PACKETS}"), rows), rows


def read_rows(folder: Folder, batch: str) -> BatchRows:
    """Read the rows of a batch's videos.

    Raises FileNotFoundError where they are gone, ValueError where they are damaged, or of another
    format.
    """
    videos, _ = decode(folder.read(f"{batch}{VIDEOS}"))
    if (videos.schema.metadata or {}).get(_FORMAT_KEY) != FORMAT.encode():
        raise ValueError("it is of another Fleet")
    rows = conform(videos, _VIDEO_ROW, frozenset(_TEXTS))
    return _as_columns(rows)


def _as_columns(rows: pa.Table) -> BatchRows:
    """Return rows as columns; texts that are alike, as streams of one camera are, are held once."""
    of_video = (rows[name].to_pylist() for name in ("uri", "bytes", "etag"))
    sources = Sources(Source(unescaped(uri), *rest) for uri, *rest in zip(*of_video, strict=True))
    known: dict[str, str] = {}
    columns = {
        name: [text and known.setdefault(text, text) for text in rows[name].to_pylist()]
        for name in _TEXTS
    }
    packets = np.stack([as_numpy(rows[name]) for name in ("first_packet", "packets")])
    return BatchRows(sources, columns, packets)


def read_group(file: pq.ParquetFile, group: int) -> PacketTable:
    """Read a row group of packets; raises ValueError where it is damaged."""
    columns = conform(file.read_row_group(group, columns=list(COLUMNS)), _PACKET_ROW.remove(0))
    return PacketTable(**{name: as_numpy(columns[name]) for name in COLUMNS})


def cut_out(groups: Sequence[PacketTable], first: int, count: int) -> PacketTable:
    """Return some of the packets of row groups that follow each other, in memory of their own."""

    def cut(name: str) -> NDArray[Any]:
        columns = [getattr(table, name) for table in groups]
        joined = columns[0] if len(columns) == 1 else np.concatenate(columns)
        return np.array(joined[first : first + count])

    return PacketTable(**{name: cut(name) for name in COLUMNS})


def put_batch(
    folder: Folder, entries: Sequence[tuple[Source, CacheEntry]]
) -> tuple[Batch, BatchRows]:
    """Write a batch, its packets first, and return it."""
    name = f"{int(time.time() * 1000):014}-{uuid.uuid4().hex[:8]}"
    indexes = [(n, item) for n, (_, item) in enumerate(entries) if isinstance(item, VideoIndex)]
    packets = _packets_parquet(indexes)
    folder.put(f"{name}{PACKETS}", packets)
    videos = _videos_table(entries)
    sink = pa.BufferOutputStream()
    pq.write_table(videos, sink, compression="zstd")
    folder.put(f"{name}{VIDEOS}", bytes(sink.getvalue()))
    rows = _as_columns(videos)
    return _batch(name, Entry(f"{name}{PACKETS}", len(packets), ""), rows), rows


def _batch(name: str, packets: Entry | None, rows: BatchRows) -> Batch:
    return Batch(name, packets, len(rows.sources), int(rows.packets[1].sum()))


def _packets_parquet(indexes: Sequence[tuple[int, VideoIndex]]) -> bytes:
    tables = [index.packets for _, index in indexes]
    video = np.repeat(np.array([n for n, _ in indexes], np.int32), [len(table) for table in tables])
    columns = [
        _joined([getattr(table, name) for table in tables], dtype)
        for name, dtype in PacketTable.DTYPES.items()
    ]
    arrays = [booleans(c) if c.dtype == np.bool_ else numbers(c) for c in (video, *columns)]
    sink = pa.BufferOutputStream()
    integers = [f.name for f in _PACKET_ROW if pa.types.is_integer(f.type)]
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=_PACKET_ROW),
        sink,
        row_group_size=GROUP_PACKETS,
        compression="zstd",
        use_dictionary=False,
        column_encoding=dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
        write_statistics=["video", "pts"],
    )
    return bytes(sink.getvalue())


def _joined(pieces: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *pieces])


def _videos_table(entries: Sequence[tuple[Source, CacheEntry]]) -> pa.Table:
    counts = [len(item.packets) if isinstance(item, VideoIndex) else 0 for _, item in entries]
    rows = [_video_row(source, item) for source, item in entries]
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
    ends = np.cumsum(counts, dtype=np.int64)
    arrays = [
        strings(values)
        if pa.types.is_string(_VIDEO_ROW.field(name).type)
        else numbers(np.array(values, np.int64))
        for name, values in columns.items()
    ]
    arrays += [numbers(ends - np.array(counts)), numbers(np.array(counts, np.int64))]
    return pa.Table.from_arrays(arrays, schema=_VIDEO_ROW)


def _video_row(source: Source, entry: CacheEntry) -> dict[str, Any]:
    row = {"uri": escaped(source.uri), "bytes": source.bytes, "etag": source.etag}
    about = {"container": None, "origin": None, "bytes_read": 0, "stream": None, "error": None}
    if isinstance(entry, VideoIndex):
        stream = stream_to_json(entry.stream)
        known = {"container": entry.container, "origin": entry.origin, "stream": stream}
        return row | about | known | {"bytes_read": entry.bytes_read}
    return row | about | ({"error": error_to_json(entry)} if entry is not None else {})


def packets_of(entry: CacheEntry) -> int:
    """Return how many packets a batch holds of a video."""
    return len(entry.packets) if isinstance(entry, VideoIndex) else 0
