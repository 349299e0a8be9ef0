"""The one way to an index: memory, then the store, then a look at the video."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from generate import Clip, write
from watched import Looks

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, NotAVideoError, StorageError
from fleet.index_cache import cache as index_cache
from fleet.index_cache import store as index_store
from fleet.index_cache.cache import IndexCache
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder, expand
from fleet.video.index import VideoIndex
from fleet.video.probe.connection import ProbeEndedError
from fleet.video.probe.sandbox import Probes


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    """Three clips of ten packets, and a text, by file name."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write(Clip(frames=10), folder / name)
    (folder / "text.mp4").write_text("I am a text.\n" * 100)
    return {Path(source.uri).name: source for source in expand([str(folder)]).sources}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Watch over the videos that are looked at."""
    return Looks.watch(monkeypatch)


@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch) -> IndexCache:
    """A memory in which the indexes of two clips of ten packets fit."""
    two = 2 * (index_cache.INDEX_BYTES + 10 * index_cache.PACKET_BYTES)
    monkeypatch.setattr(index_cache, "BYTES_HELD", two)
    return IndexCache()


@pytest.fixture
def folder() -> Folder:
    """Where indexes are kept."""
    return Folder(f"memory://{uuid.uuid4()}")


def names(folder: Folder) -> list[str]:
    """List what is kept."""
    return [entry.name for entry in folder.list()]


def test_each_way_is_taken_only_where_the_one_before_knows_nothing(
    videos: dict[str, Source], looks: Looks, folder: Folder
) -> None:
    """A look, then memory; another run takes it from the store, and all of them are equal."""
    store = IndexStore(folder)
    first = IndexCache(store)
    looked = first.get(videos["a.mp4"])
    assert looks.taken() == ["a.mp4"]
    assert first.get(videos["a.mp4"]) is looked
    store.flush()
    kept = IndexCache(IndexStore(folder)).get(videos["a.mp4"])
    assert looks.taken() == []
    assert (kept.source, kept.stream, kept.bytes_read) == (looked.source, looked.stream, 0)
    assert np.array_equal(kept.packets.position, looked.packets.position)


def test_a_video_that_is_done_leaves_memory_and_not_the_store(
    videos: dict[str, Source], looks: Looks, folder: Folder
) -> None:
    """Whoever asks for it all the same has it without another look; one not held is no error."""
    indexes = IndexCache(IndexStore(folder))
    looked = indexes.get(videos["a.mp4"])
    for _ in range(2):
        indexes.forget(videos["a.mp4"])
    again = indexes.get(videos["a.mp4"])
    assert looks.taken() == ["a.mp4"]
    assert again.packets.position.tolist() == looked.packets.position.tolist()


def test_videos_that_are_let_go_make_room_for_others(
    videos: dict[str, Source], looks: Looks, of_two: IndexCache
) -> None:
    """Two clips of ten packets fit, and the first one stays, as another one was let go."""
    for name in ("a.mp4", "b.mp4"):
        of_two.get(videos[name])
    of_two.forget(videos["b.mp4"])
    of_two.get(videos["c.mp4"])
    looks.taken()
    of_two.get(videos["a.mp4"])
    assert looks.taken() == []


def test_memory_holds_the_latest_ones(
    videos: dict[str, Source], looks: Looks, of_two: IndexCache
) -> None:
    """Two clips of ten packets fit; the third takes the place of the one asked for longest ago."""
    for name in ("a.mp4", "b.mp4", "a.mp4", "c.mp4"):
        of_two.get(videos[name])
    assert looks.taken() == ["a.mp4", "b.mp4", "c.mp4"]
    of_two.get(videos["a.mp4"])
    of_two.get(videos["c.mp4"])
    assert looks.taken() == []
    of_two.get(videos["b.mp4"])
    assert looks.taken() == ["b.mp4"]


def test_one_video_is_held_however_long_it_is(
    videos: dict[str, Source], looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its leases are handed out one after the other, and each needs it."""
    monkeypatch.setattr(index_cache, "BYTES_HELD", 1)
    indexes = IndexCache()
    assert indexes.get(videos["a.mp4"]) is indexes.get(videos["a.mp4"])
    assert looks.taken() == ["a.mp4"]


