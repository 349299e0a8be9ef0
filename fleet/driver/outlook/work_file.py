"""The work on many videos, kept in a file where it is too much to hold in memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.core.source import Source
from fleet.plan.cost import GopCosts
from fleet.plan.shard import GopWork

IN_MEMORY_BYTES = 1 << 25
"""A smaller file is none, but memory."""


@dataclass(frozen=True, eq=False)
class _Packed:
    """Some works as columns: those of their videos, and those of their GOPs one after another."""

    sources: Sequence[tuple[str, int, str]]
    durations_s: Sequence[float]
    gops: Sequence[int]
    bounds: NDArray[np.int64]
    seconds: NDArray[np.float64]
    counts: NDArray[np.int64]
    """int64 [3, gops]: see GopCosts."""
    todo: NDArray[np.bool_]

    def works(self) -> Iterator[GopWork]:
        """Yield them as they were."""
        first = 0
        columns = zip(self.sources, self.durations_s, self.gops, strict=True)
        for number, (source, duration_s, gops) in enumerate(columns):
            last = first + gops
            costs = GopCosts(self.seconds[first:last], *self.counts[:, first:last])
            # A video has one bound more than it has GOPs.
            bounds = self.bounds[first + number : last + number + 1]
            yield GopWork(Source(*source), bounds, duration_s, costs, self.todo[first:last])
            first = last


def _packed(works: Sequence[GopWork]) -> _Packed:
    def joined(column: Callable[[GopWork], NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([column(work) for work in works])

    return _Packed(
        [(work.source.uri, work.source.bytes, work.source.etag) for work in works],
        [work.duration_s for work in works],
        [len(work.todo) for work in works],
        joined(lambda work: work.bounds),
        joined(lambda work: work.costs.seconds),
        np.stack(
            [
                joined(lambda work: work.costs.frames),
                joined(lambda work: work.costs.packets),
                joined(lambda work: work.costs.fetched),
            ]
        ),
        joined(lambda work: work.todo),
    )


class WorkFile:
    """Works in the order in which they were added; may be gone through again and again."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY_BYTES, prefix="fleet-plan-")  # noqa: SIM115
        self._end = 0

    def add(self, works: Sequence[GopWork]) -> None:
        """Add works."""
        if works:
            self._file.seek(self._end)
            pickle.dump(_packed(works), self._file, protocol=5)
            self._end = self._file.tell()

    def __iter__(self) -> Iterator[GopWork]:
        """Yield each work, read some at a time."""
        at = 0
        while at < self._end:
            self._file.seek(at)
            packed: _Packed = pickle.load(self._file)  # noqa: S301 - of this very process
            at = self._file.tell()
            yield from packed.works()
