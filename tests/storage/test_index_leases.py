"""Headers that others look at: the same plan, whatever becomes of those who do."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from index_hands import IndexHands
from index_plans import NAMES, ODD, TEXT, Looks, alone, archive_in, check_equal, look, soon

from fleet.ascend.soc import soc
from fleet.core.run_events import Cause
from fleet.core.source import Source
from fleet.driver.preparing import index_leases, prepare
from fleet.driver.preparing.prepared import Known
from fleet.errors import BrokenVideoError
from fleet.index_cache.batch import PACKETS, VIDEOS, put_batch
from fleet.index_cache.store import IndexStore
from fleet.plan import index_leases as cutting
from fleet.plan.index_leases import IndexLease
from fleet.storage import Folder, Reader, expand
from fleet.video.index import VideoIndex
from fleet.video.probe.connection import ProbeEndedError
from fleet.video.probe.probe import probe
from fleet.video.probe.sandbox import Probes
from fleet.video.sampling import Sampling


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of forty frames; one of the files is a text."""
    return archive_in(tmp_path_factory.mktemp("archive"))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have others be asked for the first file that nobody knows."""
    soon(monkeypatch)


def test_a_plan_is_the_same_whoever_looks_at_headers(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is looked at once, most of them elsewhere; the next run finds all of them kept."""
    pool = IndexHands()
    looks = Looks(monkeypatch, pool)
    folder = Folder(str(tmp_path / "index"))
    made = look(archive, IndexStore(folder), pool)
    assert sorted([*looks.here, *pool.looked]) == NAMES
    assert len(pool.looked) >= cutting.FIRST_HEADERS
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))
    again = Looks(monkeypatch)
    kept = look(archive, IndexStore(folder))
    assert again.here == []
    assert (kept.videos, kept.bytes_read) == (made.videos, 0)


@pytest.mark.parametrize("cause", [Cause.TAKEN, Cause.DIED])
def test_what_a_worker_had_in_hand_when_it_died_is_looked_at_by_another(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: Cause
) -> None:
    """Its machine went, or something ended it once: nothing is wrong with any video."""
    died: list[str] = []

    def dies(lease: IndexLease) -> Cause | None:
        died.append(lease.id)
        return cause if len(died) == 1 else None

    pool = IndexHands(dies=dies)
    looks = Looks(monkeypatch, pool)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert pool.deaths == 1
    assert died.count(died[0]) == 2
    assert sorted([*looks.here, *pool.looked]) == NAMES
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))


def test_a_file_that_ends_whoever_looks_at_it_is_found_and_looked_at_here(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the driver's shielded children say counts: there it may be well. Others lose nothing."""

    def dies(lease: IndexLease) -> Cause | None:
        names = [Path(source.uri).name for source in lease.sources]
        return Cause.DIED if ODD in names else None

    pool = IndexHands(dies=dies)
    looks = Looks(monkeypatch, pool)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert pool.deaths > 3, "the lease was cut down to the file"
    assert ODD in looks.here
    assert {"10.mp4", "12.mp4"} <= set(pool.looked), "what was in its lease is looked at elsewhere"
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))


def test_where_every_worker_ends_the_driver_looks_at_all(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where machines have no memory for them: no video is to blame."""
    monkeypatch.setattr(index_leases, "MOST_DEATHS", 4)
    pool = IndexHands(dies=lambda _: Cause.DIED)
    looks = Looks(monkeypatch, pool)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert pool.deaths == 4
    assert sorted(looks.here) == NAMES
    assert "All headers that are left are looked at here" in caplog.text
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))


@pytest.mark.parametrize("here", [False, True])
def test_a_file_that_ends_a_shielded_child_elsewhere_is_judged_by_the_children_here(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    """There they may have been ended by anything; where they end as well, it is named, not kept."""
    pool = IndexHands()
    looks = Looks(monkeypatch, pool)

    def index(probes: Probes, source: Source) -> VideoIndex:
        del probes
        elsewhere = threading.current_thread().name.startswith("headers")
        if source.uri.endswith(ODD) and (elsewhere or here):
            looks.here += [ODD] * (not elsewhere)
            error = BrokenVideoError(source.uri, "looking at its header ended it.")
            raise error from ProbeEndedError("ended it")
        return looks(source)

    monkeypatch.setattr(Probes, "index", index)
    store = IndexStore(Folder(str(tmp_path / "index")))
    made = look(archive, store, pool)
    assert pool.deaths == 0
    assert {Path(r.source.uri).name for r in made.refused} == ({TEXT, ODD} if here else {TEXT})
    assert ODD in pool.looked
    assert looks.here.count(ODD) == 1
    (source,) = (s for s in expand([str(archive)]).sources if s.uri.endswith(ODD))
    assert isinstance(store.find(source), VideoIndex) != here


def test_what_others_cannot_read_the_driver_looks_at(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their machine has a folder of that name without the file, as where a mount is missing."""
    pool = IndexHands()
    looks = Looks(monkeypatch, pool)

    def index(probes: Probes, source: Source) -> VideoIndex:
        del probes
        if source.uri.endswith(ODD) and threading.current_thread().name.startswith("headers"):
            missing = replace(source, uri=source.uri.replace("/archive", "/not-mounted"))
            return probe(missing, Reader(missing))
        return looks(source)

    monkeypatch.setattr(Probes, "index", index)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert ODD in looks.here
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))


def test_who_can_read_none_of_a_lease_is_given_no_further_one(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As machines without the mount; the driver looks at all, and waits for none of them."""
    pool = IndexHands()
    looks = Looks(monkeypatch, pool)

    def index(probes: Probes, source: Source) -> VideoIndex:
        del probes
        if threading.current_thread().name.startswith("headers"):
            missing = replace(source, uri=source.uri.replace("/archive", "/not-mounted"))
            return probe(missing, Reader(missing))
        return looks(source)

    monkeypatch.setattr(Probes, "index", index)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert sorted(looks.here) == NAMES
    assert "could look at 0 of 4 files only" in caplog.text
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))


def test_what_another_run_has_merged_meanwhile_is_found(archive: Path, tmp_path: Path) -> None:
    """Its batch is gone, and what it tells is in another one."""
    folder = Folder(str(tmp_path / "index"))
    store = IndexStore(folder)
    (source,) = (s for s in expand([str(archive)]).sources if s.uri.endswith(ODD))
    entries = [(source, probe(source, Reader(source)))]
    batch, _ = put_batch(folder, entries)
    put_batch(folder, entries)
    for end in (VIDEOS, PACKETS):
        folder.delete(f"{batch.name}{end}")
    assert not store.take_in(batch)
    assert isinstance(store.find(source), VideoIndex)


def test_nobody_is_asked_where_all_is_known(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for a few headers, which are looked at before a process has started."""
    alone(archive, tmp_path / "index", monkeypatch)
    pool = IndexHands()
    looks = Looks(monkeypatch)
    look_at = IndexStore(Folder(str(tmp_path / "index")))
    known = Known(store=look_at, make_index_pool=pool)
    sources = expand([str(archive)]).sources
    prepare.prepare(sources, Sampling.parse("every=2"), soc("Ascend310"), known)
    assert looks.here == pool.looked == []
    monkeypatch.setattr(cutting, "HEADERS_A_WORKER", len(NAMES) + 1)
    known = Known(store=IndexStore(Folder(str(tmp_path / "new"))), make_index_pool=pool)
    prepare.prepare(sources, Sampling.parse("every=2"), soc("Ascend310"), known)
    assert sorted(looks.here) == NAMES
    assert pool.looked == []
