"""Steps made ahead in another thread come in their order, and no picture is left behind."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import count
from threading import Event, Lock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.errors import DeviceLostError
from fleet.plan.read_ahead import AHEAD_BYTES, most_ahead_bytes, pictures_ahead
from fleet.worker.ahead import Ahead
from fleet.worker.liveness import Liveness
from fleet.worker.reading import ShardEnded, Step
from fleet.worker.widening import Widening

TIMEOUT_S = 60
SIZE = Size(64, 32)
PICTURE_BYTES = 64 * 32 * 3 // 2


class Held:
    """Counts the pictures that are made and not released, and how many there were at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._turn = Lock()

    def make(self, row: int) -> Picture:
        """Make a picture."""
        with self._turn:
            self.now += 1
            self.most = max(self.most, self.now)
        return Picture(SIZE, 64, 32, Colour(), row, Samples(), Memory(self))

    def free(self) -> None:
        """Count one less."""
        with self._turn:
            self.now -= 1


class Memory:
    """What one picture occupies."""

    def __init__(self, held: Held) -> None:
        self._held: Held | None = held

    def free(self) -> None:
        """Free it, once."""
        if self._held is not None:
            self._held.free()
        self._held = None


class Samples:
    """The samples of a picture that nobody looks at."""

    size = SIZE

    def rgb(self, colour: Colour) -> NDArray[np.uint8]:
        """See Buffer."""
        raise NotImplementedError

    def download(
        self, pixel_format: PixelFormat, width_stride: int, height_stride: int
    ) -> NDArray[np.uint8]:
        """See Buffer."""
        raise NotImplementedError

    def declared(self, size: Size) -> Samples:
        """See Buffer."""
        raise NotImplementedError


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    """The thread that decodes."""
    with ThreadPoolExecutor(1) as made:
        yield made


def steps(held: Held, kinds: list[bool], *, fails: bool, ended: Event) -> Generator[Step]:
    """Yield pictures, and ends of shards in between; fail at the end where it `fails`."""
    try:
        for row, is_picture in enumerate(kinds):
            yield held.make(row) if is_picture else ShardEnded(0, row)
        if fails:
            raise DeviceLostError(507901, "lost", "It is gone.")
    finally:
        ended.set()


@given(
    kinds=st.lists(st.booleans(), max_size=30),
    fails=st.booleans(),
    taken=st.integers(0, 40),
    room=st.integers(1, 5),
)
def test_steps_come_in_order_and_what_is_not_taken_is_released(
    threads: ThreadPoolExecutor, kinds: list[bool], fails: bool, taken: int, room: int
) -> None:
    """However many are taken, and whatever the generator ends with; it is closed in any case."""
    held, ended, got = Held(), Event(), list[int]()
    made = steps(held, kinds, fails=fails, ended=ended)
    failure: DeviceLostError | None = None
    with closing(Ahead(made, threads, lambda _: room)) as ahead:
        try:
            for step in ahead:
                got.append(step.row if isinstance(step, Picture) else step.fed)  # type: ignore[union-attr]
                if isinstance(step, Picture):
                    step.release()
                if len(got) >= taken:
                    break
        except DeviceLostError as error:
            failure = error
    assert got == list(range(len(got)))
    if taken > len(kinds):
        assert len(got) == len(kinds)
        assert (failure is not None) == fails
    assert held.now == 0
    # Those that wait, one that is made and finds no room, one in the hands of who takes.
    assert held.most <= room + 2
    with suppress(StopIteration):
        next(made)
    assert ended.is_set() or not got


@given(
    kinds=st.lists(st.booleans(), max_size=20), fails=st.booleans(), wide_from=st.integers(0, 25)
)
def test_steps_are_the_same_from_wherever_another_thread_takes_over(
    threads: ThreadPoolExecutor, kinds: list[bool], fails: bool, wide_from: int
) -> None:
    """And so is what ends them; pictures are counted from there on."""
    held, ended, got, asked = Held(), Event(), list[int](), count()
    made = steps(held, kinds, fails=fails, ended=ended)
    failure: DeviceLostError | None = None
    read = Widening(
        made, lambda: next(asked) >= wide_from, lambda own: Ahead(own, threads, lambda _: 2)
    )
    with closing(read):
        try:
            for step in read:
                got.append(step.row if isinstance(step, Picture) else step.fed)  # type: ignore[union-attr]
                if isinstance(step, Picture):
                    step.release()
        except DeviceLostError as error:
            failure = error
    assert got == list(range(len(kinds)))
    assert (failure is not None) == fails
    assert read.frames_ahead == sum(kinds[wide_from:])
    assert ended.is_set() or not kinds
    assert held.now == 0