def test_why_there_is_no_index_is_raised_again(
    videos: dict[str, Source], looks: Looks, folder: Folder
) -> None:
    """The same error, from the store, without a look."""
    store = IndexStore(folder)
    with pytest.raises(NotAVideoError) as first:
        IndexCache(store).get(videos["text.mp4"])
    store.flush()
    looks.taken()
    with pytest.raises(NotAVideoError) as again:
        IndexCache(IndexStore(folder)).get(videos["text.mp4"])
    assert str(again.value) == str(first.value)
    assert looks.taken() == []


@pytest.mark.parametrize("cause", ["the store fails", "the child was ended"])
def test_what_may_be_otherwise_the_next_time_is_not_kept(
    videos: dict[str, Source], folder: Folder, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """A store may answer again, and something else may have ended the child."""

    def fail(_: Probes, source: Source) -> VideoIndex:
        if cause == "the store fails":
            raise StorageError(f"{source.uri} timed out")
        raise BrokenVideoError(source.uri, "looking at its header ended.") from ProbeEndedError()

    monkeypatch.setattr(Probes, "index", fail)
    store = IndexStore(folder)
    with pytest.raises((StorageError, BrokenVideoError)):
        IndexCache(store).get(videos["a.mp4"])
    store.flush()
    assert names(folder) == []


def test_a_video_is_known_though_its_index_cannot_be_kept(
    videos: dict[str, Source], folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was read; that the store takes nothing is said when all is put."""

    def fail(*_: object) -> None:
        raise StorageError("the store is away")

    monkeypatch.setattr(index_store, "MOST_VIDEOS", 1)
    monkeypatch.setattr(index_store, "put_batch", fail)
    store = IndexStore(folder)
    with closing(IndexCache(store)) as cache:
        assert len(cache.get(videos["a.mp4"]).packets) == 10
        cache.mend(videos["a.mp4"])
        assert cache.get(videos["a.mp4"]).origin == "scan"
    with pytest.raises(StorageError, match="away"):
        store.flush()


def test_a_store_that_is_read_only_is_read_and_nothing_else(
    videos: dict[str, Source], looks: Looks, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put, however much was found out, nor are batches brought together."""
    monkeypatch.setattr(index_store, "MOST_VIDEOS", 1)
    monkeypatch.setattr(index_store, "MANY_BATCHES", 2)
    for name in ("a.mp4", "text.mp4"):
        store = IndexStore(folder)
        store.add(videos[name], NotAVideoError(name, "it was none then."))
        store.flush()
    before = names(folder)
    store = IndexStore(folder, read_only=True)
    indexes = IndexCache(store)
    with pytest.raises(NotAVideoError, match="then"):
        indexes.get(videos["a.mp4"])
    for name in ("b.mp4", "c.mp4"):
        assert indexes.get(videos[name]) is indexes.get(videos[name])
    store.flush()
    monkeypatch.setattr(index_store, "MOST_VIDEOS", 2)
    store.tidy()
    assert names(folder) == before
    assert looks.taken() == ["b.mp4", "c.mp4"]


def test_threads_share_the_child_and_each_gets_its_own_answer(videos: dict[str, Source]) -> None:
    """Without anything standing in; after `close` another child answers."""
    asked = ["a.mp4", "b.mp4", "c.mp4"] * 8
    with closing(IndexCache(lines=4)) as indexes:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda name: indexes.get(videos[name]), asked))
        assert [Path(index.source.uri).name for index in found] == asked
        indexes.close()
        with pytest.raises(NotAVideoError, match="text file"):
            indexes.get(videos["text.mp4"])
