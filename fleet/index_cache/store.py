"""The indexes of videos, kept in a folder, so that each video of an archive is indexed once.

Batches are only added, and merged when there are many. Any of them may be deleted: its videos are
then indexed again. See `fleet.index_cache.batch`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import pyarrow as pa
import pyarrow.parquet as pq

from fleet.core.source import Source
from fleet.errors import StorageError
from fleet.index_cache.batch import (
    COLUMNS,
    GROUP_PACKETS,
    PACKETS,
    VIDEOS,
    Batch,
    CachedResult,
    CacheEntry,
    put_batch,
    read_batches,
)
from fleet.parquet.ranged_file import RangedFile
from fleet.storage import Folder
from fleet.video.index import VideoIndex

INDEX_FOLDER = "_index"
"""The folder of an output where its indexes are kept, unless the job names another place."""
MOST_VIDEOS = 1024
"""A batch is written when it holds that many videos."""
MOST_PACKETS = 4_000_000
"""A batch is written when its videos have that many packets."""
MANY_BATCHES = 32
"""Small batches are merged when there are that many batches."""
GROUPS_KEPT = 8
"""Row groups of packets that stay in memory."""
Key = tuple[str, int, str]


def _key(source: Source) -> Key:
    return source.uri, source.bytes, source.etag


class IndexStore:
    """The indexes in a folder; safe to use from several threads.

    What is added is written when a batch is full, and by `flush`. A `read_only` store writes and
    deletes nothing, and drops what is added.
    """

    def __init__(self, folder: Folder, *, read_only: bool = False) -> None:
        self._folder = folder
        self._read_only = read_only
        self._lock = Lock()
        self._batches: list[Batch] = []
        self._places: dict[Key, tuple[int, int]] = {}
        self._files: dict[int, pq.ParquetFile] = {}
        self._groups: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()
        self._new: dict[Key, tuple[Source, CacheEntry]] = {}
        self.load()

    def __len__(self) -> int:
        return len(self._places)

    def load(self) -> None:
        """Read what the folder holds now; where several batches hold a video, the latest counts."""
        batches = list(read_batches(self._folder))
        places: dict[Key, tuple[int, int]] = {}
        for number, batch in enumerate(batches):
            for row, source in enumerate(batch.sources()):
                places[_key(source)] = number, row
        with self._lock:
            self._batches, self._places = batches, places
            self._files.clear()
            self._groups.clear()

    def find(self, source: Source) -> CachedResult | None:
        """Return what is known of this version of a video; None where nothing is."""
        with self._lock:
            fresh = self._new.get(_key(source))
            place = self._places.get(_key(source))
            if fresh is not None or place is None:
                return fresh[1] if fresh else None
            try:
                return self._read(source, *place)
            except (StorageError, ValueError):
                # Deleted or damaged, so the caller has to index the video again.
                del self._places[_key(source)]
                return None

    def _read(self, source: Source, number: int, row: int) -> CachedResult | None:
        batch = self._batches[number]
        if not batch.is_known(row):
            return None
        error = batch.error(source, row)
        return error or batch.index(source, row, self._packets(number, *batch.packet_rows(row)))

    def _packets(self, number: int, first: int, count: int) -> pa.Table:
        """Return some packets; raises ValueError where their object is damaged."""
        try:
            return self._read_packets(number, first, count)
        except StorageError:
            raise
        except (pa.ArrowException, OSError, IndexError) as error:
            raise ValueError(f"its packets cannot be read: {error!r}") from error

    def _read_packets(self, number: int, first: int, count: int) -> pa.Table:
        there = self._file(number).metadata.num_rows
        if not 0 <= first < first + count <= there:
            raise ValueError(f"packets {first} to {first + count} are none of {there}")
        start, end = first // GROUP_PACKETS, -(-(first + count) // GROUP_PACKETS)
        groups = [self._group(number, group) for group in range(start, end)]
        table = pa.concat_tables(groups).slice(first - start * GROUP_PACKETS, count)
        if len(table) != count:
            raise ValueError(f"{count} packets were written, and {len(table)} are there")
        return table

    def _group(self, number: int, group: int) -> pa.Table:
        known = self._groups.get((number, group))
        if known is None:
            known = self._file(number).read_row_group(group, columns=list(COLUMNS))
            self._groups[number, group] = known
            if len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        return known

    def _file(self, number: int) -> pq.ParquetFile:
        if number not in self._files:
            entry = self._batches[number].packets
            if entry is None:
                raise ValueError("the object with the packets is missing")
            file = pa.PythonFile(RangedFile(self._folder, entry), "r")
            self._files[number] = pq.ParquetFile(file, pre_buffer=True)
        return self._files[number]

    def add(self, source: Source, entry: CacheEntry) -> None:
        """Keep what is known of a video; with None, forget what was kept."""
        if self._read_only:
            return
        with self._lock:
            self._new[_key(source)] = source, entry
            sizes = [len(e.packets) for _, e in self._new.values() if isinstance(e, VideoIndex)]
            full = len(self._new) >= MOST_VIDEOS or sum(sizes) >= MOST_PACKETS
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last batch."""
        with self._lock:
            new, self._new = self._new, {}
            if not new:
                return
            batch = put_batch(self._folder, list(new.values()))
            self._batches.append(batch)
            at = len(self._batches) - 1
            self._places.update({key: (at, row) for row, key in enumerate(new)})

    def tidy(self) -> None:
        """Merge small batches where there are many."""
        small = [batch for batch in self._batches if len(batch.videos) < MOST_VIDEOS]
        if self._read_only or len(self._batches) < MANY_BATCHES or len(small) < 2:
            return
        sources = [source for batch in small for source in batch.sources()]
        latest = {source.uri: source for source in sources if self._is_latest(source, small)}
        entries = [(source, kept) for source in latest.values() if (kept := self.find(source))]
        for start in range(0, len(entries), MOST_VIDEOS):
            put_batch(self._folder, entries[start : start + MOST_VIDEOS])
        for batch in small:
            self._folder.delete(f"{batch.name}{VIDEOS}")
            self._folder.delete(f"{batch.name}{PACKETS}")
        self.load()

    def _is_latest(self, source: Source, batches: Sequence[Batch]) -> bool:
        place = self._places.get(_key(source))
        return place is not None and self._batches[place[0]] in batches
