"""Fetching ahead: several ranges at once, each once, within bounds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import STREAM

from fleet.core.interval import Interval
from fleet.core.source import Source
from fleet.errors import StorageError
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.video.index import PacketTable
from fleet.worker import prefetch
from fleet.worker.prefetch import (
    RUNNING,
    WAITING,
    CancelRequestedError,
    Fetch,
    FetchPool,
    ReadAheadLimits,
)

STEP = 1 << 20
"""So far apart that no two packets share a range."""


def order_of(packets: int, span: int = 100) -> LeaseOrder:
    """Make a lease of key frames that lie far apart."""
    source = Source("memory://x.mp4", packets * STEP, "etag")
    ones = np.ones(packets, np.int32)
    table = PacketTable(
        position=np.arange(packets, dtype=np.int64) * STEP,
        span=ones * span,
        skip=ones * 0,
        size=ones * span,
        pts=np.arange(packets, dtype=np.int64),
        display=np.arange(packets, dtype=np.int32),
        key=np.ones(packets, np.bool_),
        entry=np.ones(packets, np.bool_),
        shown=np.ones(packets, np.bool_),
    )
    frames = np.arange(packets, dtype=np.int64)
    interval = Interval(source.uri, source.etag, 0, packets)
    shard = ShardOrder(
        source, STREAM, interval, table, (), frames, 0, 1.0, frames, True, np.array([0, packets])
    )
    return LeaseOrder("lease", (shard,))


class Slow:
    """A reader that answers when it is let, and fails where it is told to."""

    def __init__(self, source: Source, store: Store) -> None:
        self.source = source
        self._store = store

    def read(self, offset: int, length: int) -> bytes:
        """Wait for the store, then give bytes that tell where they are from."""
        store = self._store
        with store.turn:
            store.asked.append(offset)
            store.waiting.notify_all()
        assert store.open.wait(60)
        if offset in store.broken:
            raise StorageError(f"nothing comes at {offset}")
        return store.bytes_at(offset, length)


class Store:
    """What was asked of it, and whether it answers."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.broken: set[int] = set()
        self.open = threading.Event()
        self.turn = threading.Lock()
        self.waiting = threading.Condition(self.turn)

    def readers(self) -> FetchPool:
        """Make readers of it."""
        return FetchPool(lambda source: Slow(source, self))  # type: ignore[arg-type, return-value]

    def bytes_at(self, position: int, length: int) -> bytes:
        """Return bytes that tell where they are from: each step begins with its number."""
        steps = range(position // STEP, -(-(position + length) // STEP))
        data = b"".join(step.to_bytes(4, "big").ljust(STEP, b".") for step in steps)
        return data[position % STEP :][:length]

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests are under way."""
        with self.turn:
            assert self.waiting.wait_for(lambda: len(self.asked) >= requests, 20)


def test_a_waiting_lease_has_many_requests_under_way_at_once() -> None:
    """Before one of them is answered: latency is waited for once, not range by range."""
    store = Store()
    with closing(store.readers()) as readers:
        fetch = Fetch(order_of(100), readers)
        store.wait_for(WAITING.ranges)
        assert sorted(store.asked) == [number * STEP for number in range(WAITING.ranges)]
        store.open.set()
        fetch.close()


def test_every_packet_comes_from_one_request_in_feed_order() -> None:
    """Each range is asked for once, and never more than the bound ahead."""
    store = Store()
    store.open.set()
    made = order_of(100)
    (shard,) = made.shards
    with closing(store.readers()) as readers:
        fetch = Fetch(made, readers)
        for row in range(100):
            assert fetch.packet(shard, row)[:4] == row.to_bytes(4, "big")
            assert len(fetch.packet(shard, row)) == 100
            assert len(store.asked) <= row + 1 + RUNNING.ranges
        fetch.close()
        assert (readers.requests, readers.bytes_read) == (100, 10_000)
    assert sorted(store.asked) == [number * STEP for number in range(100)]


def test_a_range_that_does_not_come_costs_its_own_packets() -> None:
    """Each time it is asked for; the ranges around it come."""
    store = Store()
    store.open.set()
    store.broken.add(3 * STEP)
    made = order_of(6)
    (shard,) = made.shards
    with closing(store.readers()) as readers:
        fetch = Fetch(made, readers)
        for row in (0, 1, 2, 4, 5):
            if row == 4:
                for _ in range(2):
                    with pytest.raises(StorageError, match="nothing comes"):
                        fetch.packet(shard, 3)
            assert fetch.packet(shard, row)[:4] == row.to_bytes(4, "big")
        fetch.close()


def test_bytes_bound_what_is_fetched_ahead() -> None:
    """Large ranges are few, and two in any case."""
    ahead = ReadAheadLimits(ranges=32, bytes=10)
    assert [ahead.allows(1, 100), ahead.allows(2, 200), ahead.allows(3, 300)] == [True, True, False]
    assert ahead.allows(32, 10)
    assert not ahead.allows(33, 10)


def test_a_fetch_that_waits_for_the_store_is_stopped_at_once() -> None:
    """The store need not answer for that."""
    store = Store()
    made = order_of(4)
    (shard,) = made.shards
    with closing(store.readers()) as readers, ThreadPoolExecutor(1) as other:
        fetch = Fetch(made, readers)
        waiting = other.submit(fetch.packet, shard, 0)
        store.wait_for(1)
        fetch.stop()
        with pytest.raises(CancelRequestedError):
            waiting.result(20)
        assert fetch.stopped
        fetch.close()
        store.open.set()


def test_a_fetch_whose_bytes_are_there_is_stopped_too() -> None:
    """Many packets share a range: none of them comes once nobody needs the lease."""
    store = Store()
    store.open.set()
    made = order_of(1)
    (shard,) = made.shards
    with closing(store.readers()) as readers:
        fetch = Fetch(made, readers)
        assert fetch.packet(shard, 0) == fetch.packet(shard, 0)
        fetch.stop()
        with pytest.raises(CancelRequestedError):
            fetch.packet(shard, 0)
        fetch.close()


def test_two_threads_may_stop_a_fetch_at_once() -> None:
    """A lease is put down while it fails: neither is told of the other."""
    store = Store()
    store.open.set()
    with closing(store.readers()) as readers:
        fetch = Fetch(order_of(1), readers)
        with pytest.MonkeyPatch.context() as patch:
            # As the second one to come finds it, if it has come before the first one has stopped.
            patch.setattr(fetch._stop, "done", lambda: False)
            fetch.stop()
            fetch.stop()
        assert fetch.stopped
        fetch.close()


def test_a_gop_that_is_fed_again_is_read_once_more_where_it_was_let_go() -> None:
    """Damage of the GOP before may show late: what follows is read on, and no range twice more."""
    store = Store()
    store.open.set()
    made = order_of(12)
    (shard,) = made.shards
    with closing(store.readers()) as readers, pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefetch, "GAP_BYTES", STEP)
        patch.setattr(prefetch, "RANGE_BYTES", 3 * STEP)
        fetch = Fetch(made, readers)
        for row in (*range(8), *range(2, 8), *range(4, 12)):
            assert len(fetch.packet(shard, row)) == 100
        fetch.close()
    first = [0, 3, 6, 9]
    again = [2, 5, 4]
    assert sorted(store.asked) == sorted(number * STEP for number in first + again)
    assert readers.requests == len(store.asked)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(0, 19), max_size=40),
    range_packets=st.integers(1, 5),
    shards=st.lists(st.booleans(), max_size=40),
)
def test_any_packet_may_be_asked_for_at_any_time(
    rows: list[int], range_packets: int, shards: list[bool]
) -> None:
    """Of the shard in hand or another one, forwards or backwards: its bytes come."""
    store = Store()
    store.open.set()
    one, other = order_of(20).shards[0], order_of(20, span=50).shards[0]
    with closing(store.readers()) as readers, pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefetch, "GAP_BYTES", STEP)
        patch.setattr(prefetch, "RANGE_BYTES", range_packets * STEP)
        fetch = Fetch(LeaseOrder("lease", (one, other)), readers)
        for row, is_other in zip(rows, sorted(shards), strict=False):
            shard = other if is_other else one
            position = int(shard.packets.position[row])
            data = fetch.packet(shard, row)
            assert len(data) == shard.packets.span[row]
            assert data == store.bytes_at(position, len(data))
        fetch.close()
