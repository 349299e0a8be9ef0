"""What is left to chance in a schedule: whose turn it is, and which trouble befalls which call.

A decision is named by its point: an actor, and how many decisions that actor has come to. So one
decision can be left out, and the others still befall the calls that they befell before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Literal, Protocol

Kind = Literal[
    "fail", "lose", "late", "slow", "stall", "kill", "away", "lag", "swallow", "damage", "crash",
    "unread", "drain",
]  # fmt: skip
Point = tuple[str, int]
"""An actor, and the number of its decision."""


@dataclass(frozen=True)
class Call:
    """What an actor is about to do."""

    verb: str
    """Of a store call its name; `work` for a worker that begins a lease, `poll` for its driver."""
    name: str
    """The object within the output, or the lease."""


@dataclass(frozen=True)
class Trouble:
    """What befalls a call."""

    kind: Kind
    seconds: float = 0.0
    """How long it lasts, or how much later something happens; 0 where that means nothing."""


class Chance(Protocol):
    """What decides."""

    def trouble(self, point: Point, call: Call) -> Trouble | None:
        """Return what befalls a call; None for nothing."""

    def passes(self, point: Point, call: Call) -> bool:
        """Return whether somebody else may be next, though the actor could go on."""

    def turn(self, point: Point, ready: Sequence[str], usual: str) -> str:
        """Return who is next, of those that could go on."""


@dataclass
class Decisions:
    """What was decided otherwise than usual; a schedule is this and its setting."""

    troubles: dict[Point, Trouble] = field(default_factory=dict)
    turns: dict[Point, str] = field(default_factory=dict)


VERBS: Mapping[Kind, tuple[str, ...]] = {
    "fail": ("list", "stat", "read", "put", "create", "replace", "delete"),
    "lose": ("put", "create", "replace", "delete"),
    "late": ("put", "create", "replace", "delete"),
    "slow": ("read", "put", "create", "replace", "delete"),
    "stall": ("stat", "read", "put", "create", "replace", "delete", "work", "poll"),
    "kill": ("stat", "read", "put", "create", "replace", "delete", "work", "poll"),
    "away": ("read", "put", "create", "replace"),
    "lag": ("list",),
    "swallow": ("put",),
    "damage": ("read", "poll"),
    "crash": ("work",),
    "unread": ("work",),
    "drain": ("poll",),
}
"""Which calls each kind of trouble can befall."""
SECONDS: Mapping[Kind, tuple[float, ...]] = {
    "late": (1, 20, 70, 600, 3600),
    "slow": (2, 30, 65, 200),
    "stall": (10, 50, 65, 150, 3600),
    "kill": (0, 1, 10, 90),
    "away": (3, 50, 130, 300),
    "lag": (2, 20, 60, 200),
    "drain": (3, 30),
}
MOST: Mapping[Kind, int] = {"stall": 4, "kill": 3, "away": 2, "damage": 1}
"""How often these may befall a schedule."""
MOST_OTHERS = 8
MOST_BLOWS = 2
"""How many blows may befall workers. A lease at which three of them die in a row is given up,
rightly: whether it or bad luck did that, nobody can tell."""
_BLOWS = frozenset({"stall", "kill", "away", "crash", "unread"})
_FACTORS: Mapping[Kind, float] = {"lag": 6, "swallow": 12, "crash": 3, "unread": 5, "drain": 3}
"""How much more often these befall the few calls that they can befall."""


class Seeded:
    """Chance from a seed; it keeps what it has decided."""

    def __init__(self, seed: int, kinds: Sequence[Kind], rate: float, haste: float) -> None:
        """Allow these kinds of trouble; `rate`: of troubles a call; `haste`: of turns a call."""
        self.decisions = Decisions()
        self._random = Random(seed)
        self._by_verb = {
            verb: {kind: _FACTORS.get(kind, 1.0) for kind in kinds if verb in VERBS[kind]}
            for verb in {verb for verbs in VERBS.values() for verb in verbs}
        }
        self._rate = rate
        self._haste = haste
        self._count: dict[Kind, int] = {}
        self._blows = MOST_BLOWS

    def trouble(self, point: Point, call: Call) -> Trouble | None:
        """See Chance."""
        factors = self._by_verb.get(call.verb)
        if not factors:
            return None
        rate = self._rate * _weight(call) * sum(factors.values()) / len(factors)
        if self._random.random() >= rate:
            return None
        kind = self._random.choices(list(factors), list(factors.values()))[0]
        is_blow = kind in _BLOWS and point[0].startswith("worker")
        if self._count.get(kind, 0) >= MOST.get(kind, MOST_OTHERS) or (is_blow and not self._blows):
            return None
        self._blows -= is_blow
        self._count[kind] = self._count.get(kind, 0) + 1
        trouble = Trouble(kind, self._random.choice(SECONDS.get(kind, (0.0,))))
        self.decisions.troubles[point] = trouble
        return trouble

    def passes(self, point: Point, call: Call) -> bool:
        """See Chance."""
        del point
        return self._random.random() < self._haste * _weight(call)

    def turn(self, point: Point, ready: Sequence[str], usual: str) -> str:
        """See Chance."""
        chosen = self._random.choice(ready) if len(ready) > 1 else usual
        if chosen != usual:
            self.decisions.turns[point] = chosen
        return chosen


def _weight(call: Call) -> float:
    """Return how much depends on a call: most are about things on which least depends."""
    if call.verb == "poll" or call.name.startswith(("_runs/", "_LOCK.json", "_probe-")):
        return 0.2
    if call.name.startswith(("_done/", "_REWRITE.json")) and call.verb != "read":
        return 6.0
    return 3.0 if call.verb in {"put", "create", "replace", "delete", "work"} else 1.0


class Replayed:
    """Chance as it was decided before, or some of it."""

    def __init__(self, decisions: Decisions) -> None:
        self._troubles = decisions.troubles
        self._turns = decisions.turns

    def trouble(self, point: Point, call: Call) -> Trouble | None:
        """See Chance; a trouble that cannot befall this call is left out."""
        found = self._troubles.get(point)
        return found if found and call.verb in VERBS[found.kind] else None

    def passes(self, point: Point, call: Call) -> bool:
        """See Chance."""
        del call
        return point in self._turns

    def turn(self, point: Point, ready: Sequence[str], usual: str) -> str:
        """See Chance."""
        chosen = self._turns.get(point, usual)
        return chosen if chosen in ready else usual


@dataclass(frozen=True)
class Rule:
    """A trouble that is written down: it befalls the `nth` call of its kind by some actor."""

    actor: str
    """A pattern, as `fnmatch` has them; likewise `verb` and `name`."""
    verb: str
    name: str
    trouble: Trouble
    nth: int = 1


class Scripted:
    """Chance that is written down: an actor goes on until it waits, and what befalls it is said."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._left = {rule: rule.nth for rule in rules}

    def trouble(self, point: Point, call: Call) -> Trouble | None:
        """See Chance."""
        befallen = None
        for rule in self._left:
            is_meant = fnmatchcase(call.verb, rule.verb) and fnmatchcase(call.name, rule.name)
            if self._left[rule] and is_meant and fnmatchcase(point[0], rule.actor):
                self._left[rule] -= 1
                if not self._left[rule]:
                    befallen = rule.trouble
        return befallen

    def passes(self, point: Point, call: Call) -> bool:
        """See Chance: never."""
        del point, call
        return False

    def turn(self, point: Point, ready: Sequence[str], usual: str) -> str:
        """See Chance: the usual one."""
        del point, ready
        return usual

    @property
    def unused(self) -> list[Rule]:
        """The rules that have befallen nothing."""
        return [rule for rule, left in self._left.items() if left]
