"""The places of devices in a pool of Ray actors, from when they are asked for until they go."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Cancel, Truncate
from fleet.worker.outcome import Outcome


@dataclass(eq=False)
class ActorHandle:
    """One actor; changed only by the pool that holds it.

    `avoided`: the nodes, by Ray's id, that it is not to go to, as asked at `since_s`. `node`: the
    one that it is on, empty until it is placed. `joined`: it is open. `draining`: its node goes
    away. `asked`: it owes an answer about its progress. `leases`: those it was given and has not
    answered, in order. `ran`: the one it computed when it last answered.
    """

    device: str
    actor: Any
    avoided: frozenset[str]
    since_s: float
    node: str = ""
    joined: bool = False
    draining: bool = False
    asked: bool = False
    leases: list[str] = field(default_factory=list)
    ran: str = ""

    def run(self, order: LeaseOrder) -> Any:
        """Have it do a lease; returns Ray's reference to what `outcome_of` reads."""
        return self.actor.run_pickled.remote(pickle.dumps(order))

    def tell(self, command: Cancel | Truncate) -> None:
        """Pass a command on; what comes of it is the outcome of the lease."""
        if isinstance(command, Cancel):
            self.actor.cancel.remote(command.lease)
        else:
            self.actor.truncate.remote(command.lease)

    def let_go(self) -> None:
        """Have it close its device and end, once it has answered what it was asked."""
        self.actor.close.remote()
        self.actor.__ray_terminate__.remote()


def outcome_of(answer: bytes) -> Outcome:
    """Return what came of a lease, as an actor has answered."""
    outcome: Outcome = pickle.loads(answer)  # noqa: S301 - of our own worker
    return outcome


class Seats(dict[str, ActorHandle]):
    """The places of a pool, by the names of their devices; changed only by the pool."""

    @property
    def nodes(self) -> Counter[str]:
        """How many there are by node; under the empty name, those without one so far."""
        return Counter(seat.node for seat in self.values())

    def missing(self, wanted: int) -> int:
        """Return how many are missing to so many that stay; less than 0 where some are too many."""
        return wanted - sum(not seat.draining for seat in self.values())

    def starting(self, count: int) -> list[ActorHandle]:
        """Return some that start, at most: the last that asked first, those with a node last."""
        starting = [seat for seat in self.values() if not seat.joined]
        starting.sort(key=lambda seat: bool(seat.node), reverse=True)
        return starting[-count:] if count else []

    def above(self, wanted: int) -> list[ActorHandle]:
        """Return those open ones that are above so many, the ones that hold least first."""
        ready = [seat for seat in self.values() if seat.joined and not seat.draining]
        ready.sort(key=lambda seat: len(seat.leases))
        return ready[: max(0, len(ready) - wanted)]
