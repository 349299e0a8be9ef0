"""Faults by a seed, asking again, and the two together: nothing is lost, nothing comes twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import AccessDeniedError, StorageError, UsageError
from fleet.storage import Faults
from fleet.storage.fault_injection import Faulty
from fleet.storage.retry import Retrying, RetryPolicy
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat, Store


class Kept:
    """A store that never fails by itself, and notes what is asked of it."""

    name = "kept://"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store."""
        for path in sorted(self.objects):
            if path.startswith(folder) and path > after:
                yield self.stat(path)

    def stat(self, path: str) -> Stat:
        """See Store."""
        data = self._get(path)
        return Stat(path, len(data), data.hex(), None)

    def _get(self, path: str) -> bytes:
        self.asked.append(path)
        if path not in self.objects:
            raise FileNotFoundError(path)
        return self.objects[path]

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store."""
        data = self._get(path)
        if etag not in {"", data.hex()}:
            raise PreconditionFailedError(path)
        return ReadResult(data[start:end], len(data), data.hex())

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        self.objects[path] = data

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        if path in self.objects:
            raise PreconditionFailedError(path)
        self.objects[path] = data
        return data.hex()

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        if self.objects.get(path, b"").hex() != version:
            raise PreconditionFailedError(path)
        self.objects[path] = data
        return data.hex()

    def version(self, answer: ReadResult) -> str:
        """See Store."""
        return answer.etag

    def delete(self, path: str) -> None:
        """See Store."""
        self.objects.pop(path, None)


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


def patient(store: Store, clock: Clock, policy: RetryPolicy | None = None) -> Retrying:
    """Ask a store again, without waiting."""
    return Retrying(store, policy, clock.sleep, clock)


SHARES = st.floats(0, 0.2)
SCHEDULES = st.builds(
    Faults, seed=st.integers(0, 1000), fail=SHARES, lose=SHARES, short=SHARES, torn=SHARES
)
BODIES = st.binary(min_size=2, max_size=20)


@given(SCHEDULES, st.lists(st.tuples(st.sampled_from("abc"), BODIES), max_size=12))
def test_what_is_asked_again_ends_as_though_nothing_had_failed(
    faults: Faults, puts: list[tuple[str, bytes]]
) -> None:
    """Puts, reads, listings and deletions, under any schedule of faults."""
    kept, clock = Kept(), Clock()
    # For ever: a schedule may let the same request fail some dozen times in a row.
    store = patient(Faulty(kept, faults, clock.sleep), clock, RetryPolicy(1e9, 1e9))
    plain: dict[str, bytes] = {}
    for path, data in puts:
        store.put(path, data)
        plain[path] = data
        assert store.read(path).data == data
        assert store.read(path, 1, 5).data == data[1:5]
    assert kept.objects == plain
    assert [stat.path for stat in store.list("")] == sorted(plain)
    for path in plain:
        store.delete(path)
    assert kept.objects == {}


@given(SCHEDULES, st.lists(BODIES, min_size=1, max_size=6, unique=True))
def test_who_creates_and_replaces_is_told_the_truth(faults: Faults, bodies: list[bytes]) -> None:
    """Of several that create in turn the first has it, however many answers are lost."""
    kept, clock = Kept(), Clock()
    store = patient(Faulty(kept, faults, clock.sleep), clock, RetryPolicy(1e9, 1e9))
    won = []
    for body in bodies:
        try:
            won.append(store.create("lease", body))
        except PreconditionFailedError:
            continue
    assert won == [bodies[0].hex()]
    renewed = store.replace("lease", b"renewed, and unlike all others", won[0])
    with pytest.raises(PreconditionFailedError):
        store.replace("lease", b"stale", won[0])
    assert kept.objects["lease"].hex() == renewed


def test_a_schedule_does_the_same_every_time_whatever_the_threads_do() -> None:
    """What happens to a request follows from the seed and the request alone."""
    faults = Faults(seed=5, fail=0.3)

    def failures(store: Faulty, paths: list[str]) -> set[str]:
        failed = set()
        for path in paths:
            try:
                store.put(path, b"x")
            except StorageError:
                failed.add(path)
        return failed

    paths = [f"object {number}" for number in range(200)]
    first = failures(Faulty(Kept(), faults), paths)
    other = Faulty(Kept(), faults)
    halves: list[set[str]] = []
    threads = [
        threading.Thread(target=lambda part=part: halves.append(failures(other, part)))
        for part in (paths[150::-1], paths[151:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first == set.union(*halves)
    assert 30 < len(first) < 90
    assert first != failures(Faulty(Kept(), Faults(seed=6, fail=0.3)), paths)


def test_a_schedule_survives_being_written_down() -> None:
    """Workers read it from their environment."""
    faults = Faults(seed=9, latency_s=0.05, fail=0.01, slow=0.5)
    assert Faults.parse(str(faults)) == faults
    assert Faults.parse("seed=3, fail=0.05") == Faults(seed=3, fail=0.05)


@pytest.mark.parametrize("text", ["fail=2", "speed=1", "fail", "fail=often", "latency_s=-1"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """Rather than running undisturbed."""
    with pytest.raises(UsageError, match="FLEET_STORAGE_FAULTS"):
        Faults.parse(text)


@given(st.integers(0, 200), st.floats(0, 1, exclude_max=True))
def test_waits_double_up_to_a_limit_and_are_never_nothing(attempt: int, chance: float) -> None:
    """At least half of it: no attempt follows on the heels of the one before."""
    policy = RetryPolicy()
    wait_s = policy.wait_s(attempt, chance)
    assert 0 < wait_s <= policy.longest_s
    assert wait_s >= min(policy.longest_s, policy.first_s * 2.0 ** min(attempt, 32)) / 2


class Down(Kept):
    """A store that does not answer for a while."""

    def __init__(self, clock: Clock, until_s: float, error: StorageError) -> None:
        super().__init__()
        self.attempts = 0
        self._clock = clock
        self._until_s = until_s
        self._error = error

    def _get(self, path: str) -> bytes:
        self.attempts += 1
        if self._clock.now_s < self._until_s:
            raise self._error
        return super()._get(path)


def test_people_are_told_of_a_store_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    """After half a minute, once each half minute, and of no shorter silence, with the error."""
    clock = Clock()
    answered_s = 100.0
    error = StorageError("s3://b/a could not be read.", "Check the endpoint http://store.")
    store = Down(clock, answered_s, error)
    store.objects["a"] = b"x"
    asked = patient(store, clock, RetryPolicy(1e9, 1e9))
    assert asked.read("a").data == b"x"
    assert 2 <= len(caplog.messages) <= answered_s // 30
    assert all("Check the endpoint http://store." in text for text in caplog.messages)
    caplog.clear()
    store._until_s = clock.now_s + 25
    assert asked.read("a").data == b"x"
    store._until_s = clock.now_s + 25
    assert asked.read("a").data == b"x"
    assert caplog.messages == []


def test_a_store_that_has_answered_is_waited_for() -> None:
    """A minute without an answer in the middle of a run costs a minute, and nothing else."""
    clock = Clock()
    down = Down(clock, 0, StorageError("busy"))
    down.objects["x"] = b"data"
    store = patient(down, clock)
    assert store.read("x").data == b"data"
    down._until_s = clock.now_s + 60
    assert store.read("x").data == b"data"
    assert 60 <= clock.now_s < 80
    assert down.attempts < 20


def test_a_store_that_never_answered_is_given_up_soon() -> None:
    """More likely its address is wrong."""
    clock = Clock()
    store = patient(Down(clock, 60, StorageError("nobody there")), clock)
    with pytest.raises(StorageError, match="nobody there"):
        store.read("x")
    assert clock.now_s <= 5


def test_a_no_is_taken_for_an_answer() -> None:
    """It would be the same after a minute."""
    clock = Clock()
    down = Down(clock, 60, AccessDeniedError("no"))
    with pytest.raises(AccessDeniedError):
        patient(down, clock).read("x")
    assert (down.attempts, clock.now_s) == (1, 0)


def test_a_listing_that_breaks_off_goes_on_where_it_was() -> None:
    """Each name once."""
    kept, clock = Kept(), Clock()
    kept.objects = {f"{number:04}": b"" for number in range(1000)}
    store = patient(Faulty(kept, Faults(fail=0.6), clock.sleep), clock, RetryPolicy(1e9, 1e9))
    assert [stat.path for stat in store.list("")] == sorted(kept.objects)
