"""One actor at a time: each runs in a greenlet of its own, and holds the baton while it does.

Greenlets rather than threads: to hand on costs a tenth of what waking another thread does, and a
schedule does so hundreds of times.

Time stands still while an actor runs, but for a moment a step; where all wait, it goes on to when
the first of them is to go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from chance import Call, Chance, Point
from greenlet import greenlet

STEP_S = 0.01
MOST_STEPS = 30_000
"""A schedule of more steps than this goes round in circles."""


class Killed(BaseException):
    """The process of an actor was killed: nothing that it does from here on has any effect."""


@dataclass(eq=False)
class Process:
    """A process on some machine."""

    name: str
    host: str
    pid: int
    skew_s: float = 0.0
    """How far the clock on its machine's wall is off."""
    is_alive: bool = True
    free_s: float = 0.0
    """Until then it stands still."""
    away_s: float = 0.0
    """Until then the store does not answer it."""
    names_used: int = 0
    """How many unique names it has made."""
    on_death: Callable[[float], None] = lambda _: None
    """Is told when it was killed, and after how many seconds it is to be started again; 0: never."""


class Actor:
    """What stands for a thread of a process."""

    def __init__(
        self, name: str, process: Process, task: Callable[[], None], *, lasts: bool
    ) -> None:
        self.name = name
        self.process = process
        self.task = task
        self.lasts = lasts
        """Whether the schedule goes on for as long as it does."""
        self.wake_s = 0.0
        self.decisions = 0
        self.is_done = False
        self.waiting: list[Actor] = []
        """Who waits for its end."""
        self.greenlet: greenlet | None = None

    @property
    def point(self) -> Point:
        """The decision that it has come to."""
        return self.name, self.decisions


class Baton:
    """Hands the right to run from actor to actor; used by whoever has it."""

    def __init__(self, chance: Chance, on_time: Callable[[float], None]) -> None:
        """Take what decides; `on_time` is called before time goes on to some moment."""
        self.now_s = 1000.0
        self.steps = 0
        self.chance = chance
        self.running: Actor | None = None
        self.crashed: tuple[Actor, BaseException] | None = None
        """An actor that ended with an error that nobody expects."""
        self._actors: list[Actor] = []
        self._lasting = 0
        self._on_time = on_time
        self._main = greenlet.getcurrent()
        self._thread = threading.get_ident()
        self._following: Actor | None = None
        """Who goes on once an actor has ended."""

    def spawn(
        self, name: str, process: Process, task: Callable[[], None], wake_s: float, *, lasts: bool
    ) -> Actor:
        """Add an actor, who begins at some time."""
        actor = Actor(name, process, task, lasts=lasts)
        actor.wake_s = wake_s
        self._actors.append(actor)
        self._lasting += lasts
        actor.greenlet = greenlet(lambda: self._live(actor), self._main)
        return actor

    def set_lasting(self, actor: Actor, *, lasts: bool) -> None:
        """Say anew whether the schedule goes on for as long as an actor does."""
        self._lasting += lasts - actor.lasts
        actor.lasts = lasts

    def run(self) -> None:
        """Let them run until none is left that lasts; called by whoever has made it."""
        self._following = self._choose(None)
        while self._following is not None:
            self._hand_to(self._following)
        self.running = None

    def _live(self, actor: Actor) -> None:
        try:
            if actor.process.is_alive:
                actor.task()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - it is what the schedule has found
            self.crashed = self.crashed or (actor, error)
            self.halt()
        self._leave(actor)

    def _leave(self, actor: Actor) -> None:
        actor.is_done = True
        actor.decisions += 1
        self._actors.remove(actor)
        self._lasting -= actor.lasts
        for other in actor.waiting:
            other.wake_s = self.now_s
        self._following = self._choose(actor)

    def _hand_to(self, actor: Actor) -> None:
        assert actor.greenlet is not None
        self.running = actor
        actor.greenlet.switch()

    @property
    def me(self) -> Actor:
        """The actor that runs."""
        assert self.running is not None
        return self.running

    def is_actor(self) -> bool:
        """Return whether an actor calls, and not a thread that some library has for itself."""
        return self.running is not None and self._thread == threading.get_ident()

    def step(self, call: Call, latency_s: float) -> None:
        """Let some time pass before a call, and others run if it comes so; see Killed."""
        actor = self.me
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise RuntimeError(f"no end after {MOST_STEPS} steps")
        self._go_on_to(self.now_s + STEP_S)
        actor.wake_s = self.now_s + latency_s
        is_held_up = max(actor.wake_s, actor.process.free_s) > self.now_s
        # The dead are done with at once, whoever is next: so a schedule can be replayed.
        is_due = is_held_up or any(not other.process.is_alive for other in self._actors)
        if is_due or self.chance.passes(actor.point, call):
            self._pass(actor)

    def sleep(self, until_s: float) -> None:
        """Let others run until some time, or until the actor is woken; see Killed."""
        actor = self.me
        self.check(actor)
        actor.decisions += 1
        actor.wake_s = until_s
        self._pass(actor)

    def wake(self, actor: Actor) -> None:
        """Have an actor that sleeps go on."""
        actor.wake_s = min(actor.wake_s, self.now_s)

    def join(self, actor: Actor) -> None:
        """Wait for the end of another actor."""
        if not actor.is_done:
            actor.waiting.append(self.me)
            self.sleep(inf)

    def kill(self, process: Process) -> None:
        """End a process at once, as SIGKILL does."""
        process.is_alive = False

    def halt(self) -> None:
        """End all of them."""
        for actor in self._actors:
            actor.process.is_alive = False

    def _go_on_to(self, now_s: float) -> None:
        self._on_time(now_s)
        self.now_s = max(self.now_s, now_s)

    def check(self, actor: Actor) -> None:
        """Raise Killed where the process of an actor is dead."""
        if not actor.process.is_alive:
            raise Killed

    def _pass(self, actor: Actor) -> None:
        following = self._choose(actor)
        if following is not actor and following is not None:
            self._hand_to(following)
        self.check(actor)

    def _choose(self, current: Actor | None) -> Actor | None:
        """Return who is next; those whose process is dead come first, to be done with."""
        while self._actors:
            dead = next((a for a in self._actors if not a.process.is_alive), None)
            if dead is not None:
                return dead
            ready = [a for a in self._actors if max(a.wake_s, a.process.free_s) <= self.now_s]
            if ready and self._lasting:
                return self._one_of(ready, current)
            next_s = min(max(a.wake_s, a.process.free_s) for a in self._actors)
            if self._lasting and next_s < inf:
                self._go_on_to(next_s)
                continue
            if self._lasting and self.crashed is None:
                waiting = next(a for a in self._actors if a.lasts)
                self.crashed = waiting, RuntimeError("everybody waits for ever")
            # Nothing is left that lasts: the others are of no use any more.
            self.halt()
        return None

    def _one_of(self, ready: Sequence[Actor], current: Actor | None) -> Actor:
        usual = current if current in ready else min(ready, key=lambda a: a.wake_s)
        assert usual is not None
        if current is None or len(ready) == 1:
            return usual
        name = self.chance.turn(current.point, [a.name for a in ready], usual.name)
        return next(a for a in ready if a.name == name)
