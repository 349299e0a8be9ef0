"""Steps of a generator made in a thread of their own, a bounded number of pictures ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass
from threading import Condition

from fleet.core.frames import Picture
from fleet.worker.reading import Step

_LOOK_S = 1.0
"""How often who waits looks whether the other thread is still there."""
_END_S = 600.0
"""The store's own time limits end any read before; a decoder that hangs, the watchdog."""


@dataclass(frozen=True)
class _Raised:
    error: BaseException


class _End:
    """Behind it nothing comes."""


class Ahead:
    """Takes the steps of a generator, which runs in another thread, in its order.

    What the generator raises is raised where it would have been without threads: behind all steps
    before it. Steps are taken by one thread, which closes it in any case; then the generator is
    closed, in its own thread, and pictures that nobody has taken are released.
    """

    def __init__(
        self,
        steps: Generator[Step],
        threads: Executor,
        room: Callable[[int], int],
        has_memory: Callable[[], bool] = lambda: True,
    ) -> None:
        """Begin; `room`: returns how many pictures may wait, of so many bytes the largest.

        `has_memory`: asked before each step; where it says no, the step is made once somebody waits
        for it, so that no more is held than by one thread alone.
        """
        self._steps = steps
        self._room = room
        self._has_memory = has_memory
        self._is_awaited = False
        self._made: deque[Step | _Raised | _End] = deque()
        self._waiting_bytes: deque[int] = deque()
        self._closed = False
        self._moved = Condition()
        self._running: Future[None] = threads.submit(self._run)

    def __iter__(self) -> Ahead:
        """Return itself."""
        return self

    def __next__(self) -> Step:
        """Wait for a step, and return it; raises what the generator raised."""
        with self._moved:
            while not self._made:
                self._is_awaited = True
                self._moved.notify_all()
                if self._running.done():
                    raise RuntimeError("The thread that decodes ended without saying how.")
                self._moved.wait(_LOOK_S)
            made = self._made.popleft()
            if isinstance(made, Picture):
                self._waiting_bytes.popleft()
                self._moved.notify_all()
        match made:
            case _End():
                raise StopIteration
            case _Raised(error):
                raise error
        return made

    def close(self) -> None:
        """End the generator, and release what it has made; a second call does nothing.

        Raises RuntimeError where it does not come to an end.
        """
        with self._moved:
            self._closed = True
            self._moved.notify_all()
        if self._running.cancel():
            # Its thread has not come to it.
            self._steps.close()
        elif not wait([self._running], _END_S).done:
            raise RuntimeError(f"The thread that decodes did not end within {_END_S:.0f} s.")
        while self._made:
            _release(self._made.popleft())

    def _run(self) -> None:
        try:
            with closing(self._steps):
                while self._may_go_on():
                    step = next(self._steps, _End())
                    if not self._put(step):
                        _release(step)
                        return
                    if isinstance(step, _End):
                        return
        except BaseException as error:  # noqa: BLE001 - it is raised where steps are taken
            self._put(_Raised(error))

    def _may_go_on(self) -> bool:
        """Wait until the next step may be made; return whether it is wanted."""
        with self._moved:
            while not (self._closed or self._is_awaited or self._has_memory()):
                # Who looks at pictures comes back for the next one, closes this, or its process
                # ends.
                self._moved.wait(_LOOK_S)
            return not self._closed

    def _put(self, made: Step | _Raised | _End) -> bool:
        """Hand over a step, once there is room for a picture; return whether it is wanted."""
        with self._moved:
            if isinstance(made, Picture):
                taken_bytes = made.width_stride * made.height_stride * 3 // 2
                while not (self._closed or self._has_room(taken_bytes)):
                    # Who takes them closes this, or its process ends.
                    self._moved.wait(_LOOK_S)
            if self._closed:
                return False
            if isinstance(made, Picture):
                self._waiting_bytes.append(taken_bytes)
            self._made.append(made)
            self._is_awaited = False
            self._moved.notify_all()
            return True

    def _has_room(self, taken_bytes: int) -> bool:
        largest = max([taken_bytes, *self._waiting_bytes])
        return len(self._waiting_bytes) < self._room(largest)


def _release(made: object) -> None:
    if isinstance(made, Picture):
        made.release()
