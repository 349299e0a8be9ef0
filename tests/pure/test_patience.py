"""A pool that waits for an output that refuses: no lease is lost, none is done in vain for long."""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import replace

import pytest
from hand_clock import HandClock
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.fault import OUTPUT_STAGE, Fault
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    ELSEWHERE,
    Cause,
    DeviceLost,
    Event,
    LeaseCancelled,
    LeaseDone,
    LeaseFailed,
    OutputRefused,
)
from fleet.executors.patient_pool import (
    FULL_GIVE_UP_S,
    GIVE_UP_S,
    MOST_LINES,
    OutputWatch,
    PatientPool,
)
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate

AWAY = Fault(OUTPUT_STAGE, 0, "OutputUnwritable", "The mount is gone.", retryable=True)
FULL = Fault(OUTPUT_STAGE, errno.ENOSPC, "OutputUnwritable", "No space left.", retryable=True)


def done(device: str, lease: str) -> LeaseDone:
    """Return what is told of a lease that was committed."""
    return LeaseDone(device, lease, Receipt(lease, (), (), Tally(), device))


class Devices:
    """Devices that do a lease in a second, and commit it where the output takes it just then."""

    def __init__(self, clock: HandClock, refuses: list[tuple[float, float]]) -> None:
        self.capacity = 2
        self.ran: list[tuple[float, str]] = []
        self.untold: list[Event] = []
        self.fault = AWAY
        self._clock = clock
        self._refuses = refuses
        self._queue: deque[Assign] = deque()

    @property
    def refuses(self) -> bool:
        """Whether the output refuses now."""
        return any(start <= self._clock.now_s - 1000 < end for start, end in self._refuses)

    def set_target(self, devices: int) -> None:
        """See Pool."""

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool."""
        del order
        self._queue.append(command)

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool."""
        assert not isinstance(command, Cancel | Truncate), "it is not there"

    def poll(self, timeout_s: float) -> list[Event]:
        """See Pool."""
        del timeout_s
        events, self.untold = self.untold, []
        if self._queue:
            command = self._queue.popleft()
            self._clock.sleep(1.0)
            self.ran.append((self._clock.now_s, command.lease))
            events.append(self._outcome(command))
        return events

    def _outcome(self, command: Assign) -> Event:
        if self.refuses:
            return LeaseFailed(command.device, command.lease, self.fault)
        return done(command.device, command.lease)

    def progress(self) -> list[Progress]:
        """See Pool."""
        return []

    def close(self) -> None:
        """See Pool."""


class Run:
    """A pool over such devices, with what is said of it."""

    def __init__(self, *refuses: tuple[float, float]) -> None:
        self.clock = HandClock()
        self.devices = Devices(self.clock, list(refuses))
        self.said: list[OutputRefused] = []
        self.waits = False
        self.takes_records = False
        """Whether what is small is taken all the time."""
        watch = OutputWatch(self._takes, self._wait, self.said.append)
        self.pool = PatientPool(self.devices, watch, self.clock)

    def _takes(self) -> bool:
        return self.takes_records or not self.devices.refuses

    def _wait(self, waits: bool) -> None:
        self.waits = waits

    def assign(self, *leases: str) -> None:
        """Hand out leases, by turns to two devices."""
        for number, lease in enumerate(leases):
            self.pool.apply(Assign(f"npu/{number % 2}", lease), LeaseOrder(lease, (), 0.0))

    def until_quiet(self, most_s: float = 2 * GIVE_UP_S) -> list[Event]:
        """Poll until that time has passed, or a refusal is told."""
        end_s, events = self.clock.now_s + most_s, list[Event]()
        while self.clock.now_s < end_s and not any(isinstance(e, LeaseFailed) for e in events):
            before_s = self.clock.now_s
            events += self.pool.poll(1.0)
            if self.clock.now_s == before_s:
                self.clock.sleep(1.0)  # the devices of this process are idle
        return events


OUTAGES = st.lists(st.tuples(st.floats(0, 30), st.floats(1, 120)), max_size=4)


@given(OUTAGES, st.integers(1, 12))
def test_whatever_refuses_for_less_than_ten_minutes_costs_no_lease(
    outages: list[tuple[float, float]], count: int
) -> None:
    """Each is done once, and told once; a failure is told for none; few lines are printed."""
    at_s, refuses = 0.0, []
    for after_s, for_s in outages:
        refuses.append((at_s + after_s, at_s + after_s + for_s))
        at_s += after_s + for_s
    run = Run(*refuses)
    names = [f"lease {number}" for number in range(count)]
    run.assign(*names)
    told = run.until_quiet(at_s + GIVE_UP_S)
    assert sorted(event.lease for event in told if isinstance(event, LeaseDone)) == sorted(names)
    assert len(told) == count
    assert not run.waits
    assert len([event for event in run.said if event.text]) <= MOST_LINES


