"""The indexes of videos, kept in a folder, so that each video of an archive is indexed once.

Batches are only added, and merged when there are many. Any of them may be deleted: its videos are
then indexed again. See `fleet.index_cache.batch`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Lock

import pyarrow as pa
import pyarrow.parquet as pq

from fleet.core.source import Source
from fleet.errors import StorageError
from fleet.index_cache.batch import (
    GROUP_PACKETS,
    PACKETS,
    VIDEOS,
    Batch,
    BatchRows,
    CachedResult,
    CacheEntry,
    cut_out,
    packets_of,
    put_batch,
    read_batches,
    read_group,
    read_rows,
)
from fleet.index_cache.known_batches import append
from fleet.index_cache.places import Places
from fleet.index_cache.recent import Recent
from fleet.parquet.ranged_file import RangedFile
from fleet.storage import Folder
from fleet.video.index import PacketTable

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
FILES_KEPT = 64
"""Objects of packets that stay open, of which the footers are held."""
VIDEOS_KEPT = 1 << 16
"""Videos whose rows stay in memory, some kilobytes each: those of the other batches are read again,
which is once where videos come in the order in which they were indexed."""


class IndexStore:
    """The indexes in a folder; safe to use from several threads.

    What is added is written when a batch is full, and by `flush`. A `read_only` store writes and
    deletes nothing, and drops what is added.
    """

    def __init__(self, folder: Folder, *, read_only: bool = False) -> None:
        self.folder = folder
        """Where they are kept."""
        self._read_only = read_only
        self._lock = Lock()
        # Taken before the other one, by who puts; nobody who looks something up waits for it.
        self._putting = Lock()
        self._batches: list[Batch] = []
        self._places = Places()
        self._damaged: set[Source] = set()
        self._rows = Recent[int, BatchRows](VIDEOS_KEPT)
        self._files = Recent[int, pq.ParquetFile](FILES_KEPT)
        self._groups = Recent[tuple[int, int], PacketTable](GROUPS_KEPT)
        self._new: dict[Source, CacheEntry] = {}
        self._new_packets = 0
        self._being_put: dict[Source, CacheEntry] = {}
        self._failures = 0
        self._load()

    def __len__(self) -> int:
        return len(self._places)

    def _load(self, without: Collection[str] = ()) -> None:
        """Read what the folder holds; where several batches hold a video, the latest counts.

        `without`: batches that are about to be deleted.
        """
        read: tuple[list[Batch], Places, Recent[int, BatchRows]]
        read = [], Places(), Recent(VIDEOS_KEPT)
        for batch, rows in read_batches(self.folder):
            if batch.name not in without:
                append(*read, batch, rows, rows.sources)
        with self._lock:
            self._batches, self._places, self._rows = read
            self._damaged.clear()
            self._files.clear()
            self._groups.clear()

    def find(self, source: Source) -> CachedResult | None:
        """Return what is known of this version of a video; None where nothing is."""
        with self._lock:
            for added in (self._new, self._being_put):
                if source in added:
                    return added[source]
            if source in self._damaged:
                return None
            try:
                place = self._place(source)
                return None if place is None else self._read(source, *place)
            except (StorageError, FileNotFoundError, ValueError):
                # Deleted or damaged, so the caller has to index the video again.
                self._damaged.add(source)
                return None

    def knows(self, source: Source) -> bool:
        """Return whether anything is kept of this version of a video; its packets are not read."""
        with self._lock, suppress(StorageError, FileNotFoundError, ValueError):
            return source in self._new or self._place(source) is not None
        return False

    def take_in(self, batch: Batch) -> bool:
        """Find what a batch tells that another process has put; raises ValueError as `read_rows`.

        Returns whether it is there; where it is not, all is read anew: a run may have merged it.
        """
        try:
            rows = read_rows(self.folder, batch.name)
        except FileNotFoundError:
            with self._putting:
                self._load()
            return False
        with self._lock:
            append(self._batches, self._places, self._rows, batch, rows, rows.sources)
        return True

    def _place(self, source: Source) -> tuple[int, int] | None:
        """Return the batch and the row that count for a video; None where none tells of it."""
        for number, row in self._places.find(hash(source)):
            if self._rows_of(number).sources[row] == source:
                return number, row
        return None

    def _rows_of(self, number: int) -> BatchRows:
        known = self._rows.get(number)
        if known is None:
            batch = self._batches[number]
            known = self._rows.put(number, read_rows(self.folder, batch.name), batch.videos)
        return known

    def _read(self, source: Source, number: int, row: int) -> CachedResult | None:
        rows = self._rows_of(number)
        if not rows.is_known(row):
            return None
        error = rows.error(source, row)
        return error or rows.index(source, row, self._packets(number, *rows.packet_rows(row)))

    def _packets(self, number: int, first: int, count: int) -> PacketTable:
        """Return some packets; raises ValueError where their object is damaged."""
        try:
            return self._read_packets(number, first, count)
        except StorageError:
            raise
        except (pa.ArrowException, OSError, IndexError) as error:
            raise ValueError(f"its packets cannot be read: {error!r}") from error

    def _read_packets(self, number: int, first: int, count: int) -> PacketTable:
        there = self._file(number).metadata.num_rows
        if not 0 <= first < first + count <= there:
            raise ValueError(f"packets {first} to {first + count} are none of {there}")
        start, end = first // GROUP_PACKETS, -(-(first + count) // GROUP_PACKETS)
        groups = [self._group(number, group) for group in range(start, end)]
        table = cut_out(groups, first - start * GROUP_PACKETS, count)
        if len(table) != count:
            raise ValueError(f"{count} packets were written, and {len(table)} are there")
        return table

    def _group(self, number: int, group: int) -> PacketTable:
        known = self._groups.get((number, group))
        if known is None:
            known = self._groups.put((number, group), read_group(self._file(number), group))
        return known

    def _file(self, number: int) -> pq.ParquetFile:
        known = self._files.get(number)
        if known is None:
            entry = self._batches[number].packets
            if entry is None:
                raise ValueError("the object with the packets is missing")
            file = pa.PythonFile(RangedFile(self.folder, entry), "r")
            known = self._files.put(number, pq.ParquetFile(file, pre_buffer=True))
        return known

    def add(self, source: Source, entry: CacheEntry) -> None:
        """Keep what is known of a video; with None, forget what was kept.

        A batch that cannot be put is put with the next one, or by `flush`, which then raises.
        """
        if self._read_only:
            return
        with self._lock:
            self._new_packets += packets_of(entry) - packets_of(self._new.get(source))
            self._new[source] = entry
            self._damaged.discard(source)
            batches = 1 + self._failures
            full = (
                len(self._new) >= batches * MOST_VIDEOS
                or self._new_packets >= batches * MOST_PACKETS
            )
        if full:
            with suppress(StorageError):
                self.flush()

    def flush(self) -> None:
        """Write what was added since the last batch; raises StorageError where that cannot be."""
        with self._putting:
            with self._lock:
                new, self._new, self._new_packets = self._new, {}, 0
                self._being_put = new
            if not new:
                return
            try:
                batch, rows = put_batch(self.folder, list(new.items()))
            except BaseException:
                self._take_back(new)
                raise
            with self._lock:
                self._being_put, self._failures = {}, 0
                append(self._batches, self._places, self._rows, batch, rows, new)

    def _take_back(self, new: Mapping[Source, CacheEntry]) -> None:
        with self._lock:
            self._new = {**new, **self._new}
            self._new_packets = sum(map(packets_of, self._new.values()))
            self._being_put = {}
            self._failures += 1

    def tidy(self) -> None:
        """Merge small batches where there are many; what is put meanwhile comes after it.

        Nothing depends on it: where another run merges, or the store fails, it is left.
        """
        with self._putting:
            small = [number for number, batch in enumerate(self._batches) if _is_small(batch)]
            if self._read_only or len(self._batches) < MANY_BATCHES or len(small) < 2:
                return
            names = [self._batches[number].name for number in small]
            with suppress(StorageError, FileNotFoundError, ValueError):
                self._replace(small, names)

    def _replace(self, small: Sequence[int], names: Sequence[str]) -> None:
        try:
            self._merge(small)
        except FileNotFoundError:
            # Merged by another run meanwhile.
            self._load()
        else:
            self._load(without=names)
            for name in names:
                self.folder.delete(f"{name}{VIDEOS}")
                self.folder.delete(f"{name}{PACKETS}")

    def _merge(self, numbers: Sequence[int]) -> None:
        latest = {source.uri: source for source in self._latest(numbers)}
        entries: list[tuple[Source, CacheEntry]] = []
        packets = 0
        for source in latest.values():
            if kept := self.find(source):
                entries.append((source, kept))
                packets += packets_of(kept)
            if len(entries) == MOST_VIDEOS or packets >= MOST_PACKETS:
                put_batch(self.folder, entries)
                entries, packets = [], 0
        if entries:
            put_batch(self.folder, entries)

    def _latest(self, numbers: Sequence[int]) -> Iterator[Source]:
        """Yield the videos of some batches for which no later batch counts."""
        several = set(numbers)
        for number in numbers:
            with self._lock:
                sources = list(self._rows_of(number).sources)
                places = list(map(self._place, sources))
            for source, place in zip(sources, places, strict=True):
                if place is not None and place[0] in several:
                    yield source


def _is_small(batch: Batch) -> bool:
    return batch.videos < MOST_VIDEOS and batch.packet_rows < MOST_PACKETS
