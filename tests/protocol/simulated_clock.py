"""The clock of one process on the time of the world, and a lock that lets other actors run."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from baton import Actor, Process
    from world import World


class SimulatedClock:
    """See Clock; the machines of two processes may differ by years in what they believe."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    def steady_s(self) -> float:
        """See Clock."""
        return self._world.now_s

    def unix_s(self) -> float:
        """See Clock."""
        return 1_750_000_000.0 + self._world.now_s + self._process.skew_s

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        self._world.sleep(seconds)

    def every(self, seconds: float, task: Callable[[], None], name: str) -> Callable[[], None]:
        """See Clock; in an actor of the same process."""
        ended = False

        def repeat() -> None:
            while not ended:
                self._world.sleep(seconds)
                if not ended:
                    task()

        actor = self._world.spawn(f"{self._process.name} {name}", self._process, repeat)

        def stop() -> None:
            nonlocal ended
            ended = True
            self._world.wake(actor)
            self._world.join(actor)

        return stop


class Mutex:
    """A lock for actors: who has to wait for it hands the baton on."""

    world: World

    def __init__(self) -> None:
        self._owner: Actor | None = None
        self._waiting: list[Actor] = []

    def __enter__(self) -> Self:
        """Take it."""
        world = self.world
        while self._owner is not None:
            self._waiting.append(world.me)
            world.sleep(inf)
        self._owner = world.me
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        self._owner = None
        while self._waiting:
            self.world.wake(self._waiting.pop())
