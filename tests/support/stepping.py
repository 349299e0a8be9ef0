"""Hosts that replace a file, whose every step is one of a schedule: whatever dies or is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PosixPath
from typing import Any

from hand_clock import HandClock

from fleet.storage.store import PreconditionFailedError
from fleet.storage.versioned_file import (
    STALLED_S,
    replace_version,
    version_of,
)


class KilledError(BaseException):
    """An actor that is gone: nothing that it would do is done any more."""


@dataclass
class Schedule:
    """Who makes the next step; one actor runs at a time."""

    turns: Iterator[int]
    """The number of the actor that makes each step; when they are used up, all take turns."""
    actors: list[Actor] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
    """The numbers of the steps whose answer is lost."""
    steps: int = 0

    def run(self) -> None:
        """Let the actors run until all have come to an end."""
        for actor in self.actors:
            actor.start()
        while waiting := [actor for actor in self.actors if not actor.has_ended]:
            chosen = self.actors[next(self.turns, self.steps) % len(self.actors)]
            (waiting[0] if chosen.has_ended else chosen).go()
            self.steps += 1


class Actor(threading.Thread):
    """A host that reads a file and replaces it, some times over."""

    def __init__(self, schedule: Schedule, name: str, path: Path, dies_at: int | None) -> None:
        super().__init__(name=name)
        self._schedule = schedule
        self._dies_at = dies_at
        self._may, self._has = threading.Semaphore(0), threading.Semaphore(0)
        self._path = Stepping(path)
        self._clock = Ticking(self)
        self.has_ended = False
        self.steps = 0
        self.expected = ""
        self.succeeded: list[str] = []
        self.failures = 0
        self.error: BaseException | None = None

    def go(self) -> None:
        """Let it make one step."""
        self._may.release()
        self._has.acquire()

    def step(self) -> None:
        """Wait until it may make the next step."""
        self._has.release()
        self._may.acquire()
        self.steps += 1
        if self._dies_at is not None and self.steps >= self._dies_at:
            raise KilledError

    def run(self) -> None:
        """Replace what is there, twice."""
        self._may.acquire()
        try:
            for number in range(2):
                self.expected = version_of(Path(self._path).read_bytes())
                data = f"{self.name}{number}".encode()
                try:
                    replace_version(self._path, data, self.expected, self._clock)
                    self.succeeded.append(data.decode())
                except PreconditionFailedError:
                    self.failures += 1
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - it is asserted on by the test
            self.error = error
        finally:
            self.has_ended = True
            self._has.release()

    @property
    def loses(self) -> bool:
        """Whether the answer to the step at hand is lost."""
        return self._schedule.steps in self._schedule.lost


class Ticking(HandClock):
    """A clock of one host: whoever waits gives the others a turn."""

    def __init__(self, actor: Actor) -> None:
        super().__init__()
        self._actor = actor

    def sleep(self, seconds: float) -> None:
        """See Clock; a look takes as long as a stall, so that claims are revoked often."""
        del seconds
        self._actor.step()
        super().sleep(STALLED_S)


RENAMES: list[tuple[bytes, str, str]] = []
"""What a rename over the file took the place of: the bytes, who did it, the version expected."""


class Stepping(PosixPath):
    """A path each of whose operations is a step of the actor that runs."""

    def _step(self) -> Actor:
        actor = threading.current_thread()
        assert isinstance(actor, Actor)
        actor.step()
        return actor

    def read_bytes(self) -> bytes:
        """Read, as a step."""
        self._step()
        return Path(self).read_bytes()

    def exists(self, **more: Any) -> bool:
        """Look, as a step."""
        self._step()
        return super().exists(**more)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete, as a step."""
        self._step()
        super().unlink(missing_ok)

    def open(self, *args: Any, **more: Any) -> Any:
        """Make a file, as a step."""
        self._step()
        return super().open(*args, **more)

    def hardlink_to(self, target: Any) -> None:
        """Link, as a step; its answer may be lost."""
        actor = self._step()
        super().hardlink_to(target)
        if actor.loses:
            raise FileExistsError(str(self))

    def replace(self, target: Any) -> Stepping:
        """Rename, as a step; its answer may be lost."""
        actor = self._step()
        before = Path(target).read_bytes()
        found = super().replace(target)
        RENAMES.append((before, actor.name, actor.expected))
        if actor.loses:
            raise FileNotFoundError(str(self))
        return found
