"""A pool that is made in a thread: what it is told before it is there, and where it never is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from fleet.core.progress import Progress
from fleet.core.run_events import DeviceJoined, DevicesAwaited, Event
from fleet.errors import JobFailedError
from fleet.executors.pool import Pool
from fleet.executors.starting_pool import StartingPool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate

WAIT_S = 60


class Noting:
    """A pool that notes what it is told, and has a device as soon as one is wanted."""

    capacity = 7

    def __init__(self) -> None:
        self.notes: list[object] = []

    def set_target(self, devices: int) -> None:
        """Note it."""
        self.notes.append(devices)

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Note it."""
        self.notes.append((command, order))

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """Note it."""
        self.notes.append(command)

    def poll(self, timeout_s: float) -> list[Event]:
        """Tell of a device."""
        self.notes.append(timeout_s)
        return [DeviceJoined("x")]

    def progress(self) -> list[Progress]:
        """Tell of it."""
        return [Progress("x", "", "", 0, 0.0)]

    def close(self) -> None:
        """Note it."""
        self.notes.append("closed")


def starting(make: Callable[[], Noting]) -> StartingPool:
    """Begin to make a pool."""
    making: Future[Pool] = Future()

    def run() -> None:
        try:
            making.set_result(make())
        except JobFailedError as error:
            making.set_exception(error)

    threading.Thread(target=run).start()
    return StartingPool(making)


def test_what_is_wanted_meanwhile_is_asked_for_once_it_is_there() -> None:
    """Nobody waits for it but `poll`, and that no longer than it is told to; then all is passed."""
    made, gate = Noting(), threading.Event()

    def make() -> Noting:
        assert gate.wait(WAIT_S)
        return made

    pool = starting(make)
    for devices in (3, 2):
        pool.set_target(devices)
        assert pool.capacity == devices
        assert pool.progress() == [DevicesAwaited(devices, 0)]
        assert pool.progress() == [], "that is told once"
    assert pool.poll(0.01) == []
    assert pool.progress() == []
    assert made.notes == []
    gate.set()
    assert pool.poll(WAIT_S) == []
    assert (made.notes, pool.capacity) == ([2], 7)
    assert pool.poll(0.5) == [DeviceJoined("x")]
    lease = (Assign("x", "lease"), LeaseOrder("lease", ()))
    pool.apply(*lease)
    pool.tell(Release("x"))
    pool.set_target(1)
    assert pool.progress() == [DevicesAwaited(0, 0), *made.progress()], "it counts from here on"
    assert pool.progress() == made.progress()
    pool.close()
    assert made.notes == [2, 0.5, lease, Release("x"), 1, "closed"]


def test_one_that_is_not_needed_any_more_is_closed_once_it_is_made() -> None:
    """Or what it has started would stay."""
    made = Noting()
    pool = starting(lambda: made)
    pool.close()
    assert made.notes == ["closed"]


@pytest.mark.parametrize("is_made", [True, False])
def test_an_end_that_has_to_wait_for_it_is_told_of(is_made: bool) -> None:
    """Before it waits; of one that is there nothing is said."""
    made, making = Noting(), Future[Pool]()
    said: list[str] = []

    def say() -> None:
        said.append("it waits")
        making.set_result(made)

    if is_made:
        making.set_result(made)
    StartingPool(making, say).close()
    assert made.notes == ["closed"]
    assert said == ([] if is_made else ["it waits"])


def test_why_it_cannot_be_made_is_raised_where_it_is_waited_for() -> None:
    """And not again when it is closed."""

    def fail() -> Noting:
        raise JobFailedError("Ray does not start.")

    pool = starting(fail)
    with pytest.raises(JobFailedError, match="does not start"):
        pool.poll(WAIT_S)
    pool.close()
