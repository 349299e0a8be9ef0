"""Replacing one version of a file: of several hosts one does it, whatever stalls, dies or is lost.

Nothing here is locked by a kernel: links and renames alone decide, as on a server of NFS.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hand_clock import HandClock
from hypothesis import example, given, settings
from hypothesis import strategies as st
from s3_server import wait_until
from stepping import RENAMES, Actor, Schedule

from fleet.storage import versioned_file
from fleet.storage.disk import DiskStore
from fleet.storage.store import PreconditionFailedError
from fleet.storage.versioned_file import (
    STALLED_S,
    claim_name,
    replace_version,
    version_of,
)


@settings(max_examples=100)
# One that stands before its rename is revoked, and comes back while its successor stands there.
@example(runs=[(0, 8), (1, 15), (0, 30)], deaths=[None] * 3, lost=set())
# Two find the same claim stalled, and the first has claimed anew when the second revokes.
@example(runs=[(0, 8), (1, 10), (2, 11), (1, 6), (2, 10)], deaths=[None] * 3, lost=set())
@given(
    runs=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30)), max_size=12),
    deaths=st.lists(st.just(None) | st.integers(1, 25), min_size=3, max_size=3),
    lost=st.sets(st.integers(0, 80), max_size=8),
)
def test_no_version_is_replaced_twice(
    tmp_path_factory: pytest.TempPathFactory,
    runs: list[tuple[int, int]],
    deaths: list[int | None],
    lost: set[int],
) -> None:
    """Three hosts in any order of their steps, some killed, answers lost, claims revoked."""
    path = tmp_path_factory.mktemp("swap") / "lock"
    path.write_bytes(b"first")
    RENAMES.clear()
    turns = (actor for actor, steps in runs for _ in range(steps))
    schedule = Schedule(turns, lost=lost)
    schedule.actors = [
        Actor(schedule, f"host{number}-", path, death) for number, death in enumerate(deaths)
    ]
    schedule.run()
    assert [actor.error for actor in schedule.actors] == [None] * 3
    for before, who, expected in RENAMES:
        assert version_of(before) == expected, f"{who} replaced a version that it had not seen"
    replaced = Counter(before for before, _, _ in RENAMES)
    assert set(replaced.values()) <= {1}
    done = Counter(who for _, who, _ in RENAMES)
    for actor, death in zip(schedule.actors, deaths, strict=True):
        # Of a rename whose answer was lost nobody knows, once another has replaced its bytes.
        assert len(actor.succeeded) <= done[actor.name]
        if death is None and not lost:
            assert len(actor.succeeded) == done[actor.name]
    if deaths == [None] * 3:
        assert RENAMES
        assert [item.name for item in path.parent.iterdir()] == ["lock"]
    # Whatever was left behind, the next one comes to an end.
    replace_version(path, b"last", version_of(path.read_bytes()), HandClock())
    assert path.read_bytes() == b"last"


COUNTER = """
import sys, uuid
from pathlib import Path
from fleet.storage import versioned_file
from fleet.storage.disk import DiskStore
from fleet.storage.store import PreconditionFailedError
versioned_file.STALLED_S, versioned_file._LOOK_S = float(sys.argv[3]), 0.001
store, path = DiskStore(), sys.argv[1]
with open(sys.argv[2], "w") as log:
    for _ in range(int(sys.argv[4])):
        found = store.read(path)
        number = int(found.data.split()[0]) + 1
        data = f"{number} {uuid.uuid4().hex}".encode()
        try:
            store.replace(path, data, store.version(found))
        except PreconditionFailedError:
            continue
        log.write(f"{number} ")
        log.flush()
