"""Which nodes cannot read the inputs: told by what others could read that they could not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

STRIKES = 3
"""So many leases in a row, read elsewhere, that a node could not read: it is set aside."""


class NodeReads:
    """What nodes have and have not read; changed only through `fail` and `succeed`."""

    def __init__(self) -> None:
        self._strikes: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}
        self.aside: set[str] = set()
        """The nodes that are set aside."""

    def fail(self, node: str, reason: str) -> None:
        """Note that a node could not read a lease, which alone says nothing of the node."""
        self._reasons[node] = reason

    def succeed(self, node: str, failed_on: Collection[str]) -> list[tuple[str, str]]:
        """Note that a node read a lease which others could not; return nodes to set aside, and why.

        A node that reads something begins anew.
        """
        self._strikes.pop(node, None)
        found = []
        for other in failed_on:
            if other == node or other in self.aside:
                continue
            self._strikes[other] += 1
            if self._strikes[other] >= STRIKES:
                self.aside.add(other)
                found.append((other, self._reasons.get(other, "")))
        return found
