"""Headers that others look at: the same plan, whatever becomes of those who do."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hand_clock import HandClock
from index_hands import PATIENCE_S, IndexHands
from recorded import write_grays

from fleet.ascend.soc import soc
from fleet.core.run_events import Cause, Event
from fleet.core.source import Source
from fleet.driver.preparing import index_leases, prepare
from fleet.driver.preparing.background import in_background
from fleet.driver.preparing.index_leases import IndexLeases
from fleet.driver.preparing.prepared import Known, Prepared
from fleet.errors import BrokenVideoError
from fleet.index_cache.batch import PACKETS, VIDEOS, put_batch
from fleet.index_cache.store import IndexStore
from fleet.plan import index_leases as cutting
from fleet.plan.index_leases import IndexLease, IndexQueue
from fleet.storage import Folder, Reader, expand
from fleet.video.index import VideoIndex
from fleet.video.probe.connection import ProbeEndedError
from fleet.video.probe.probe import probe
from fleet.video.probe.sandbox import Probes
from fleet.video.sampling import Sampling

NAMES = [f"{number:02}.mp4" for number in range(16)]
TEXT, ODD = "07.mp4", "11.mp4"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of forty frames; one of the files is a text."""
    folder = tmp_path_factory.mktemp("archive")
    first = write_grays(folder / NAMES[0])
    for name in NAMES[1:]:
        shutil.copy(first, folder / name)
    (folder / TEXT).write_text("I am a text.\n" * 100)
    return folder


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
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


class Jumping(HandClock):
    """As much time passes between two looks at it as anything is waited for."""

    def steady_s(self) -> float:
        """See Clock."""
        self.now_s += index_leases.WAIT_S
        return self.now_s


def test_others_who_never_answer_are_waited_for_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However many files they have in hand: each wait in vain ends that for a whole lease."""
    queue = IndexQueue([Source(f"{number}.mp4", 1, "v1") for number in range(400)])
    given = 0
    for _ in range(5):
        asked = queue.candidates(1)
        assert asked
        lease = queue.cut(*asked.choose(lambda _: False))
        assert lease
        given += len(lease.sources)
    sources = [Source(f"{number}.mp4", 1, "v1") for number in range(given)]
    store = IndexStore(Folder(str(tmp_path / "index")))
    leases = IndexLeases(IndexHands(), queue, store.knows, store, Jumping())
    covered = 0
    for source in sources:
        covered += queue.covers(source)
        assert leases.wait_for(source) is None
    assert covered == 2
    assert caplog.text.count("others gave no answer") == 1
    leases.close()


def test_the_plan_goes_on_and_ends_while_the_store_is_asked_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that hangs keeps neither the driver nor an interrupt; the workers are let go."""
    monkeypatch.setattr(index_leases, "CLOSE_S", 0.0)
    asked, answer = threading.Event(), threading.Event()

    def hangs(source: Source) -> bool:
        del source
        asked.set()
        assert answer.wait(PATIENCE_S), "nothing has ended the wait"
        return False

    sources = [Source(f"{number}.mp4", 1, "v1") for number in range(40)]
    store, pool = IndexStore(Folder(str(tmp_path / "index"))), IndexHands()
    leases = IndexLeases(pool, IndexQueue(sources), hangs, store)
    leases.missed()
    assert asked.wait(PATIENCE_S), "nobody asked what is known"
    (thread,) = (t for t in threading.enumerate() if t.name == "index-leases")
    leases.reach(3)
    assert leases.wait_for(sources[2]) is None
    leases.close()
    assert pool.closed
    assert "has not ended" in caplog.text
    answer.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert not pool.given.is_set(), "a lease was cut of what nobody wants any more"


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


def test_where_what_others_put_is_not_found_the_driver_looks_at_all(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Their folder of that name may be another one; a line says so."""
    pool = IndexHands(Folder(str(tmp_path / "theirs")))
    looks = Looks(monkeypatch, pool)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert sorted(looks.here) == NAMES
    assert "is not found here" in caplog.text
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))


def test_where_no_worker_comes_the_driver_looks_at_all(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for any."""
    monkeypatch.setattr(index_leases, "NO_WORKER_S", -1.0)
    pool = IndexHands()
    looks = Looks(monkeypatch)
    monkeypatch.setattr(pool, "set_target", lambda _: None)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert sorted(looks.here) == NAMES
    assert len(made.works) == len(NAMES) - 1


class Silent(IndexHands):
    """Workers that take leases, and say nothing any more."""

    def poll(self, timeout_s: float) -> list[Event]:
        """See IndexPool."""
        self._left.clear()
        return super().poll(timeout_s)


def test_a_file_that_others_never_answer_for_is_looked_at_here(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No wait is without an end; what comes of theirs later changes nothing."""
    monkeypatch.setattr(index_leases, "WAIT_S", 0.01)
    pool = Silent()
    looks = Looks(monkeypatch, pool)
    made = look(archive, IndexStore(Folder(str(tmp_path / "index"))), pool)
    assert sorted(looks.here) == NAMES
    check_equal(made, alone(archive, tmp_path / "alone", monkeypatch))


def test_a_plan_that_nobody_wants_any_more_does_not_wait_for_others(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind an interrupt: no thread goes on, and the workers are let go."""
    pool = Silent()
    Looks(monkeypatch, pool)
    known = Known(store=IndexStore(Folder(str(tmp_path / "index"))), make_index_pool=pool)
    sources = expand([str(archive)]).sources
    chip, sample = soc("Ascend310"), Sampling.parse("every=2")
    with in_background(partial(prepare.prepare_in_windows, sources, sample, chip, known)):
        assert pool.given.wait(PATIENCE_S), "no lease was given"
    assert pool.closed
    names = ("background", "index", "headers")
    assert not [t.name for t in threading.enumerate() if t.name.startswith(names)]


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
