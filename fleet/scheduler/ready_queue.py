"""The leases that wait: longest first, suspects before all, each taken once; O(1) whatever waits.

A line holds tokens, not leases: one counts as long as its lease waits and belongs into that line.
So nothing is ever looked for in the middle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from fleet.scheduler.lease_state import Entry, State

NEAR_ENOUGH = 0.5
"""A lease of the same video is taken before its turn if it is no shorter than this of the next."""


class ReadyQueue:
    """Leases that wait for a device. `plain`, `suspects`: how many; `cost_s`: of all of them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.plain = 0
        self.suspects = 0
        self.cost_s = 0.0
        self._line: deque[Entry] = deque()
        self._first: deque[Entry] = deque()
        self._of_video: dict[str, deque[Entry]] = {}
        for entry in entries:
            self.add(entry)

    def __len__(self) -> int:
        return self.plain + self.suspects

    def add(self, entry: Entry) -> None:
        """Have a new one wait, behind all others."""
        self._line.append(entry)
        if entry.uri:
            self._of_video.setdefault(entry.uri, deque()).append(entry)
        self._count(entry, 1)

    def put(self, entry: Entry) -> None:
        """Have it wait, before all others of its kind; its state is PENDING already."""
        (self._first if entry.suspect else self._line).appendleft(entry)
        self._count(entry, 1)

    def left(self, entry: Entry) -> None:
        """Note that it waits no longer, though it was not taken; before its state changes."""
        self._count(entry, -1)

    def take_suspect(self) -> Entry | None:
        """Take the first of those that may do harm."""
        while self._first:
            entry = self._first.popleft()
            if entry.state is State.PENDING and entry.suspect:
                return self._taken(entry)
        return None

    def take(self, uri: str) -> Entry | None:
        """Take the longest, or one about as long of the video that a device has been in."""
        longest = self._end(0)
        if longest is None:
            return None
        near = self._near(uri)
        if near is not None and near.cost_s >= NEAR_ENOUGH * longest.cost_s:
            self._of_video[uri].popleft()
            return self._taken(near)
        self._line.popleft()
        return self._taken(longest)

    def shortest(self) -> Entry | None:
        """Look at the shortest, where leases came longest first."""
        return self._end(-1)

    def take_shortest(self) -> Entry | None:
        """Take it."""
        entry = self._end(-1)
        if entry is None:
            return None
        self._line.pop()
        return self._taken(entry)

    def _near(self, uri: str) -> Entry | None:
        line = self._of_video.get(uri)
        while line:
            if line[0].state is State.PENDING and not line[0].suspect:
                return line[0]
            line.popleft()
        if line is not None:
            del self._of_video[uri]
        return None

    def _end(self, place: int) -> Entry | None:
        line = self._line
        while line:
            entry = line[place]
            if entry.state is State.PENDING and not entry.suspect:
                return entry
            (line.popleft if place == 0 else line.pop)()
        return None

    def _taken(self, entry: Entry) -> Entry:
        self._count(entry, -1)
        return entry

    def _count(self, entry: Entry, more: int) -> None:
        if entry.suspect:
            self.suspects += more
        else:
            self.plain += more
        self.cost_s += more * entry.cost_s
