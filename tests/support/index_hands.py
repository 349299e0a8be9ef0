"""Processes that take index leases, played in the thread that leads them; they can die at will."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import Cause, DeviceJoined, DeviceLost, Event
from fleet.core.source import Source
from fleet.executors.index_pool import IndexLeaseDone
from fleet.index_cache.looking import Looked, Looker
from fleet.plan.index_leases import IndexLease
from fleet.storage import Folder

PATIENCE_S = 60.0


def nobody(_: IndexLease) -> Cause | None:
    """Have nobody die."""
    return None


class IndexHands:
    """A pool of two workers that really look; see IndexPool. `dies`: why one dies of a lease."""

    def __init__(
        self, folder: Folder | None = None, dies: Callable[[IndexLease], Cause | None] = nobody
    ) -> None:
        self.looked: list[str] = []
        """The names of the files that were looked at, in order."""
        self.deaths = 0
        self.given = threading.Event()
        """Whether a lease was given to one."""
        self.closed = False
        self._folder = folder
        self._dies = dies
        self._numbers = count()
        self._left = deque[tuple[str, IndexLease]]()
        self._workers: set[str] = set()
        self._target = 0

    def __call__(self, folder: str) -> IndexHands:
        """Make the pool: it is this one. `folder` given before takes the place of the real one."""
        self._looker = Looker(self._folder or Folder(folder), 2, 1)
        return self

    def set_target(self, workers: int) -> None:
        """See IndexPool."""
        self._target = min(workers, 2)

    def apply(self, device: str, lease: IndexLease) -> None:
        """See IndexPool."""
        self._left.append((device, lease))
        self.given.set()

    def poll(self, timeout_s: float) -> list[Event]:
        """See IndexPool."""
        if len(self._workers) < self._target:
            name = f"index/{next(self._numbers)}"
            self._workers.add(name)
            return [DeviceJoined(name, f"node of {name}")]
        if not self._left:
            # Nothing else happens meanwhile: what is given to them is given by the same thread.
            time.sleep(min(timeout_s, 0.01))
            return []
        device, lease = self._left.popleft()
        if cause := self._dies(lease):
            self.deaths += 1
            self._workers.remove(device)
            self._left = deque(item for item in self._left if item[0] != device)
            return [DeviceLost(device, "its process ended", cause, lease.id)]
        receipt = Receipt(lease.id, (), (), Tally(), device)
        return [IndexLeaseDone(device, lease.id, receipt, looked=self._look(lease.sources))]

    def _look(self, sources: Sequence[Source]) -> Looked:
        self.looked += [Path(source.uri).name for source in sources]
        return self._looker.look(sources)

    def close(self) -> None:
        """See IndexPool."""
        self._looker.close()
        self.closed = True
