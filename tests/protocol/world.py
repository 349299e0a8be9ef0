"""The world of a schedule: its store, its processes, the trouble that befalls them, and its log."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from baton import Actor, Baton, Killed, Process
from chance import Call, Chance, Scripted, Trouble
from simulated_clock import SimulatedClock
from simulated_store import Objects, SimulatedStore, Stored

from fleet.storage.retry import Retrying
from fleet.storage.store import PreconditionFailedError


@dataclass(frozen=True)
class Happened:
    """Something that the story of a schedule tells."""

    now_s: float
    who: str
    what: str
    """A verb: of a store call its name, `trouble`, `begins`, `ends`, or what an actor says."""
    about: str
    """The object, or a sentence."""
    data: bytes = field(default=b"", repr=False)
    """What was put, where the story tells of it."""


@dataclass(frozen=True)
class Violation:
    """Something that may not be."""

    kind: str
    """What it breaks, the same for all alike."""
    about: str


class Witness(Protocol):
    """What watches every change of the store."""

    def changed(self, who: str, verb: str, name: str, before: bytes | None) -> None:
        """Look at what an actor has just done to an object, which held `before`."""


class World:
    """Everything that a schedule plays in; used by the actor that has the baton."""

    def __init__(
        self,
        chance: Chance,
        objects: Mapping[str, bytes],
        *,
        keeps_conditions: bool = True,
        lags: bool = False,
        latency_s: float = 0.0,
        look_s: float = 0.0,
    ) -> None:
        """Begin with what the store holds.

        `keeps_conditions`, `lags`: of the store. `latency_s`: how long requests take on average.
        `look_s`: how long looking at a video does.
        """
        self.baton = Baton(chance, self._arrive)
        self.objects = Objects(objects, keeps_conditions=keeps_conditions)
        self.log: list[Happened] = []
        self.befallen: dict[str, int] = {}
        """How often each kind of trouble has befallen something."""
        self.witness: Witness | None = None
        self.violation: Violation | None = None
        self.damage: Callable[[], str] = lambda: ""
        """Flips a bit of some object, and returns its name; empty where it finds none."""
        self.damaged: dict[str, set[str]] = {}
        """The objects with flipped bits, and which processes have read each of them since."""
        self.lags = lags
        self._latency = latency_s
        self.look_s = look_s
        self._views = [(0.0, dict(self.objects.now))]
        self._late: list[tuple[float, int, str, str, str, Callable[[], str]]] = []
        self._folders: dict[str, Retrying] = {}
        self._processes = 0
        self._names: dict[str, int] = {}

    @property
    def now_s(self) -> float:
        """Seconds by the time of the world."""
        return self.baton.now_s

    @property
    def me(self) -> Actor:
        """The actor that runs."""
        return self.baton.me

    def is_actor(self) -> bool:
        """Return whether the calling thread is an actor's."""
        return self.baton.is_actor()

    def process(self, name: str, host: str, skew_s: float = 0.0) -> Process:
        """Start a process."""
        self._processes += 1
        return Process(name, host, 1000 + self._processes, skew_s)

    def clock(self, process: Process) -> SimulatedClock:
        """Return the clock of a process."""
        return SimulatedClock(self, process)

    def open_store(self, uri: str) -> tuple[Retrying, str]:
        """Return the store as the process of the running actor has it; see `fleet.storage`."""
        process = self.me.process
        if process.name not in self._folders:
            clock = self.clock(process)
            store = SimulatedStore(self)
            self._folders[process.name] = Retrying(store, sleep=clock.sleep, clock=clock.steady_s)
        return self._folders[process.name], uri

    def unique(self) -> str:
        """Return a name that no other call returns: 32 hex digits."""
        process = self.me.process
        process.names_used += 1
        text = f"{process.name} {process.names_used}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def spawn(
        self,
        name: str,
        process: Process,
        task: Callable[[], None],
        after_s: float = 0.0,
        *,
        lasts: bool = False,
    ) -> Actor:
        """Add an actor; where others had that name before, a number is added to it."""
        nth = self._names[name] = self._names.get(name, 0) + 1
        name = f"{name} {nth}" if nth > 1 else name
        return self.baton.spawn(name, process, task, self.now_s + after_s, lasts=lasts)

    def sleep(self, seconds: float) -> None:
        """Let others run for some time, or until the actor is woken."""
        self.baton.sleep(self.now_s + seconds)

    def wake(self, actor: Actor) -> None:
        """Have an actor that sleeps go on."""
        self.baton.wake(actor)

    def join(self, actor: Actor) -> None:
        """Wait for the end of another actor."""
        self.baton.join(actor)

    def say(self, what: str, about: str, who: str = "", data: bytes = b"") -> None:
        """Put something into the log."""
        self.log.append(Happened(self.now_s, who or self.me.name, what, about, data))

    def step(self, call: Call) -> Trouble | None:
        """Come to a decision; return the trouble that befalls the call, where that is up to it."""
        actor = self.me
        self.baton.check(actor)
        actor.decisions += 1
        trouble = self.baton.chance.trouble(actor.point, call)
        if trouble is not None and not self._is_possible(trouble, call):
            trouble = None
        if trouble is not None:
            self._befall(actor, trouble, call)
        self.baton.step(call, self._latency_s(actor))
        return trouble

    def _latency_s(self, actor: Actor) -> float:
        """Return how long a request is under way: up to twice the latency, each its own time."""
        if not self._latency:
            return 0.0
        share = zlib.crc32(f"{actor.name} {actor.decisions}".encode()) / 2**31
        return self._latency * share

    def _is_possible(self, trouble: Trouble, call: Call) -> bool:
        if trouble.kind == "swallow":
            return "pack-" in call.name
        return trouble.kind != "lag" or self.lags

    def _befall(self, actor: Actor, trouble: Trouble, call: Call) -> None:
        kind, process = trouble.kind, actor.process
        if kind == "damage" and not (name := self.damage()):
            return
        about = name if kind == "damage" else call.name
        self.befallen[kind] = self.befallen.get(kind, 0) + 1
        self.say("trouble", f"{kind} {trouble.seconds:g} {call.verb} {about}".strip())
        if kind == "kill":
            self.kill(process, trouble.seconds)
            raise Killed
        if kind == "stall":
            process.free_s = self.now_s + trouble.seconds
        elif kind == "away":
            process.away_s = self.now_s + trouble.seconds

    def kill(self, process: Process, again_s: float = 0.0) -> None:
        """Kill a process, which is to be started again after so many seconds; 0: never."""
        self.baton.kill(process)
        process.on_death(again_s)

    def is_away(self) -> bool:
        """Return whether the store does not answer the running process."""
        return self.now_s < self.me.process.away_s

    def note_read(self, name: str) -> None:
        """Take note that the running process has read an object."""
        if name in self.damaged:
            self.damaged[name].add(self.me.process.name)

    def change(self, verb: str, name: str, effect: Callable[[], str], who: str = "") -> str:
        """Change the store; raises PreconditionFailedError as `effect` does."""
        stored = self.objects.now.get(name)
        try:
            version = effect()
        except PreconditionFailedError:
            self.say(f"{verb} refused", name, who)
            raise
        before = stored.data if stored else None
        if verb != "delete" or stored is not None:
            now = self.objects.now.get(name)
            self.say(verb, name, who, now.data if now and name.endswith(".json") else b"")
            if self.lags:
                self._views.append((self.now_s, dict(self.objects.now)))
            if self.witness is not None:
                self.witness.changed(who or self.me.name, verb, name, before)
        return version

    def later(self, verb: str, name: str, seconds: float, effect: Callable[[], str]) -> None:
        """Have a change take place some time from now."""
        who = f"{self.me.name} (late)"
        self._late.append((self.now_s + seconds, len(self._late), verb, name, who, effect))

    def fail(self, violation: Violation) -> None:
        """End the schedule, unless it was ended before."""
        if self.violation is None:
            self.violation = violation
            self.say("violation", violation.about, "the oracle")
        self.baton.halt()

    def run(self) -> None:
        """Let the actors run until none is left that lasts."""
        self.baton.run()

    def breathe(self) -> None:
        """Let others run between two things that are no calls of the store."""
        self.step(Call("poll", ""))

    def calm(self) -> None:
        """Have no more trouble, now that nobody runs; what is late arrives."""
        self.flush()
        self.lags = False
        self._latency = 0.0
        self.baton.chance = Scripted(())

    def flush(self) -> None:
        """Have all late changes take place now."""
        while self._late:
            self._arrive(min(self._late)[0])

    def _arrive(self, until_s: float) -> None:
        """Have the late changes take place that are due."""
        while self._late and min(self._late)[0] <= until_s:
            late = min(self._late)
            self._late.remove(late)
            due_s, _, verb, name, who, effect = late
            self.baton.now_s = max(self.now_s, due_s)
            with suppress(PreconditionFailedError):
                self.change(verb, name, effect, who)

    def lagged_s(self, since_s: float) -> float:
        """Return by how much listings were late at most for the running actor since then."""
        late = [
            float(happened.about.split()[1])
            for happened in self.log
            if happened.what == "trouble"
            and happened.about.startswith("lag ")
            and happened.who == self.me.name
            and happened.now_s >= since_s
        ]
        return max(late, default=0.0)

    def shown(self, lag_s: float) -> Mapping[str, Stored]:
        """Return what a listing shows."""
        until_s = self.now_s - lag_s
        if not lag_s:
            return self.objects.now
        return [view for since_s, view in self._views if since_s <= until_s][-1]