"""


def counting(folder: Path, stalled_s: float, times: int) -> list[subprocess.Popen[bytes]]:
    """Start processes that count in one file, each success noted in a log of its own."""
    (folder / "count").write_bytes(b"0 first")
    command = [sys.executable, "-c", COUNTER, str(folder / "count")]
    return [
        subprocess.Popen([*command, str(folder / f"log{number}"), str(stalled_s), str(times)])
        for number in range(4)
    ]


def counted(folder: Path) -> list[int]:
    """Every number that a process says it has written, sorted."""
    text = "".join(log.read_text() for log in folder.glob("log*"))
    return sorted(int(line) for line in text.split())


@pytest.mark.parametrize("stalled_s", [0.0, 5.0])
def test_processes_that_race_lose_no_count(tmp_path: Path, stalled_s: float) -> None:
    """Also where each takes every claim of another for stalled, and revokes it at once."""
    for process in counting(tmp_path, stalled_s, 150):
        assert process.wait(120) == 0
    numbers = counted(tmp_path)
    assert numbers == list(range(1, len(numbers) + 1))
    assert int((tmp_path / "count").read_bytes().split()[0]) == len(numbers) >= 150
    assert not [item for item in tmp_path.iterdir() if item.name.endswith(".tmp")]


def test_processes_that_are_killed_or_stopped_lose_no_count(tmp_path: Path) -> None:
    """One is killed and one suspended, wherever they are; no number is written twice."""
    processes = counting(tmp_path, 0.01, 300)
    wait_until(lambda: len(counted(tmp_path)) >= 20, "the first counts")
    processes[0].kill()
    processes[1].send_signal(signal.SIGSTOP)
    assert [process.wait(120) for process in processes[2:]] == [0, 0]
    processes[1].send_signal(signal.SIGCONT)
    assert processes[1].wait(120) == 0
    assert processes[0].wait(120) == -signal.SIGKILL
    numbers = counted(tmp_path)
    assert len(set(numbers)) == len(numbers)
    # The one that was killed may have counted once without having noted it.
    last = int((tmp_path / "count").read_bytes().split()[0])
    assert len(numbers) <= last <= len(numbers) + 1


def test_a_rename_whose_answer_was_lost_is_no_defeat(tmp_path: Path) -> None:
    """The bytes that are there tell that it was done."""
    path = tmp_path / "lock"
    path.write_bytes(b"first")
    schedule = Schedule(iter(()), lost=set(range(1000)))
    schedule.actors = [Actor(schedule, "alone", path, None)]
    schedule.run()
    assert schedule.actors[0].succeeded == ["alone0", "alone1"]


def test_a_claim_that_its_holder_does_not_use_is_revoked(tmp_path: Path) -> None:
    """A host has died with the claim: another waits as long as a stall, by its own clock."""
    path, clock = tmp_path / "lock", HandClock()
    path.write_bytes(b"one")
    mark = "ab" * 16
    versioned_file._beside(path, mark).write_bytes(b"of the dead")
    claim_name(path, version_of(b"one"), 1).write_text(mark)
    before_s = clock.now_s
    replace_version(path, b"two", version_of(b"one"), clock)
    assert STALLED_S <= clock.now_s - before_s < STALLED_S + 1
    assert [item.name for item in tmp_path.iterdir()] == ["lock"]


def test_a_claim_that_names_another_file_deletes_nothing(tmp_path: Path) -> None:
    """Whoever can write there may plant a claim; what it holds is no path."""
    folder = tmp_path / "shared"
    folder.mkdir()
    path, victim = folder / "lock", tmp_path / ".lock.victim.tmp"
    path.write_bytes(b"one")
    victim.write_bytes(b"precious")
    for number, planted in enumerate(("/../../.lock.victim", "", "\0", "x" * 70_000), 1):
        claim_name(path, version_of(b"one"), number).write_text(planted)
    replace_version(path, b"two", version_of(b"one"), HandClock())
    assert victim.read_bytes() == b"precious"
    assert path.read_bytes() == b"two"


def test_a_version_that_is_no_digest_makes_no_file(tmp_path: Path) -> None:
    """A version that somebody else has made up is no part of a name."""
    (tmp_path / "lock").write_bytes(b"one")
    for version in ("../../x", "", "mtime-1.0-3"):
        with pytest.raises(PreconditionFailedError):
            DiskStore().replace(str(tmp_path / "lock"), b"two", version)
    assert [item.name for item in tmp_path.rglob("*")] == ["lock"]


def test_the_store_puts_no_lock_on_a_folder() -> None:
    """A folder's lock is kept by one host alone: nothing of the store takes one."""
    text = "".join(
        Path(str(module.__file__)).read_text("utf-8")
        for module in (versioned_file, sys.modules[DiskStore.__module__])
    )
    assert "import fcntl" not in text
