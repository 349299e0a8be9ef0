"""Indexes kept as Parquet: found again, found out again when videos change, brought together."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import indexes
from kept_indexes import check, keep, made

from fleet.core.source import Source
from fleet.errors import BrokenVideoError
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.video.index import VideoIndex


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind."""
    return Folder(str(tmp_path) if request.param == "disk" else f"memory://{uuid.uuid4()}")


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