def test_no_more_is_made_than_there_is_room_for(threads: ThreadPoolExecutor) -> None:
    """While nobody takes anything; one more is made, and waits in the other thread."""
    held, ended = Held(), Event()
    full = Event()

    def watched() -> Generator[Step]:
        for step in steps(held, [True] * 9, fails=False, ended=ended):
            if held.now == 4:
                full.set()
            yield step

    with closing(Ahead(watched(), threads, lambda _: 3)):
        assert full.wait(TIMEOUT_S)
        assert not ended.is_set()
        assert held.most == 4
    assert held.now == 0


@given(kinds=st.lists(st.booleans(), max_size=20))
def test_without_memory_nothing_is_made_before_somebody_waits_for_it(
    threads: ThreadPoolExecutor, kinds: list[bool]
) -> None:
    """However many pictures may wait: one is held at a time, as by one thread."""
    held, got = Held(), list[int]()
    made = steps(held, kinds, fails=False, ended=Event())
    with closing(Ahead(made, threads, lambda _: 5, lambda: False)) as ahead:
        for step in ahead:
            got.append(step.row if isinstance(step, Picture) else step.fed)  # type: ignore[union-attr]
            if isinstance(step, Picture):
                step.release()
    assert got == list(range(len(kinds)))
    assert held.most == int(any(kinds))


def test_a_generator_whose_turn_has_not_come_is_closed() -> None:
    """Where its thread is still at another one."""
    held, busy = Held(), Event()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(busy.wait, TIMEOUT_S)
        made = steps(held, [True], fails=False, ended=Event())
        Ahead(made, threads, lambda _: 1).close()
        busy.set()
    assert list(made) == []
    assert held.most == 0


@given(batch=st.integers(1, 500), sizes=st.lists(st.integers(1, 1 << 28), min_size=1, max_size=40))
def test_what_waits_never_takes_more_than_was_planned(batch: int, sizes: list[int]) -> None:
    """Whatever sizes follow each other, one that was taken and rounding of memory included."""
    room = partial(pictures_ahead, batch)
    held_bytes = [-(-size // 32) * 32 + 32 for size in sizes]
    planned = most_ahead_bytes(batch, max(held_bytes))
    waiting: list[int] = []
    for size, held in zip(sizes, held_bytes, strict=True):
        while waiting and len(waiting) >= room(max(size, *(held - 32 for held in waiting))):
            waiting.pop(0)
        waiting.append(held)
        assert sum(waiting) + max(held_bytes) <= planned


def test_nothing_waits_for_the_store_while_the_job_looks_at_pictures() -> None:
    """So that a job which hangs is found out, though the other thread waits for bytes."""
    pulse = Liveness()
    with pulse.waiting_on_storage():
        assert pulse.waiting
        with pulse.looking():
            assert not pulse.waiting
        assert pulse.waiting
    assert not pulse.waiting
    assert pulse.beats == 1


def test_no_step_of_another_thread_is_a_sign_of_life_while_the_job_looks_at_pictures(
    threads: ThreadPoolExecutor,
) -> None:
    """However many packets are fed ahead of a job that hangs; behind it they count again."""
    pulse = Liveness()

    def feed() -> None:
        for _ in range(9):
            with pulse.waiting_on_storage():
                pulse.tick()

    with pulse.looking():
        threads.submit(feed).result(TIMEOUT_S)
        assert pulse.beats == 0
        pulse.tick()
        assert pulse.beats == 1
    threads.submit(feed).result(TIMEOUT_S)
    assert pulse.beats == 19


def test_a_batch_is_decoded_ahead_where_it_is_not_large() -> None:
    """Of the sizes that there are."""
    assert pictures_ahead(16, 1920 * 1088 * 3 // 2) == 16
    assert pictures_ahead(64, 1920 * 1088 * 3 // 2) == 21
    assert pictures_ahead(16, 3840 * 2160 * 3 // 2) == 5
    assert pictures_ahead(16, AHEAD_BYTES * 2) == 1
