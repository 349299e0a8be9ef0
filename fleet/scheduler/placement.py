"""Where devices may be started after what went wrong: pure decisions, the time is passed in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

UNKNOWN = ""
"""The node of a device that did not even come so far as to say where it is."""
SETTLE_S = 30.0
"""How long a device that starts may take to say where it is."""


@dataclass(frozen=True)
class StartBackoff:
    """How often a device may fail to start on a node, in a row, before the node is set aside.

    `first_s`: how long a node is let be after the first failure; each further one doubles that, up
    to `longest_s`.
    """

    failures: int = 3
    first_s: float = 1.0
    longest_s: float = 30.0

    def wait_s(self, failures: int) -> float:
        """How long a node is let be after so many failures in a row."""
        return min(self.longest_s, self.first_s * 2.0 ** (failures - 1))


@dataclass(frozen=True)
class _Failures:
    count: int
    until_s: float


class NodeBlacklist:
    """Which nodes are tried for new devices; changed only through `fail` and `succeed`."""

    def __init__(self, backoff: StartBackoff | None = None) -> None:
        self._backoff = backoff or StartBackoff()
        self._failed: dict[str, _Failures] = {}
        self._aside: dict[str, str] = {}

    @property
    def aside(self) -> Mapping[str, str]:
        """The nodes that are set aside, and why."""
        return MappingProxyType(self._aside)

    def fail(self, node: str, reason: str, now_s: float) -> bool:
        """Note that a device did not start; tells whether its node is set aside for that now.

        Devices that are started together fail together, which counts once: nothing new is known of
        a node before it is tried again.
        """
        before = self._failed.get(node)
        if before and now_s < before.until_s:
            return False
        count = before.count + 1 if before else 1
        self._failed[node] = _Failures(count, now_s + self._backoff.wait_s(count))
        if count < self._backoff.failures or node in self._aside:
            return False
        self._aside[node] = reason
        return True

    def set_aside(self, node: str, reason: str) -> None:
        """Start nothing on a node any more, for a reason that was found elsewhere."""
        self._aside[node] = reason

    def succeed(self, node: str) -> None:
        """Note that a device has started."""
        self._failed.pop(node, None)
        self._failed.pop(UNKNOWN, None)

    def avoided(self, now_s: float) -> frozenset[str]:
        """The nodes on which no device is started just now."""
        waiting = {node for node, failed in self._failed.items() if now_s < failed.until_s}
        return frozenset(waiting | set(self._aside))

    def may_start(self, nodes: Collection[str], now_s: float) -> bool:
        """Whether a device may be asked for; `nodes`: those that are there.

        It may where none is there, since one may come for it.
        """
        avoided = self.avoided(now_s)
        return UNKNOWN not in avoided and not (nodes and avoided.issuperset(nodes))

    def hopeless(self, nodes: Collection[str]) -> bool:
        """Whether every node that is there is set aside."""
        return UNKNOWN in self._aside or (bool(nodes) and set(nodes) <= set(self._aside))


class ForeignUsage:
    """How many devices of a cluster others use; changed only through `update`.

    What is in use, and not known to be ours, may be a device of ours that has not yet said where it
    is. So what others are believed to use grows only as far as that cannot be, or once it has
    stayed in use for SETTLE_S; otherwise what we could have would flicker whenever a device starts.
    """

    def __init__(self) -> None:
        self.used = 0
        self._since_s: float | None = None

    def update(self, unaccounted: int, unplaced: int, now_s: float) -> int:
        """Take in what is in use and not known to be ours, and how many of ours are not placed."""
        unaccounted = max(0, unaccounted)
        self.used = min(max(self.used, unaccounted - unplaced), unaccounted)
        if self.used == unaccounted:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s
        elif now_s - self._since_s >= SETTLE_S:
            self.used, self._since_s = unaccounted, None
        return self.used
