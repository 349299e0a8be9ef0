"""Index leases: which videos others than the driver look at, in which order, how far ahead; pure.

An index lease covers videos in the order of the listing. The first ones are small, so that there is
something for everybody soon; each further one is larger, so that there are few of them however
large the archive is. Where the driver is behind with its plan, no further ones are cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from fleet.core.lease_summary import LeaseSummary
from fleet.core.source import Source

BYTES_A_HEADER = 64 << 20
"""A scan of so many bytes takes longer than a header does."""
HEADER_S = 0.0075
"""Seconds of one core that looking at a header takes."""
FIRST_HEADERS = 16
"""Headers in the first leases."""
MOST_HEADERS = 1024
"""Headers in a lease at most: as many as a batch of kept indexes has, so that none is merged."""
SHARE = 16
"""A lease has as much as one in so many of all that was given out before it."""
MISSES = 32
"""Videos that nobody knows, after which others are asked to look at what is left."""
HEADERS_A_WORKER = 256
"""Starting a process elsewhere takes as much as looking at so many headers, or more."""
MOST_WORKERS = 8
"""More nodes than these, of some cores each, look at more than a driver plans."""
AHEAD_FILES = 24 << 10
"""Files that may be in leases, or covered by them, and that the driver has not come to yet."""
MOST_RUN_OUT = 2
"""Leases that are waited for in vain before nobody else is asked any more."""


def headers_in(sources: Iterable[Source]) -> float:
    """Return how many headers looking at some videos is like, where each may be a scan."""
    return sum(1 + source.bytes / BYTES_A_HEADER for source in sources)


def workers_worth(headers: float) -> int:
    """Return how many processes elsewhere so many headers are worth; 0: the driver looks alone."""
    return min(MOST_WORKERS, math.floor(headers / HEADERS_A_WORKER))


@dataclass(frozen=True)
class IndexLease:
    """Videos that one process looks at."""

    id: str
    sources: tuple[Source, ...]

    @property
    def summary(self) -> LeaseSummary:
        """What the ledger knows of it; its files are what GOPs are of other leases."""
        cost_s = headers_in(self.sources) * HEADER_S
        return LeaseSummary(self.id, len(self.sources), cost_s, self.sources[0].uri)

    def split(self, count: int) -> tuple[IndexLease, ...]:
        """Return it in so many pieces, which cover its videos in their order, each once."""
        files = len(self.sources)
        ends = [files * number // count for number in range(count + 1)]
        return tuple(
            IndexLease(f"{self.id}.{number}", self.sources[first:last])
            for number, (first, last) in enumerate(pairwise(ends))
        )


@dataclass(frozen=True)
class Candidates:
    """Files of which a lease may be cut; whether they are known is asked while others go on."""

    first: int
    """Where in the listing they begin."""
    sources: Sequence[Source]
    """The files, in their order."""
    headers: float
    """How much a lease has."""

    def choose(self, is_known: Callable[[Source], bool]) -> tuple[dict[int, Source], int]:
        """Return what a lease has by place in the listing, and where the next one begins."""
        some: dict[int, Source] = {}
        headers = 0.0
        for place, source in enumerate(self.sources, self.first):
            if headers >= self.headers:
                return some, place
            if not is_known(source):
                some[place] = source
                headers += headers_in([source])
        return some, self.first + len(self.sources)


class Files(Protocol):
    """Files in the order of a listing."""

    def __len__(self) -> int:
        """Return how many are listed by now."""

    def __getitem__(self, places: slice, /) -> Sequence[Source]:
        """Return some of those that the driver has not come to."""


class IndexQueue:
    """The videos of a listing that index leases are cut of; changed only through its methods.

    The driver goes through the listing as well, in the same order. Videos that it has come to and
    that are in no lease, it looks at itself.
    """

    def __init__(self, sources: Files, is_whole: Callable[[], bool] = lambda: True) -> None:
        """Take a listing, which may grow; `is_whole`: whether it grows no more."""
        self._sources = sources
        self._is_whole = is_whole
        self._abandoned = False
        self._reached = self._cut = 0
        self._given = 0.0
        self._leases = self._run_out = 0
        self._any_good = False
        self._open: dict[Source, str] = {}

    @property
    def finished(self) -> bool:
        """Whether no lease is left to be cut, and none is open."""
        # In this order: what comes in between makes it whole, or is found missing.
        ended = self._abandoned or (self._is_whole() and self._cut >= len(self._sources))
        return ended and not self._open

    @property
    def grows(self) -> bool:
        """Whether there may come to be more than is listed by now."""
        return not (self._abandoned or self._is_whole())

    @property
    def headers_left(self) -> float:
        """How much there is in all that no lease was cut of, known or not."""
        return 0.0 if self._abandoned else headers_in(self._sources[self._cut :])

    def reach(self, number: int) -> None:
        """Note that the driver has come to so many of the files."""
        self._reached = number
        self._cut = max(self._cut, number)

    def candidates(self, workers: int) -> Candidates | None:
        """Return what the next lease for one of so many is cut of; None where none is due."""
        share = AHEAD_FILES / (3 * max(1, workers))
        grown = self._given / SHARE if self._any_good else 0.0
        most = max(FIRST_HEADERS, min(MOST_HEADERS, grown, share))
        is_whole, listed = self._is_whole(), len(self._sources)
        end = min(listed, self._reached + AHEAD_FILES)
        if self._abandoned or (end < self._cut + most and (end < listed or not is_whole)):
            # Or a driver that is slow would have leases cut of what little it goes on by.
            return None
        return Candidates(self._cut, self._sources[self._cut : end], most)

    def cut(self, chosen: dict[int, Source], end: int) -> IndexLease | None:
        """Return a lease of what was chosen, but for what the driver has come to meanwhile.

        Next is what follows from place `end` on. None where nothing is left.
        """
        some = [source for place, source in chosen.items() if place >= self._cut]
        self._cut = max(self._cut, end)
        if self._abandoned or not some:
            return None
        self._given += headers_in(some)
        self._leases += 1
        lease = IndexLease(f"index-{self._leases}", tuple(some))
        self._open.update(dict.fromkeys(some, lease.id))
        return lease

    def covers(self, source: Source) -> bool:
        """Return whether a video is in a lease that has not ended."""
        return source in self._open

    def end(self, sources: Iterable[Source], *, good: bool = False) -> None:
        """Note that nobody else looks at some videos any more; `good`: they have seen most."""
        self._any_good |= good
        for source in sources:
            self._open.pop(source, None)

    def run_out(self, source: Source) -> bool:
        """Note that a video was waited for in vain: who has its lease is not waited for any more.

        Returns whether nobody else is asked for anything any more, as this is not the first such.
        """
        lease = self._open.get(source)
        self.end([item for item, name in self._open.items() if name == lease])
        self._run_out += 1
        if self._run_out == MOST_RUN_OUT:
            self.abandon()
            return True
        return False

    def abandon(self) -> None:
        """Note that nobody else looks at any video any more."""
        self._open.clear()
        self._abandoned = True
