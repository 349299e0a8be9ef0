"""Which leases are to have a second core, where no device has work for it: a pure decision.

A device of one core takes a lease to its end by itself; with a second core it decodes while the job
looks at pictures, which is faster by how even the two are. So nothing is won by two cores for one
device while another one could work on one of them, and nothing is lost by a core that nobody uses.
On two cores no fixed number of devices and cores is faster, whatever decoding and the job take, and
on more hardly ever: neither need be measured first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Running:
    """A lease in the hands of a device."""

    device: str
    lease: str
    cost_s: float
    """Estimated seconds of one device."""
    has_room: bool
    """Whether the device has the memory for pictures that are decoded ahead."""
    attempt: int = 0
    """Which attempt it is of all that were handed out: the next one begins with one core again."""


class SpareCores:
    """Gives cores that no device has work for to leases that run, one each.

    A lease keeps its second core to its end. It is given where the core had nothing to do when it
    was looked last as well: between two leases, a device has nothing to do for a moment.
    """

    def __init__(self, cores: int) -> None:
        """Take how many cores devices may use in all; 0: none is to be given away."""
        self._cores = cores
        self._spare = 0
        self._given: frozenset[Running] = frozenset()

    def look(
        self, devices: int, held: Iterable[Running], computed: Iterable[Running]
    ) -> list[Running]:
        """Return which leases are to have a second core from now on, the longest first.

        `devices`: how many work, or start to. `held`: all leases that devices have not ended.
        `computed`: those of them that are computed just now.
        """
        self._given &= frozenset(held)
        before, self._spare = self._spare, max(0, self._cores - devices - len(self._given))
        able = [each for each in computed if each.has_room and each not in self._given]
        able.sort(key=lambda each: -each.cost_s)
        chosen = able[: min(before, self._spare)]
        self._given |= frozenset(chosen)
        self._spare -= len(chosen)
        return chosen
