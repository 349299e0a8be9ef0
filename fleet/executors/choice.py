"""Where the devices of a run live: a pure decision, and the sentence that tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    # What checks fields takes a while to import, and a run decides before it has any.
    from fleet.job.fields import Place

Mode = Literal["ray", "processes", "inline"]
"""Actors of Ray, processes of this machine, or the driver's own process."""

_WHERE: dict[Mode, str] = {
    "ray": "on Ray",
    "processes": "processes of this machine",
    "inline": "in one process, one after the other",
}


@dataclass(frozen=True)
class Choice:
    """Where devices live, and why there."""

    mode: Mode
    why: str
    """A clause, for people."""

    def __str__(self) -> str:
        return f"{_WHERE[self.mode]}, {self.why}"


def devices_of_machine(cores: int, cores_per_device: int) -> int:
    """Return how many devices are best for the cores of a machine, of so many cores each.

    Devices that share nothing keep every core at work, so that there are as many as have their
    cores to themselves.
    """
    return max(1, cores // cores_per_device)


def devices_here(asked: int | None, most: int | None, cores: int, cores_per_device: int) -> int:
    """Return how many devices a run has on one machine alone.

    `asked`: by the user; None: as many as are best. `most`: how many it may have then.
    """
    if asked is not None:
        return asked
    best = devices_of_machine(cores, cores_per_device)
    # More than cores gain nothing: it says how far a cluster is to grow.
    return min(most or best, best)


def choose(asked: Place, *, has_cluster: bool) -> Choice:
    """Return where the devices of a run are to live.

    `asked`: by the user, who mostly leaves it to us. `has_cluster`: whether a Ray cluster is named,
    or this process is connected to one.
    """
    if asked != "auto":
        return Choice(asked, "as asked")
    if has_cluster:
        return Choice("ray", "as a cluster is named")
    # On one machine Ray has nothing to add, and takes seconds to start and to end.
    return Choice("processes", "as no Ray cluster is named")
