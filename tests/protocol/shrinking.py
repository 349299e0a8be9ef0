"""Making a schedule that fails as short as it can be while it fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from chance import Decisions, Replayed
from schedule import Played, Setting, play

MOST_TRIES = 300
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Shrunk:
    """A schedule that fails, shrunk."""

    setting: Setting
    decisions: Decisions
    played: Played


def shrink(setting: Setting, decisions: Decisions) -> Shrunk:
    """Leave out turns, troubles and commands for as long as the same kind of thing goes wrong."""
    return _Shrinking(setting, decisions).run()


class _Shrinking:
    """One schedule, while it is shrunk."""

    def __init__(self, setting: Setting, decisions: Decisions) -> None:
        self._tries = 0
        self._setting = setting
        self._decisions = decisions
        self._played = self._play(setting, decisions)
        assert self._played.violation is not None, "the schedule does not fail when it is replayed"
        self._kind = self._played.violation.kind

    def run(self) -> Shrunk:
        """Shrink it until nothing can be left out any more."""
        before = -1
        while before != self._size() and self._tries < MOST_TRIES:
            before = self._size()
            for simpler in _simpler(self._setting):
                self._try(simpler, self._decisions)
            self._reduce(list(self._decisions.turns), self._without_turns)
            self._reduce(list(self._decisions.troubles), self._without_troubles)
        return Shrunk(self._setting, self._decisions, self._played)

    def _size(self) -> int:
        decisions = self._decisions
        return len(self._setting.commands) + len(decisions.troubles) + len(decisions.turns)

    def _play(self, setting: Setting, decisions: Decisions) -> Played:
        self._tries += 1
        return play(setting, Replayed(decisions))

    def _try(self, setting: Setting, decisions: Decisions) -> bool:
        """Take a schedule where it still fails in the same way; return whether it does."""
        if self._tries >= MOST_TRIES:
            return False
        played = self._play(setting, decisions)
        fails = played.violation is not None and played.violation.kind == self._kind
        if fails:
            self._setting, self._decisions, self._played = setting, decisions, played
        return fails

    def _reduce(
        self, items: Sequence[_Item], without: Callable[[Sequence[_Item]], Decisions]
    ) -> None:
        """Leave items out, many at a time at first."""
        size = len(items)
        while size:
            for start in range(0, len(items), size):
                self._try(self._setting, without(items[start : start + size]))
            size //= 2

    def _without_turns(self, points: Sequence[object]) -> Decisions:
        turns = {p: turn for p, turn in self._decisions.turns.items() if p not in points}
        return replace(self._decisions, turns=turns)

    def _without_troubles(self, points: Sequence[object]) -> Decisions:
        troubles = {p: t for p, t in self._decisions.troubles.items() if p not in points}
        return replace(self._decisions, troubles=troubles)


def _simpler(setting: Setting) -> Iterator[Setting]:
    """Yield settings that are simpler in one way each."""
    for number in reversed(range(len(setting.commands))):
        commands = setting.commands[:number] + setting.commands[number + 1 :]
        yield replace(setting, commands=commands)
    plain = tuple(replace(command, skew_s=0.0) for command in setting.commands)
    if plain != setting.commands:
        yield replace(setting, commands=plain)
    if setting.archive.hurt:
        yield replace(setting, archive=replace(setting.archive, hurt=()), past_archive=None)
    if setting.latency_s:
        yield replace(setting, latency_s=0.0)
    if setting.store == "lagging":
        yield replace(setting, store="sound")
