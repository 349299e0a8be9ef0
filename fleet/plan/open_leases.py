"""The leases of a run, and the videos that they are of, for as long as they may be needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping

from fleet.core.interval import Interval
from fleet.plan.lease import Lease
from fleet.plan.shard import VideoWork


class OpenLeases:
    """Leases by name: whole while they are open, and what they cover once they have ended.

    So memory follows what is in hand: of a video that is done, nothing stays that tells how it is
    to be done.
    """

    def __init__(self, works: MutableMapping[str, VideoWork], leases: Iterable[Lease] = ()) -> None:
        """Take the first leases, and the videos of all: those that are done are taken out."""
        self._works = works
        self._open: dict[str, Lease] = {}
        self._ended: dict[str, tuple[Interval, ...]] = {}
        self._leases_of: Counter[str] = Counter()
        self.add(leases)

    def __getitem__(self, name: str) -> Lease:
        return self._open[name]

    def intervals(self, name: str) -> tuple[Interval, ...]:
        """Return what a lease covers, open or ended; nothing where others stand for it."""
        lease = self._open.get(name)
        return lease.intervals if lease is not None else self._ended.get(name, ())

    def add(self, leases: Iterable[Lease]) -> None:
        """Take leases in; one takes the place of another with its name."""
        replaced: list[Lease] = []
        for lease in leases:
            if lease.id in self._open:
                replaced.append(self._open[lease.id])
            self._open[lease.id] = lease
            self._leases_of.update(_videos(lease))
        # Only now: what one of them had may be with another one by now.
        for lease in replaced:
            self._let_go(lease)

    def end(self, name: str, *, stands: bool) -> None:
        """Keep no more of a lease than what it covers; nothing where others stand for it.

        Where it has ended before, nothing changes.
        """
        lease = self._open.pop(name, None)
        if lease is not None:
            if stands:
                self._ended[name] = lease.intervals
            self._let_go(lease)

    @property
    def ended(self) -> Iterator[tuple[str, tuple[Interval, ...]]]:
        """The name of each lease that has ended and stands, and what it covers."""
        yield from self._ended.items()

    def _let_go(self, lease: Lease) -> None:
        for uri in _videos(lease):
            self._leases_of[uri] -= 1
            if not self._leases_of[uri]:
                del self._leases_of[uri]
                work = self._works.pop(uri, None)
                if work is not None:
                    work.forget()


def _videos(lease: Lease) -> set[str]:
    return {shard.source.uri for shard in lease.shards}
