"""Steps of a generator, made in the thread that takes them until another core is there for them."""

from __future__ import annotations

from collections.abc import Callable, Generator

from fleet.core.frames import Picture
from fleet.worker.ahead import Ahead
from fleet.worker.reading import Step


class Widening:
    """Takes the steps of a generator in order, and from some moment on from a thread of its own.

    Steps are the same whenever that is, and so is what is raised, see `Ahead`. Taken by one thread,
    which closes it.
    """

    def __init__(
        self,
        steps: Generator[Step],
        is_wide: Callable[[], bool],
        ahead: Callable[[Generator[Step]], Ahead],
    ) -> None:
        """Take a generator; `is_wide`: asked before each step, until `ahead` may take it over."""
        self.frames_ahead = 0
        """How many pictures came from the other thread."""
        self._own = steps
        self._steps: Generator[Step] | Ahead = steps
        self._is_wide = is_wide
        self._ahead = ahead

    def __iter__(self) -> Widening:
        """Return itself."""
        return self

    def __next__(self) -> Step:
        """Return the next step; raises what the generator raises."""
        if self._steps is self._own:
            if not self._is_wide():
                return next(self._steps)
            self._steps = self._ahead(self._own)
        step = next(self._steps)
        self.frames_ahead += isinstance(step, Picture)
        return step

    def close(self) -> None:
        """End the generator, and release what it has made; a second call does nothing."""
        self._steps.close()
