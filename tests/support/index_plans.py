"""Plans of an archive whose headers others look at, and the one that the driver makes by itself."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from index_hands import PATIENCE_S, IndexHands
from recorded import write_grays

from fleet.ascend.soc import soc
from fleet.core.source import Source
from fleet.driver.preparing import index_leases, prepare
from fleet.driver.preparing.prepared import Known, Prepared
from fleet.index_cache.store import IndexStore
from fleet.plan import index_leases as cutting
from fleet.storage import Folder, Reader, expand
from fleet.video.index import VideoIndex
from fleet.video.probe.probe import probe
from fleet.video.probe.sandbox import Probes
from fleet.video.sampling import Sampling

TEXT, ODD = "07.mp4", "11.mp4"
NAMES = [f"{number:02}.mp4" for number in range(16)]


def archive_in(folder: Path) -> Path:
    """Clips of forty frames; one of the files is a text."""
    first = write_grays(folder / NAMES[0])
    for name in NAMES[1:]:
        shutil.copy(first, folder / name)
    (folder / TEXT).write_text("I am a text.\n" * 100)
    return folder


def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have leases be few files, and others be asked for the first file that nobody knows."""
    monkeypatch.setattr(index_leases, "MISSES", 1)
    monkeypatch.setattr(cutting, "HEADERS_A_WORKER", 1)
    monkeypatch.setattr(cutting, "FIRST_HEADERS", 4)
    monkeypatch.setattr(prepare, "LOOKED_AHEAD", 1)


class Looks:
    """Looks at videos in place of children, and notes what the driver looks at itself.

    The driver does so once the others have something to do, so that it is not there before them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pool: IndexHands | None = None) -> None:
        self.here: list[str] = []
        self._pool = pool
        monkeypatch.setattr(Probes, "index", self)

    def __call__(self, source: Source) -> VideoIndex:
        """Look at a video."""
        if threading.current_thread().name.startswith("index"):
            self.here.append(Path(source.uri).name)
            assert not self._pool or self._pool.given.wait(PATIENCE_S), "no lease was given"
        return probe(source, Reader(source))


def look(archive: Path, store: IndexStore, pool: IndexHands | None = None) -> Prepared:
    """Prepare, and put what was found out."""
    known = Known(store=store, make_index_pool=pool)
    sources = expand([str(archive)]).sources
    made = prepare.prepare(sources, Sampling.parse("every=2"), soc("Ascend310"), known)
    store.flush()
    assert pool is None or pool.closed
    return made


def check_equal(one: Prepared, other: Prepared) -> None:
    """Two plans are the same, to the last packet."""
    assert (one.videos, one.bytes_read, one.looked_at) == (
        other.videos,
        other.bytes_read,
        other.looked_at,
    )
    assert [str(r.error) for r in one.refused] == [str(r.error) for r in other.refused]
    assert [r.interval for r in one.refused] == [r.interval for r in other.refused]
    for ours, theirs in zip(one.works, other.works, strict=True):
        assert ours.source == theirs.source
        assert np.array_equal(ours.costs.seconds, theirs.costs.seconds)
        assert np.array_equal(ours.bounds, theirs.bounds)


def alone(archive: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """Return the plan that the driver makes by itself."""
    Looks(monkeypatch)
    return look(archive, IndexStore(Folder(str(folder))))
