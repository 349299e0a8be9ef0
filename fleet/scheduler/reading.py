"""Which nodes cannot read the inputs: told by what others could read that they could not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

STRIKES = 3
"""So many leases in a row, read elsewhere, that a node could not read: it is set aside."""


FIRST_UNREAD = 6
"""A node that could read none of so many leases rests until others have tried."""


class NodeReads:
    """What nodes have and have not read; changed only through `fail` and `succeed`.

    `rest_s`: how long a node rests whose first leases it could not read.
    """

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self._first_unread: dict[str, list[float]] = {}
        self._has_read: set[str] = set()
        self._strikes: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}
        self.aside: set[str] = set()
        """The nodes that are set aside."""

    def fail(self, node: str, reason: str, now_s: float) -> None:
        """Note that a node could not read a lease, which alone says nothing of the node."""
        self._reasons[node] = reason
        if node not in self._has_read:
            self._first_unread.setdefault(node, []).append(now_s)

    def has_only_failed(self, node: str) -> bool:
        """Return whether a node has failed on several leases, and read none so far."""
        return len(self._first_unread.get(node, ())) >= FIRST_UNREAD

    def rests(self, node: str, now_s: float) -> bool:
        """Return whether a node is to wait for others: it has failed fast, and read nothing yet.

        Who is there first may fail on every lease there is before anybody else is ready.
        """
        if not self.has_only_failed(node):
            return False
        return now_s - self._first_unread[node][0] < self._rest_s

    def succeed(self, node: str, failed_on: Collection[str]) -> list[tuple[str, str]]:
        """Note that a node read a lease which others could not; return nodes to set aside, and why.

        A node that reads something begins anew.
        """
        self._strikes.pop(node, None)
        self._first_unread.pop(node, None)
        self._has_read.add(node)
        found = []
        for other in failed_on:
            if other == node or other in self.aside:
                continue
            self._strikes[other] += 1
            if self._strikes[other] >= STRIKES:
                self.aside.add(other)
                found.append((other, self._reasons.get(other, "")))
        return found
