"""Fetching a lease's bytes ahead of their use, several ranges at a time.

Reads are the coalesced ranges of the decode plan, in the order in which they are fed, each asked
for once. As many are under way or waiting as bytes allow, so that a far store's latency is hidden
behind the ranges before, and memory stays bounded however long a lease is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet.core.source import Source
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.storage import Reader
from fleet.video.decode_plan import ByteRange, coalesce

GAP_BYTES = 32 * 1024
"""Bytes read in vain rather than asking again: interleaved audio, skipped small pictures."""
RANGE_BYTES = 4 * 1024 * 1024
READS_AT_ONCE = 16
"""Key frames of 0.1 MB that a device takes 5 ms for: 10 are to be under way at 50 ms each."""


@dataclass(frozen=True)
class ReadAheadLimits:
    """How far to fetch ahead: up to so many ranges and bytes, but two ranges in any case."""

    ranges: int
    bytes: int

    def allows(self, ranges: int, held_bytes: int) -> bool:
        """Whether there may be as much; `held_bytes` counts the range in question."""
        return ranges <= 2 or (ranges <= self.ranges and held_bytes <= self.bytes)


RUNNING = ReadAheadLimits(ranges=32, bytes=24 * 1024 * 1024)
"""Of the lease that runs."""
WAITING = ReadAheadLimits(ranges=16, bytes=8 * 1024 * 1024)
"""Of the lease that runs next."""


@dataclass(frozen=True)
class _Read:
    source: Source
    range: ByteRange


@dataclass
class _Held:
    """A range that was asked for; `data`: what `future` brought, once it was waited for."""

    read: _Read
    future: Future[bytes]
    data: bytes | None = None

    def covers(self, source: Source, position: int, end: int) -> bool:
        mine, span = self.read.source, self.read.range
        # Almost always the very same one, and comparing field by field takes longer.
        if not (mine is source or mine == source):
            return False
        return span.position <= position and end <= span.end


class CancelRequestedError(Exception):
    """A lease is put down: nobody needs it from here any more."""


class Fetch:
    """The bytes of one lease, read ahead; use it from one thread, shard by shard, in feed order.

    Rows of the shard in hand may be asked for again: where damage shows late, a GOP is fed once
    more. What was let go by then is read anew. Only `stop` may be called from another thread.
    """

    def __init__(self, order: LeaseOrder, readers: FetchPool) -> None:
        self._readers = readers
        self._to_come: Iterator[_Read] = iter(_reads(order))
        self._next = next(self._to_come, None)
        self._under_way: deque[tuple[_Read, Future[bytes]]] = deque()
        self._bytes_ahead = 0
        self._current: _Held | None = None
        self._anew: _Held | None = None
        """What was read once more, of rows before `_furthest`."""
        self._shard: ShardOrder | None = None
        self._furthest = -1
        """The last row of `_shard` that was asked for."""
        self._ahead = WAITING
        self._stop: Future[None] = Future()
        self._top_up()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.done()

    def stop(self) -> None:
        """Make `packet` raise CancelRequestedError from now on, while it waits as well."""
        # Who cancels a lease and who fails in it may come to this at once.
        with suppress(InvalidStateError):
            self._stop.set_result(None)

    def check(self) -> None:
        """Raise CancelRequestedError once it is stopped."""
        if self._stop.done():
            raise CancelRequestedError

    def packet(self, shard: ShardOrder, row: int) -> bytes:
        """Give the bytes of a packet of `shard`; rows are asked for in feed order, or again.

        Raises StorageError when the store failed, VideoChangedError when the video is gone or
        another by now, CancelRequestedError once it is stopped.
        """
        self._ahead = RUNNING
        position = int(shard.packets.position[row])
        end = position + int(shard.packets.span[row])
        held = self._current
        if held is None or not held.covers(shard.source, position, end):
            held = self._found(shard, row, position, end)
        if self._shard is not shard:
            self._shard, self._furthest = shard, row
        self._furthest = max(self._furthest, row)
        start = held.read.range.position
        data = self._await(held) if held.data is None else held.data
        self.check()
        return data[position - start : end - start]

    def _found(self, shard: ShardOrder, row: int, position: int, end: int) -> _Held:
        """Return the range of a packet that the current one does not have."""
        if self._shard is shard and row <= self._furthest:
            if self._anew is None or not self._anew.covers(shard.source, position, end):
                self._anew = self._read_anew(shard, row, self._furthest)
            return self._anew
        self._anew = None
        while self._under_way:
            held = self._current = _Held(*self._under_way.popleft())
            self._bytes_ahead -= held.read.range.length
            self._top_up()
            if held.covers(shard.source, position, end):
                return held
        # It is of a shard that was left.
        self._anew = self._read_anew(shard, row, row)
        return self._anew

    def _read_anew(self, shard: ShardOrder, first: int, last: int) -> _Held:
        """Ask for a packet once more, and for those that follow it in the same range."""
        rows = np.arange(first, last + 1)
        read = _Read(shard.source, coalesce(shard.packets, rows, GAP_BYTES, RANGE_BYTES)[0])
        return _Held(read, self._readers.submit(read))

    def close(self) -> None:
        """Forget what is not needed any more."""
        for _, future in self._under_way:
            future.cancel()
        self._under_way.clear()
        self._current = self._anew = None

    def _await(self, held: _Held) -> bytes:
        """Return what a read brings; raises CancelRequestedError once it is stopped."""
        if not held.future.done():
            either: tuple[Future[Any], ...] = (self._stop, held.future)
            wait(either, return_when=FIRST_COMPLETED)
        self.check()
        # A read that failed fails again for every packet that lies in it.
        held.data = held.future.result()
        return held.data

    def _top_up(self) -> None:
        while (read := self._next) is not None:
            ahead = self._bytes_ahead + read.range.length
            if not self._ahead.allows(len(self._under_way) + 1, ahead):
                return
            self._under_way.append((read, self._readers.submit(read)))
            self._bytes_ahead = ahead
            self._next = next(self._to_come, None)


def _reads(order: LeaseOrder) -> Iterator[_Read]:
    for shard in order.shards:
        in_feed_order = np.arange(len(shard.packets))
        for item in coalesce(shard.packets, in_feed_order, GAP_BYTES, RANGE_BYTES):
            yield _Read(shard.source, item)


class FetchPool:
    """The threads that read for one worker, and their count of bytes and requests."""

    def __init__(self, open_reader: Callable[[Source], Reader] = Reader) -> None:
        self._threads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="fetch")
        self._open = open_reader
        self._mine = threading.local()
        self._turn = threading.Lock()
        self.bytes_read = 0
        self.requests = 0

    def submit(self, read: _Read) -> Future[bytes]:
        """Read in the background."""
        return self._threads.submit(self._read, read)

    def _read(self, read: _Read) -> bytes:
        reader: Reader | None = getattr(self._mine, "reader", None)
        if reader is None or reader.source != read.source:
            reader = self._mine.reader = self._open(read.source)
        data = reader.read(read.range.position, read.range.length)
        with self._turn:
            self.bytes_read += len(data)
            self.requests += 1
        return data

    def close(self) -> None:
        """End the threads; reads that have not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
