"""Batches of indexes: put when they are full, brought together, put later where that fails."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import pytest
from kept_indexes import check, keep, made

from fleet.core.source import Source
from fleet.errors import StorageError
from fleet.index_cache import store as index_store
from fleet.index_cache.batch import Batch, BatchRows, CacheEntry, put_batch, read_batches
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind."""
    return Folder(str(tmp_path) if request.param == "disk" else f"memory://{uuid.uuid4()}")


def test_many_small_batches_are_brought_together(folder: Folder) -> None:
    """Nothing is lost but what a later version of the video has taken the place of."""
    for number in range(index_store.MANY_BATCHES):
        keep(folder, made(f"{number % 20}.mp4", gops=number % 3 + 1, etag=f"v{number // 20}"))
    store = IndexStore(folder)
    before = len(list(folder.list()))
    store.tidy()
    assert before == 2 * index_store.MANY_BATCHES
    assert len(list(folder.list())) == 2
    for known in (store, IndexStore(folder)):
        for number in range(12, index_store.MANY_BATCHES):
            index = made(f"{number % 20}.mp4", gops=number % 3 + 1, etag=f"v{number // 20}")
            check(known.find(index.source), index)
    store.tidy()
    assert len(list(folder.list())) == 2


def test_batches_that_another_store_has_merged_are_left(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it knew of them in memory may be gone: a run does not end by it, and nothing is lost."""
    monkeypatch.setattr(index_store, "VIDEOS_KEPT", 2)
    videos = [made(f"{number}.mp4") for number in range(index_store.MANY_BATCHES)]
    for index in videos:
        keep(folder, index)
    late, early = IndexStore(folder), IndexStore(folder)
    early.tidy()
    late.tidy()
    for store in (late, early, IndexStore(folder)):
        for index in videos:
            check(store.find(index.source), index)


def test_merging_keeps_to_the_packets_of_a_batch(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is full of packets is not small, and what is merged is cut where it is full."""
    small, full = made("0.mp4", gops=1), made("0.mp4", gops=3)
    monkeypatch.setattr(index_store, "MOST_PACKETS", len(full.packets))
    for number in range(index_store.MANY_BATCHES):
        index = full if number % 2 else small
        keep(folder, replace(index, source=Source(f"{number}.mp4", 9, "e")))
    IndexStore(folder).tidy()
    held = [batch.packet_rows for batch, _ in read_batches(folder)]
    assert len(held) < index_store.MANY_BATCHES
    assert max(held) < len(full.packets) + len(small.packets)
    assert len(IndexStore(folder)) == index_store.MANY_BATCHES


def test_a_batch_is_put_when_it_is_full(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the listing is: a death costs one batch."""
    monkeypatch.setattr(index_store, "MOST_VIDEOS", 4)
    store = IndexStore(folder)
    for number in range(9):
        store.add(made(f"{number}.mp4").source, made(f"{number}.mp4"))
    assert len(IndexStore(folder)) == 8


class Held:
    """Holds up whoever puts the first batch, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self._put = put_batch
        monkeypatch.setattr(index_store, "put_batch", self._hold)

    def _hold(
        self, folder: Folder, entries: Sequence[tuple[Source, CacheEntry]]
    ) -> tuple[Batch, BatchRows]:
        if not self.begun.is_set():
            self.begun.set()
            assert self.go.wait(60)
        return self._put(folder, entries)


def test_nobody_who_looks_something_up_waits_for_a_put(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is being put is found all the while, and what is added meanwhile as well."""
    held, store = Held(monkeypatch), IndexStore(folder)
    first, second = made("a.mp4"), made("b.mp4")
    store.add(first.source, first)
    with ThreadPoolExecutor(2) as threads:
        try:
            flushing = threads.submit(store.flush)
            assert held.begun.wait(60)
            check(threads.submit(store.find, first.source).result(20), first)
            store.add(second.source, second)
            check(store.find(second.source), second)
        finally:
            held.go.set()
        flushing.result(60)
    check(store.find(first.source), first)
    store.flush()
    assert len(IndexStore(folder)) == 2


def test_what_is_put_while_batches_are_merged_counts(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that a worker found wrong is mended while a plan ends."""
    for number in range(index_store.MANY_BATCHES):
        keep(folder, made(f"{number}.mp4"))
    held, store = Held(monkeypatch), IndexStore(folder)
    mended = made("3.mp4", gops=7)

    def mend() -> None:
        store.add(mended.source, mended)
        store.flush()

    with ThreadPoolExecutor(2) as threads:
        try:
            merging = threads.submit(store.tidy)
            assert held.begun.wait(60)
            mending = threads.submit(mend)
            # Who does not wait for the merging is done with it before that, and is undone by it.
            wait([mending], 0.2)
        finally:
            held.go.set()
        merging.result(60)
        mending.result(60)
    for known in (store, IndexStore(folder)):
        check(known.find(mended.source), mended)


def test_batches_that_cannot_be_put_are_put_later(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adding goes on, with a try a batch; only `flush` says what is the matter."""
    monkeypatch.setattr(index_store, "MOST_VIDEOS", 4)
    tries = list[int]()

    def fail(_: Folder, entries: Sequence[tuple[Source, CacheEntry]]) -> None:
        tries.append(len(entries))
        raise StorageError("the store is away")

    store, several = IndexStore(folder), [made(f"{number}.mp4") for number in range(10)]
    monkeypatch.setattr(index_store, "put_batch", fail)
    for index in several:
        store.add(index.source, index)
        check(store.find(index.source), index)
    with pytest.raises(StorageError, match="away"):
        store.flush()
    assert tries == [4, 8, 10]
    monkeypatch.setattr(index_store, "put_batch", put_batch)
    store.flush()
    for index in several:
        check(IndexStore(folder).find(index.source), index)
