"""The place of one device in a pool of Ray actors, from when it is asked for until it is gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fleet.scheduler.commands import Cancel, Truncate


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
