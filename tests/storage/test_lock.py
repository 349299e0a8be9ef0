"""Who may change an output: locks that name their holder, are renewed, and are lost aloud."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from hand_clock import HandClock

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.errors import JobFailedError, OutputBusyError, StorageError
from fleet.storage import Folder
from fleet.table.state.holder import Holder
from fleet.table.state.lock import (
    EXPIRES_S,
    LEADER_LOCK,
    MARGIN_S,
    RENEW_S,
    Lock,
    LockGuard,
    locked,
    read_holder,
)


@pytest.fixture(params=["disk", "memory", "google", "azurite"])
def folder(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Folder:
    """A folder in stores of several kinds."""
    return Folder(place(request.param))


@pytest.fixture
def clock() -> HandClock:
    """A clock that is moved by hand."""
    return HandClock()


class Stalling(Folder):
    """A folder in a store that does not answer for a while."""

    stalls = False

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """Put, or fail."""
        if self.stalls:
            raise StorageError("the store does not answer")
        return super().replace(name, data, etag)


def holder(what: str = "fleet run") -> Holder:
    """Describe this process."""
    return Holder.me(what, "ab" * 32, 1_750_000_000.0)


def elsewhere(of: Holder) -> Holder:
    """Move a holder to another machine: nobody here can tell whether it lives."""
    return replace(of, host="far-away", machine="another kernel/pid:[1]", born="7")


def take(folder: Folder, of: Holder, clock: Clock, *, conditional: bool = True) -> Lock:
    """Take the lock for a holder."""
    lock = Lock(folder, LEADER_LOCK, of, clock, conditional=conditional)
    lock.take()
    return lock


def hold(folder: Folder, clock: Clock, wait_s: float = 0.0) -> AbstractContextManager[LockGuard]:
    """Hold the lock, renewed."""
    holder = Holder.me("a test", "", clock.unix_s())
    return locked(folder, LEADER_LOCK, holder, clock, conditional=True, wait_s=wait_s)


def renewed_by(lock: Lock, clock: HandClock) -> None:
    """Have a lock renewed as its holder does, wherever that is."""
    clock.every(RENEW_S, lock.renew, "far away")


def test_the_second_is_told_who_has_it_as_soon_as_that_shows_life(
    folder: Folder, clock: HandClock
) -> None:
    """Host, process, since when; seen after a renewal at the latest."""
    renewed_by(take(folder, elsewhere(holder()), clock), clock)
    before_s = clock.now_s
    with pytest.raises(OutputBusyError) as caught:
        take(folder, holder(), clock)
    assert clock.now_s - before_s <= RENEW_S + 1
    for fact in ("fleet run on far-away (pid ", "since 20"):
        assert fact in str(caught.value)


def test_a_process_that_lives_here_is_not_watched(folder: Folder, clock: HandClock) -> None:
    """It is known to live."""
    take(folder, holder(), clock)
    before_s = clock.now_s
    with pytest.raises(OutputBusyError):
        take(folder, holder(), clock)
    assert clock.now_s == before_s


def test_a_process_that_stands_still_here_is_taken_over(folder: Folder, clock: HandClock) -> None:
    """It is watched once it is late by the clock of both; if that was set, it shows life."""
    take(folder, holder(), clock)
    clock.sleep(EXPIRES_S + 1)
    before_s = clock.now_s
    lock = take(folder, holder("the successor"), clock)
    assert EXPIRES_S <= clock.now_s - before_s <= EXPIRES_S + 5
    clock.offset_s += 1e6
    renewed_by(lock, clock)
    with pytest.raises(OutputBusyError, match="the successor"):
        take(folder, holder(), clock)


def test_a_lock_that_was_released_is_free(folder: Folder, clock: HandClock) -> None:
    """For anybody; and taking it again works any number of times."""
    for _ in range(3):
        take(folder, elsewhere(holder()), clock).release()
        assert read_holder(folder, LEADER_LOCK) is None


def test_a_lock_that_nobody_renews_is_taken_over(folder: Folder, clock: HandClock) -> None:
    """After it was watched for that long, wherever its holder was."""
    take(folder, elsewhere(holder()), clock)
    before_s = clock.now_s
    take(folder, holder("the successor"), clock)
    assert EXPIRES_S <= clock.now_s - before_s <= EXPIRES_S + 5
    found = read_holder(folder, LEADER_LOCK)
    assert found is not None
    assert found.what == "the successor"


@pytest.mark.parametrize("off_s", [-70.0, 70.0, 1e9])
def test_a_clock_that_is_off_changes_nothing(
    folder: Folder, clock: HandClock, off_s: float
) -> None:
    """A holder 70 s behind is not taken over while it renews; one years ahead is, if it died."""
    other = HandClock()
    other.offset_s += off_s
    lock = take(folder, elsewhere(Holder.me("fleet run", "", other.unix_s())), other)
    renewed_by(lock, clock)
    with pytest.raises(OutputBusyError):
        take(folder, holder(), clock)
    silent = HandClock()
    take(folder, holder(), silent)
    assert silent.now_s > EXPIRES_S


def test_a_lock_is_lost_aloud(folder: Folder, clock: HandClock) -> None:
    """A holder that slept while another took over may not go on, nor give away what is not its."""
    old = take(folder, elsewhere(holder("the sleeper")), clock)
    take(folder, holder("the successor"), clock)
    for change in (old.renew, old.release):
        with pytest.raises(JobFailedError, match="taken over by the successor"):
            change()
    found = read_holder(folder, LEADER_LOCK)
    assert found is not None
    assert found.what == "the successor"


def test_a_holder_stops_believing_before_others_may_take_it(
    tmp_path: Path, clock: HandClock
) -> None:
    """Whether a renewal hangs, or the machine is suspended."""
    folder = Stalling(str(tmp_path))
    with hold(folder, clock) as guard:
        clock.sleep(EXPIRES_S)
        guard.check()
        folder.stalls = True
        clock.sleep(EXPIRES_S - MARGIN_S - RENEW_S - 1)
        guard.check()
        clock.sleep(RENEW_S + 2)
        with pytest.raises(JobFailedError, match="does not answer"):
            guard.check()
        folder.stalls = False
        clock.sleep(RENEW_S + 1)
        guard.check()
        clock.stand_still(3600)
        with pytest.raises(JobFailedError, match="could not be renewed for 3"):
            guard.check()


def test_the_lock_of_a_process_that_died_here_is_free_at_once(
    tmp_path: Path, clock: HandClock
) -> None:
    """The same command again, right after a crash, need not wait."""
    code = (
        "import os\nfrom fleet.clock import SYSTEM_CLOCK\nfrom fleet.table.state.lock import *\n"
        "from fleet.table.state.holder import Holder\nfrom fleet.storage import Folder\n"
        f"Lock(Folder({str(tmp_path)!r}), LEADER_LOCK, Holder.me('x', '', 0.0), SYSTEM_CLOCK, "
        "conditional=True).take()\n"
        "print('taken', flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"taken\n"
        # Nobody asks for its exit code: it stays a zombie, and is dead all the same.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        before_s = clock.now_s
        take(Folder(str(tmp_path)), holder(), clock)
        assert clock.now_s == before_s
    found = read_holder(Folder(str(tmp_path)), LEADER_LOCK)
    assert found is not None
    assert found.what == "fleet run"


def test_a_pid_that_was_given_out_again_is_another_process(
    folder: Folder, clock: HandClock
) -> None:
    """Its number is this one's, but it began at another time."""
    take(folder, replace(holder(), born="1"), clock)
    before_s = clock.now_s
    take(folder, holder(), clock)
    assert clock.now_s == before_s


