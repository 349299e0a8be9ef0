"""Fetching a lease's bytes ahead of their use, in one background thread a worker.

Reads are the coalesced ranges of the decode plan, in the order in which they are fed; a few of them
are under way or waiting at any time, so memory stays bounded however long a lease is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.storage import Reader
from fleet.video.decode_plan import ByteRange, coalesce
from fleet.video.index import Source

GAP_BYTES = 32 * 1024
"""Bytes read in vain rather than asking again: interleaved audio, skipped small pictures."""
RANGE_BYTES = 4 * 1024 * 1024
AHEAD_RUNNING = 4
"""Ranges fetched ahead of the lease that runs."""
AHEAD_WAITING = 2
"""Ranges fetched of the lease that runs next."""


@dataclass(frozen=True)
class _Read:
    source: Source
    range: ByteRange


class Fetch:
    """The bytes of one lease, read ahead; use it from one thread, shard by shard, in feed order."""

    def __init__(self, order: LeaseOrder, readers: Readers) -> None:
        self._readers = readers
        self._to_come: Iterator[_Read] = iter(_reads(order))
        self._under_way: deque[tuple[_Read, Future[bytes]]] = deque()
        self._current: _Read | None = None
        self._future: Future[bytes] | None = None
        self._ahead = AHEAD_WAITING
        self._top_up()

    def packet(self, shard: ShardOrder, row: int) -> bytes:
        """Give the bytes of a packet of `shard`; rows are asked for in feed order.

        Raises StorageError when the store failed.
        """
        self._ahead = AHEAD_RUNNING
        position = int(shard.packets.position[row])
        end = position + int(shard.packets.span[row])
        while not self._holds(shard.source, position, end):
            self._current, self._future = self._under_way.popleft()
            self._top_up()
        assert self._current is not None
        assert self._future is not None
        start = self._current.range.position
        # A read that failed fails again for every packet that lies in it.
        return self._future.result()[position - start : end - start]

    def close(self) -> None:
        """Forget what is not needed any more."""
        for _, future in self._under_way:
            future.cancel()
        self._under_way.clear()
        self._future = None

    def _holds(self, source: Source, position: int, end: int) -> bool:
        read = self._current
        if read is None or read.source != source:
            return False
        return read.range.position <= position and end <= read.range.end

    def _top_up(self) -> None:
        missing = self._ahead - len(self._under_way)
        for read in islice(self._to_come, max(0, missing)):
            self._under_way.append((read, self._readers.submit(read)))


def _reads(order: LeaseOrder) -> Iterator[_Read]:
    for shard in order.shards:
        in_feed_order = np.arange(len(shard.packets))
        for item in coalesce(shard.packets, in_feed_order, GAP_BYTES, RANGE_BYTES):
            yield _Read(shard.source, item)


class Readers:
    """The thread that reads for one worker, and its count of bytes and requests."""

    def __init__(self, open_reader: Callable[[Source], Reader] = Reader) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch")
        self._open = open_reader
        self._reader: Reader | None = None
        self.bytes_read = 0

    def submit(self, read: _Read) -> Future[bytes]:
        """Read in the background."""
        return self._thread.submit(self._read, read)

    def _read(self, read: _Read) -> bytes:
        if self._reader is None or self._reader.source != read.source:
            self._reader = self._open(read.source)
        data = self._reader.read(read.range.position, read.range.length)
        self.bytes_read += len(data)
        return data

    def close(self) -> None:
        """End the thread; reads that have not begun are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
