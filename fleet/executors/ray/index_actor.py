"""A process that looks at headers, as a Ray actor beside devices: it needs no NPU and no model."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from fleet.core.progress import Progress
from fleet.index_cache.looking import Looker
from fleet.storage import Folder

LINES = 8
"""Headers looked at at a time: much of the time is spent waiting where the store is far away."""
_GIVES_WAY = 5
"""By how much it is nicer than devices are, which have the cores of their machine first."""


class IndexActor:
    """Looks at the videos of one index lease after another, in shielded child processes."""

    def __init__(self, device: str, folder: str) -> None:
        self._device = device
        self._folder = folder
        self._lease = ""

    def open(self) -> None:
        """Get ready; raises as the store does where it cannot be reached."""
        with suppress(OSError):  # it is as nice as can be already
            os.nice(_GIVES_WAY)
        cores = len(os.sched_getaffinity(0))
        self._looker = Looker(Folder(self._folder), LINES, min(cores, LINES))

    def look(self, lease: str, sources: bytes) -> bytes:
        """Look at some videos, pickled; return what came of it, pickled. See `Looker.look`."""
        self._lease = lease
        try:
            found = self._looker.look(pickle.loads(sources))  # noqa: S301 - of our own driver
        finally:
            self._lease = ""
        return pickle.dumps(found)

    @ray.method(concurrency_group="control")
    def progress(self) -> Progress:
        """Tell what it is at. What hangs is a child, to which it puts an end by itself."""
        looks = self._looker.looks
        return Progress(self._device, self._lease, "", 0, 0.0, beats=looks, waiting=True)


def index_actor(device: str, folder: str, node: str) -> Any:
    """Start one on a node, by Ray's id; where that goes, it is not started elsewhere."""
    # Ray's stubs do not know concurrency groups.
    remote: Any = ray.remote
    actor_class = remote(
        concurrency_groups={"control": 1},
        num_cpus=0,
        # A dead one is replaced by the pool, and its leases are led by the ledger.
        max_restarts=0,
        max_task_retries=0,
    )(IndexActor)
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return actor_class.options(scheduling_strategy=there).remote(device, folder)
