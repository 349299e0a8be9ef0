"""Index leases that nothing comes of: the plan waits a bounded time, and the driver looks itself."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest
from hand_clock import HandClock
from index_hands import PATIENCE_S, IndexHands
from index_plans import NAMES, Looks, alone, archive_in, check_equal, look, soon

from fleet.ascend.soc import soc
from fleet.core.run_events import Event
from fleet.core.source import Source
from fleet.driver.preparing import index_leases, prepare
from fleet.driver.preparing.background import in_background
from fleet.driver.preparing.index_leases import IndexLeases
from fleet.driver.preparing.prepared import Known
from fleet.index_cache.store import IndexStore
from fleet.plan.index_leases import IndexQueue
from fleet.storage import Folder, expand
from fleet.video.sampling import Sampling


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of forty frames; one of the files is a text."""
    return archive_in(tmp_path_factory.mktemp("archive"))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have others be asked for the first file that nobody knows."""
    soon(monkeypatch)


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
