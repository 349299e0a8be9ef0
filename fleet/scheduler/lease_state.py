"""Where a lease can stand, which moves are legal, and when the ledger gives up: its values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a lease stands; CUT: its pieces stand for it."""

    PENDING = "pending"
    LEASED = "leased"
    CUTTING = "cutting"
    LOST = "lost"
    DONE = "done"
    QUARANTINED = "quarantined"
    CUT = "cut"
    UNREACHED = "unreached"


class Move(StrEnum):
    """What can happen to a lease."""

    ASSIGN = "assign"
    BACKUP = "back up"
    COMMIT = "commit"
    RETURN = "return"
    DIVIDE = "divide"
    REPLACE = "replace"
    TRUNCATE = "truncate"
    GIVE_UP = "give up"
    RECORD = "record"
    POSTPONE = "postpone"


MOVES: dict[tuple[State, Move], State] = {
    (State.PENDING, Move.ASSIGN): State.LEASED,
    (State.LEASED, Move.BACKUP): State.LEASED,
    (State.LEASED, Move.COMMIT): State.DONE,
    (State.LEASED, Move.RETURN): State.PENDING,
    (State.LEASED, Move.DIVIDE): State.CUTTING,
    # One that is only long, and waits: more devices are to share in it.
    (State.PENDING, Move.DIVIDE): State.CUTTING,
    (State.CUTTING, Move.REPLACE): State.CUT,
    (State.LEASED, Move.TRUNCATE): State.DONE,
    (State.LEASED, Move.GIVE_UP): State.LOST,
    (State.LOST, Move.RECORD): State.QUARANTINED,
    # Its input could not be read: nothing is known of its frames, so the next run does it.
    (State.LEASED, Move.POSTPONE): State.UNREACHED,
    (State.PENDING, Move.POSTPONE): State.UNREACHED,
    # A node has joined that may read it.
    (State.UNREACHED, Move.RETURN): State.PENDING,
    # A worker that was given up for dead may commit all the same; its parts carry the lease's own
    # name and the same rows, so the work counts.
    (State.PENDING, Move.COMMIT): State.DONE,
    (State.PENDING, Move.TRUNCATE): State.DONE,
    (State.CUTTING, Move.COMMIT): State.DONE,
    (State.CUTTING, Move.TRUNCATE): State.DONE,
    (State.LOST, Move.COMMIT): State.DONE,
    (State.LOST, Move.TRUNCATE): State.DONE,
    # Another run on the same output has split it.
    (State.PENDING, Move.REPLACE): State.CUT,
    (State.LEASED, Move.REPLACE): State.CUT,
    (State.LOST, Move.REPLACE): State.CUT,
}
OVER = frozenset({State.DONE, State.QUARANTINED, State.CUT})
"""Where nothing can happen to a lease any more."""
ENDED = OVER | {State.UNREACHED}


@dataclass(slots=True)
class Entry:
    """One lease in the ledger; changed only by the ledger that holds it.

    `uri`: the video that it begins with. `piece`: it was cut out of a lease that did harm.
    `holders`: the devices that are to do it, two where one is a backup. `failures`: faults it came
    back with. `kills`: workers that died running it, in a row. `story`: what befell it out of the
    ordinary; of a million leases, hardly any has one.
    """

    lease: str
    gops: int
    cost_s: float = 0.0
    uri: str = ""
    piece: bool = False
    state: State = State.PENDING
    holders: tuple[str, ...] = ()
    failures: int = 0
    kills: int = 0
    unread: int = 0
    """How often its input could not be read."""
    failed_on: tuple[str, ...] = ()
    """The nodes on which that was."""
    pieces: tuple[str, ...] = ()
    story: tuple[str, ...] = ()

    @property
    def suspect(self) -> bool:
        """Whether it may do harm: it goes first, and has a device to itself."""
        return self.piece or self.kills > 0

    def note(self, now_s: float, text: str) -> None:
        """Add to its story."""
        self.story += (f"{now_s:.3f} {text}",)


@dataclass(frozen=True)
class SchedulingPolicy:
    """When to give up, and what to do about devices that are slow.

    `attempts`: how often a lease may fail, and how many workers in a row a single GOP may kill,
    before it is given up. `kills`: how many workers in a row a lease may kill before it is cut; one
    that was killed from outside is no reason. `pieces`: into how many it is cut; four make no more
    leases in all than halving does, and half as many dead workers. `backups`: idle devices take
    over from slow ones, and run backups of what those do not give up. `idle_s`: how long a device
    that is not wanted any more stays for more work. `rest_s`: how long a node that could read none
    of its first leases waits for others to try; 0 where there can be no others.
    """

    attempts: int = 3
    kills: int = 2
    pieces: int = 4
    backups: bool = True
    idle_s: float = 5.0
    rest_s: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.kills < 1:
            raise ValueError(f"a lease is tried at least once: {self}")
        if self.pieces < 2:
            raise ValueError(f"a lease is cut into two pieces at least: {self}")

    def deaths(self, entry: Entry) -> int:
        """How many workers it may kill in a row before something is done about it."""
        if entry.gops == 1:
            return self.attempts
        # Cutting does no harm, so what was suspect before need not prove it again.
        return 1 if entry.piece else self.kills
