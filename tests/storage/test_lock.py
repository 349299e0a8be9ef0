"""Who may change an output: locks that name their holder, expire, and are lost aloud."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import JobFailedError, OutputBusyError, StorageRefusedError
from fleet.storage import Folder
from fleet.table.state.lock import EXPIRES_S, LEADER_LOCK, Holder, Lock, locked, read_holder


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind."""
    return Folder(str(tmp_path) if request.param == "disk" else f"memory://{uuid.uuid4()}")


class Unconditional(Folder):
    """A folder in a store that has no conditional puts."""

    def create(self, name: str, data: bytes) -> str | None:
        """Refuse."""
        raise StorageRefusedError(f"{name}, {len(data)} bytes: no such put here")

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """Refuse."""
        raise StorageRefusedError(f"{name} {etag}, {len(data)} bytes: no such put here")


def holder(what: str = "fleet run", age_s: float = 0.0) -> Holder:
    """Describe this process, with a hold that is so old."""
    return Holder.me(what, "ab" * 32, time.time() - age_s)


def elsewhere(of: Holder) -> Holder:
    """Move a holder to another machine: nobody here can tell whether it lives."""
    return replace(of, host="far-away", machine="another kernel/pid:[1]", born="7")


def take(folder: Folder, of: Holder) -> Lock:
    """Take the lock for a holder."""
    lock = Lock(folder, LEADER_LOCK, of)
    lock.take()
    return lock


def test_the_second_is_told_who_has_it_and_until_when(folder: Folder) -> None:
    """Host, process, since when, last sign of life, and when it would expire."""
    take(folder, elsewhere(holder(age_s=20)))
    with pytest.raises(OutputBusyError) as caught:
        take(folder, holder())
    for fact in ("fleet run on far-away (pid ", "since 20", "heard of 20 s ago", "expires in 40 s"):
        assert fact in str(caught.value)


def test_a_lock_that_was_released_is_free(folder: Folder) -> None:
    """For anybody; and taking it again works any number of times."""
    for _ in range(3):
        lock = take(folder, elsewhere(holder()))
        lock.release()
        assert read_holder(folder, LEADER_LOCK, time.time()) is None


def test_a_lock_expires(folder: Folder) -> None:
    """Its holder has not renewed it for too long, wherever it was."""
    take(folder, elsewhere(holder(age_s=EXPIRES_S - 5)))
    with pytest.raises(OutputBusyError):
        take(folder, holder())
    folder.delete(LEADER_LOCK)
    take(folder, elsewhere(holder(age_s=EXPIRES_S + 5)))
    take(folder, holder())


def test_a_lock_is_lost_aloud(folder: Folder) -> None:
    """Whoever slept while another took over may not go on, nor give away what is not his."""
    old = take(folder, elsewhere(holder("the sleeper", age_s=EXPIRES_S + 5)))
    take(folder, holder("the successor"))
    with pytest.raises(JobFailedError, match="taken over by the successor"):
        old.renew()
    old.release()
    found = read_holder(folder, LEADER_LOCK, time.time())
    assert found is not None
    assert found.what == "the successor"


def test_renewing_puts_the_end_off(folder: Folder) -> None:
    """By its whole length."""
    lock = take(folder, elsewhere(holder(age_s=EXPIRES_S - 5)))
    lock.renew()
    found = read_holder(folder, LEADER_LOCK, time.time())
    assert found is not None
    assert found.left_s(time.time()) > EXPIRES_S - 5


def test_the_lock_of_a_process_that_died_here_is_free_at_once(tmp_path: Path) -> None:
    """The same command again, right after a crash, need not wait."""
    code = (
        "import os, time\nfrom fleet.table.state.lock import *\nfrom fleet.storage import Folder\n"
        f"Lock(Folder({str(tmp_path)!r}), LEADER_LOCK, Holder.me('x', '', time.time())).take()\n"
        "print('taken', flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"taken\n"
        # Nobody asks for its exit code: it stays a zombie, and is dead all the same.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        folder = Folder(str(tmp_path))
        take(folder, holder())
    found = read_holder(folder, LEADER_LOCK, time.time())
    assert found is not None
    assert found.what == "fleet run"


def test_a_pid_that_was_given_out_again_is_another_process(folder: Folder) -> None:
    """Its number is this one's, but it began at another time."""
    take(folder, replace(holder(), born="1"))
    take(folder, holder())


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"what": 1}'])
def test_a_torn_lock_holds_nothing(folder: Folder, data: bytes) -> None:
    """Whoever wrote it has died over it."""
    folder.put(LEADER_LOCK, data)
    assert read_holder(folder, LEADER_LOCK, time.time()) is None
    take(folder, holder())


def test_of_many_that_ask_at_once_one_has_it(folder: Folder) -> None:
    """The others are told."""

    def attempt(number: int) -> bool:
        try:
            take(folder, holder(f"rival {number}"))
        except OutputBusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(8))) == 1


def test_without_conditions_it_still_keeps_the_second_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As well as it can: what stands there is respected, released and expired as elsewhere."""
    monkeypatch.setattr("fleet.table.state.lock._SETTLE_S", 0.0)
    folder = Unconditional(str(tmp_path))
    first = take(folder, elsewhere(holder()))
    with pytest.raises(OutputBusyError):
        take(folder, holder())
    first.renew()
    first.release()
    second = take(folder, holder())
    second.renew()
    with pytest.raises(OutputBusyError):
        take(folder, elsewhere(holder()))


def test_a_hold_lasts_as_long_as_its_context(folder: Folder) -> None:
    """Whatever ends it."""

    def work() -> None:
        with locked(folder, LEADER_LOCK, "a test", "") as guard:
            guard.check()
            assert read_holder(folder, LEADER_LOCK, time.time()) is not None
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    assert read_holder(folder, LEADER_LOCK, time.time()) is None


def test_waiting_for_a_lock_ends_when_it_is_free(folder: Folder) -> None:
    """Or when the patience is spent."""
    take(folder, elsewhere(holder(age_s=EXPIRES_S - 0.3)))
    with locked(folder, LEADER_LOCK, "a test", "", wait_s=30):
        pass
    take(folder, elsewhere(holder()))
    with pytest.raises(OutputBusyError), locked(folder, LEADER_LOCK, "a test", "", wait_s=0.2):
        pass
