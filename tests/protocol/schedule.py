"""Schedules: where one begins, what is done in it, what befalls it; and playing it to its end."""

from __future__ import annotations

import fnmatch
import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from archive import Archive
from chance import Chance, Rule, Scripted, Trouble
from commands import Command, Doing
from healing import heal
from mutations import sound
from oracle import Oracle
from simulation import enter
from world import Happened, Violation, World

from fleet.errors import (
    JobFailedError,
    OutputCorruptError,
    StorageError,
    SupersededError,
    UsageError,
)

AGAIN_S = 20.0
MOST_TRIES = 3
_EXPECTED = (UsageError, JobFailedError, StorageError, SupersededError)
"""What may come of a command where there is trouble; given again, it has to mend that."""


@dataclass(frozen=True)
class Setting:
    """Where a schedule begins, and what is done in it."""

    commands: tuple[Command, ...]
    archive: Archive
    past: str = "nothing"
    """What was there before: `nothing`, `half` of the job, `all` of it, or `old`: all of it, by
    version 0.1."""
    past_archive: Archive | None = None
    """The videos as they were then, if otherwise."""
    store: str = "sound"
    """Whether the store is `sound`, `lagging` (its listings) or `careless` (of conditions)."""
    gone: str = ""
    """A pattern of objects, as `fnmatch` has them: the first one was deleted by somebody before."""
    latency_s: float = 0.0
    """How long requests take on average: the longer, the more is done at the same time."""


@dataclass(frozen=True)
class Played:
    """How a schedule went."""

    violation: Violation | None
    log: tuple[Happened, ...]
    steps: int
    befallen: Mapping[str, int]
    objects: Mapping[str, bytes]
    """What the store holds at the end."""

    @property
    def digest(self) -> str:
        """A name for all that happened."""
        return hashlib.sha256(repr(self.log).encode()).hexdigest()


def play(setting: Setting, chance: Chance, *, healed: bool = True) -> Played:
    """Play a schedule; where `healed`, the job has to come to a good end after it."""
    past = dict(past_of(setting.past, setting.past_archive or setting.archive))
    for name in sorted(fnmatch.filter(past, setting.gone))[:1]:
        del past[name]
    return _Stage(setting, chance, past).play(healed=healed)


@cache
def past_of(past: str, archive: Archive) -> Mapping[str, bytes]:
    """Return what an output holds when a schedule begins."""
    if past == "nothing":
        return {}
    rules = [Rule("long ago", "poll", "*", Trouble("kill"), nth=5)] if past == "half" else []
    store = "careless" if past == "old" else "sound"
    setting = Setting((Command("long ago", "run", host="far"),), archive, store=store)
    with sound():
        played = _Stage(setting, Scripted(rules), {}).play(healed=False)
    assert played.violation is None, played.violation
    return played.objects


class _Stage:
    """One schedule, while it is played."""

    def __init__(self, setting: Setting, chance: Chance, past: Mapping[str, bytes]) -> None:
        self._setting = setting
        self._world = World(
            chance,
            past,
            keeps_conditions=setting.store != "careless",
            lags=setting.store == "lagging",
            latency_s=setting.latency_s,
            look_s=setting.archive.look_s,
        )
        self._oracle = Oracle(self._world, setting.archive)
        self._doing = Doing(self._world, self._oracle, setting.archive)

    def play(self, *, healed: bool) -> Played:
        """Play it to its end."""
        world = self._world
        enter(world)
        for command in self._setting.commands:
            self._give(command, command.after_s)
        world.run()
        if healed and world.violation is None:
            world.calm()
            heal(world, self._oracle, self._doing)
        return Played(
            self._violation(),
            tuple(world.log),
            world.baton.steps,
            world.befallen,
            {name: stored.data for name, stored in world.objects.now.items()},
        )

    def _violation(self) -> Violation | None:
        world = self._world
        if world.violation is None and world.baton.crashed is not None:
            actor, error = world.baton.crashed
            text = "".join(traceback.format_exception(error))
            return Violation(f"crash {type(error).__name__}", f"{actor.name}: {text}")
        return world.violation

    def _give(self, command: Command, after_s: float, nth: int = 1) -> None:
        """Have a process do a command after some time; where it is killed, maybe again."""
        name = command.who if nth == 1 else f"{command.who} ({nth})"
        process = self._world.process(name, command.host, command.skew_s)

        def again(again_s: float) -> None:
            if again_s and nth < MOST_TRIES:
                self._give(command, again_s, nth + 1)

        def do() -> None:
            if not self._do(command) and nth < MOST_TRIES:
                self._give(command, AGAIN_S, nth + 1)
            process.is_alive = False

        process.on_death = again
        self._world.spawn(name, process, do, after_s, lasts=True)

    def _do(self, command: Command) -> bool:
        """Do a command, and return whether it came to a good end."""
        world = self._world
        world.say("begins", command.what)
        try:
            told = self._doing.do(command, world.clock(world.me.process))
        except _EXPECTED as error:
            world.say("ends", f"{type(error).__name__}: {error}")
            return False
        except OutputCorruptError as error:
            world.say("ends", f"{type(error).__name__}: {error}")
            if "damage" not in world.befallen:
                world.fail(Violation("corrupt", f"{command.what}: {error}"))
            return False
        world.say("ends", told)
        return True
