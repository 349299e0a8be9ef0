"""Indexes kept as Parquet: found again, found out again when videos change, brought together."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import fields, replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import index_of, indexes

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, StorageError
from fleet.index_cache import store as index_store
from fleet.index_cache.batch import Batch, BatchRows, CacheEntry, put_batch, read_batches
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.video.index import PacketTable, VideoIndex


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind."""
    return Folder(str(tmp_path) if request.param == "disk" else f"memory://{uuid.uuid4()}")


def made(uri: str, gops: int = 3, etag: str = "v1") -> VideoIndex:
    """Make a video's index."""
    index = index_of([(0, 4)] * gops)
    return replace(index, source=Source(uri, 1000, etag))


def keep(folder: Folder, *several: VideoIndex) -> None:
    """Keep indexes in a batch of their own."""
    store = IndexStore(folder)
    for index in several:
        store.add(index.source, index)
    store.flush()


def check(found: object, index: VideoIndex) -> None:
    """See that what was found is the index."""
    assert isinstance(found, VideoIndex)
    assert (found.source, found.container, found.stream) == (
        index.source,
        index.container,
        index.stream,
    )
    assert (found.origin, found.bytes_read) == (index.origin, 0)
    for column in fields(PacketTable):
        ours, theirs = getattr(found.packets, column.name), getattr(index.packets, column.name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)


@given(st.lists(indexes(), min_size=1, max_size=5))
@settings(max_examples=40)
def test_what_is_kept_is_found_as_it_was(videos: Sequence[VideoIndex]) -> None:
    """Before it is put, after, and by another store."""
    folder = Folder(f"memory://{uuid.uuid4()}")
    named = [
        replace(index, source=Source(f"{number}.mp4", 9, "e"))
        for number, index in enumerate(videos)
    ]
    store = IndexStore(folder)
    for index in named:
        store.add(index.source, index)
        assert store.find(index.source) is index
    store.flush()
    for known in (store, IndexStore(folder)):
        for index in named:
            check(known.find(index.source), index)


def test_a_long_video_is_found_across_groups(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packets of one video lie in several row groups, and of several in one."""
    for module in ("store", "batch"):
        monkeypatch.setattr(f"fleet.index_cache.{module}.GROUP_PACKETS", 7)
    several = [made(f"{n}.mp4", gops) for n, gops in enumerate([1, 9, 2, 5])]
    keep(folder, *several)
    store = IndexStore(folder)
    for index in [*several, *reversed(several)]:
        check(store.find(index.source), index)


@pytest.mark.parametrize(
    "source",
    [Source("b.mp4", 1000, "v1"), Source("a.mp4", 1001, "v1"), Source("a.mp4", 1000, "v2")],
)
def test_another_version_is_not_known(folder: Folder, source: Source) -> None:
    """Another name, size or etag is another video."""
    keep(folder, made("a.mp4"))
    assert IndexStore(folder).find(source) is None


def test_why_a_video_has_no_index_is_kept_too(folder: Folder) -> None:
    """A broken file of 10 GB is not read through again by each job."""
    source = Source("a.ts", 9, "e")
    store = IndexStore(folder)
    store.add(source, BrokenVideoError("a.ts", "it has no key frame.", "Leave it out."))
    store.flush()
    found = IndexStore(folder).find(source)
    assert isinstance(found, BrokenVideoError)
    assert str(found) == "a.ts: it has no key frame. Leave it out."


def test_what_is_forgotten_is_found_out_again(folder: Folder) -> None:
    """The latest word counts, also when it is that nothing is known."""
    index = made("a.mp4")
    keep(folder, index, made("b.mp4"))
    store = IndexStore(folder)
    store.add(index.source, None)
    assert store.find(index.source) is None
    store.flush()
    assert IndexStore(folder).find(index.source) is None
    keep(folder, index)
    check(IndexStore(folder).find(index.source), index)
    check(IndexStore(folder).find(Source("b.mp4", 1000, "v1")), made("b.mp4"))


def test_a_file_name_that_is_no_text_is_found(folder: Folder) -> None:
    """Linux allows any bytes, and a backslash that looks like one of ours."""
    for uri in (b"caf\xe9.mp4".decode(errors="surrogateescape"), "caf\\udce9.mp4", 'a"b\n.mp4'):
        keep(folder, made(uri))
        check(IndexStore(folder).find(Source(uri, 1000, "v1")), made(uri))


@pytest.mark.parametrize("harm", ["videos gone", "videos torn", "packets gone", "packets torn"])
def test_a_batch_that_is_gone_or_damaged_is_as_good_as_never_kept(
    folder: Folder, harm: str
) -> None:
    """Before it is opened, and after; other batches stay."""
    keep(folder, made("a.mp4"))
    which, how = harm.split()
    opened = IndexStore(folder)
    (name,) = [entry.name for entry in folder.list() if which in entry.name]
    folder.delete(name) if how == "gone" else folder.put(name, b"PAR1 half")
    keep(folder, made("b.mp4"))
    assert IndexStore(folder).find(Source("a.mp4", 1000, "v1")) is None
    check(IndexStore(folder).find(Source("b.mp4", 1000, "v1")), made("b.mp4"))
    if which == "packets":
        assert opened.find(Source("a.mp4", 1000, "v1")) is None


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


def test_indexes_are_tables_that_anybody_reads(tmp_path: Path) -> None:
    """How many packets, how many bytes of keys: a question for DuckDB."""
    keep(Folder(str(tmp_path)), made("a.mp4", 2), made("b.mp4", 3))
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select uri, packets from '{tmp_path}/*-videos.parquet' order by 1"  # noqa: S608
        ).fetchall()
        [[keys]] = connection.execute(
            f"select sum(span) from '{tmp_path}/*-packets.parquet' where key"  # noqa: S608
        ).fetchall()
    assert rows == [("a.mp4", 10), ("b.mp4", 15)]
    assert keys == 5000
