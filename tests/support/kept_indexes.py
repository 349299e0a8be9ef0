"""Indexes that are made up, kept in a folder, and compared with what is found there."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from indexes import index_of

from fleet.core.source import Source
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.video.index import PacketTable, VideoIndex


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