def test_a_process_of_another_user_that_cannot_be_seen_may_live(
    folder: Folder, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where /proc hides it, only watching tells."""
    take(folder, replace(holder(), pid=2**22 - 1, uid=4242), clock)
    monkeypatch.setattr("fleet.table.state.holder.os.getuid", lambda: 1000)
    before_s = clock.now_s
    take(folder, holder(), clock)
    assert clock.now_s - before_s >= EXPIRES_S


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b'{"what": 1}', b"[" * 9000, b'{"what": {"a": []}}']
)
def test_a_lock_that_makes_no_sense_holds_until_it_was_watched(
    folder: Folder, clock: HandClock, data: bytes
) -> None:
    """Somebody may be at work all the same."""
    folder.put(LEADER_LOCK, data)
    assert read_holder(folder, LEADER_LOCK) is None
    before_s = clock.now_s
    take(folder, holder(), clock)
    assert clock.now_s - before_s >= EXPIRES_S


def test_of_many_that_ask_at_once_one_has_it(folder: Folder) -> None:
    """The others are told."""

    def attempt(number: int) -> bool:
        try:
            take(folder, holder(f"rival {number}"), SYSTEM_CLOCK)
        except OutputBusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(8))) == 1


def test_without_conditions_a_lock_that_is_held_is_never_taken_over(
    tmp_path: Path, clock: HandClock
) -> None:
    """Nothing could referee; what was released is free."""
    folder = Folder(str(tmp_path))
    first = take(folder, elsewhere(holder()), clock, conditional=False)
    with pytest.raises(OutputBusyError, match=f"delete {LEADER_LOCK}"):
        take(folder, holder(), clock, conditional=False)
    first.renew()
    first.release()
    second = take(folder, holder(), clock, conditional=False)
    second.renew()
    with pytest.raises(JobFailedError):
        first.renew()


def test_a_lock_is_held_as_long_as_its_context(folder: Folder, clock: HandClock) -> None:
    """Whatever ends it."""

    def work() -> None:
        with hold(folder, clock) as guard:
            guard.check()
            assert read_holder(folder, LEADER_LOCK) is not None
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    assert read_holder(folder, LEADER_LOCK) is None


def test_waiting_for_a_lock_ends_when_it_is_free(folder: Folder, clock: HandClock) -> None:
    """Or when it was waited for long enough."""
    lock = take(folder, elsewhere(holder()), clock)
    renewed_by(lock, clock)
    with pytest.raises(OutputBusyError), hold(folder, clock, wait_s=20):
        pass
    clock.every(30, lock.release, "far away")
    with hold(folder, clock, wait_s=100) as guard:
        guard.check()