def test_few_leases_are_tried_while_the_output_refuses() -> None:
    """Those under way, and then one at a time, ever less often: none once the record is refused."""
    run = Run((0, 300))
    run.assign(*"abcd")
    run.until_quiet(299)
    assert len(run.devices.ran) == 4
    assert [event.waits for event in run.said] == [True]
    run.until_quiet(100)
    assert [event.waits for event in run.said] == [True, False]


def test_leases_that_come_meanwhile_wait_too() -> None:
    """They are handed out once another was taken."""
    run = Run((0, 100))
    run.assign("a")
    run.until_quiet(10)
    run.assign("b", "c")
    run.until_quiet(80)
    assert {lease for _, lease in run.devices.ran} == {"a"}
    told = run.until_quiet(100)
    assert sorted(event.lease for event in told if isinstance(event, LeaseDone)) == ["a", "b", "c"]


def test_after_ten_minutes_one_sentence_ends_it() -> None:
    """It says what is wrong, and what to do."""
    run = Run((0, 1e6))
    run.assign("a", "b")
    told = run.until_quiet()
    (failed,) = told
    assert isinstance(failed, LeaseFailed)
    assert failed.fault.is_fatal
    assert "The mount is gone." in failed.fault.message
    assert "the same command goes on" in failed.fault.message
    assert len(run.said) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_an_output_without_room_is_not_waited_for_as_long(number: int) -> None:
    """Somebody has to make some: that is said soon, with what is kept and how the run goes on."""
    run = Run((3, 1e6))
    run.devices.fault = replace(FULL, code=number)
    run.assign("a", "b", "c", "d")
    began_s = run.clock.now_s
    *told, failed = run.until_quiet()
    assert run.clock.now_s - began_s <= FULL_GIVE_UP_S + 10
    assert isinstance(failed, LeaseFailed)
    committed = [event.lease for event in told if isinstance(event, LeaseDone)]
    assert committed == ["a", "b"]
    for words in ("No space left.", "1m00s. Once there is room", "stays (2 leases by this run)"):
        assert words in failed.fault.message
    assert "that is tried for 1m00s. Nothing is lost." in run.said[0].text


@pytest.mark.parametrize("before_s", [25, 1])
@pytest.mark.parametrize("small_fits", [False, True])
def test_room_that_is_made_in_time_costs_nothing(before_s: float, *, small_fits: bool) -> None:
    """As where a clean-up was late: the run goes on by itself, as it tries at the end, too."""
    run = Run((0, FULL_GIVE_UP_S - before_s))
    run.takes_records = small_fits
    run.devices.fault = FULL
    run.assign("a", "b")
    told = run.until_quiet()
    assert sorted(event.lease for event in told if isinstance(event, LeaseDone)) == ["a", "b"]


@pytest.mark.parametrize("gone", ["cancelled", "lost"])
def test_what_is_taken_back_meanwhile_is_not_done(gone: str) -> None:
    """A lease that is cancelled, or whose device is lost, is for others."""
    run = Run((0, 100))
    run.assign("a", "b")
    run.until_quiet(10)
    if gone == "cancelled":
        run.pool.tell(Cancel("npu/0", "a"))
    else:
        run.devices.untold.append(DeviceLost("npu/0", "gone", Cause.TAKEN))
    told = run.until_quiet(200)
    kinds = {"cancelled": LeaseCancelled, "lost": DeviceLost}
    assert isinstance(told[0], kinds[gone])
    assert [event.lease for event in told if isinstance(event, LeaseDone)] == ["b"]


def test_what_another_run_commits_does_not_end_the_waiting() -> None:
    """The output may refuse this run alone: still a single lease is tried, and the end is told."""
    run = Run((0, 1e6))
    run.assign("a", "b")
    run.until_quiet(10)
    for number in range(20):
        run.devices.untold.append(done(ELSEWHERE, f"other {number}"))
        run.until_quiet(10)
    assert [lease for _, lease in run.devices.ran] == ["a", "b"]
    assert [event.waits for event in run.said] == [True]
    assert isinstance(run.until_quiet()[-1], LeaseFailed)


def test_what_others_have_done_meanwhile_is_not_told_as_refused() -> None:
    """A lease that came while the output refused is tried once before the end is told."""
    run = Run((0, 1e6))
    run.assign("a")
    run.until_quiet(10)
    run.assign("b", "c")
    run.pool.tell(Cancel("npu/0", "a"))
    told = run.until_quiet(GIVE_UP_S + 10)
    assert told[0] == LeaseCancelled("npu/0", "a", 0.0)
    assert [lease for _, lease in run.devices.ran] == ["a", "b"]
    assert isinstance(told[-1], LeaseFailed)
    assert told[-1].lease == "b"


def test_where_nothing_is_left_to_try_nothing_is_told() -> None:
    """All that was refused was done by others: the run ends by itself, or gets more to do."""
    run = Run((0, 1e6))
    run.assign("a")
    run.until_quiet(10)
    run.pool.tell(Cancel("npu/0", "a"))
    assert run.until_quiet() == [LeaseCancelled("npu/0", "a", 0.0)]
    assert run.waits
