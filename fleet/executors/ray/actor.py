"""A worker as a Ray actor: one a device, with `{"NPU": 1}`."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Collection
from typing import Any

import ray

from fleet.core.progress import Progress
from fleet.executors.ray.by_value import register
from fleet.job.code import LOADED_PREFIX
from fleet.memory_limit import limit_memory
from fleet.worker.worker import Worker

OMP = "OMP_NUM_THREADS"
"""How many threads libraries take, as NumPy's."""
RUNS_AT_ONCE = 3
"""Calls in a worker: a lease that is computed, the next one, fetched, and the last, committed."""


class DeviceActor(Worker):
    """A worker whose control calls are answered while it runs leases."""

    def open(self) -> Progress:
        """See Worker; in a process of its own, memory is limited."""
        limit_memory(self._spec.memory_bytes)
        return super().open()

    def run_pickled(self, order: bytes) -> bytes:
        """See Worker's `run`, of what it takes and returns pickled.

        Ray pickles in Python, object by object, which takes a driver longer than all else that it
        does for a lease; of bytes nothing is to be pickled.
        """
        return pickle.dumps(self.run(pickle.loads(order)))  # noqa: S301 - of our own driver

    @ray.method(concurrency_group="control")
    def where(self) -> str:
        """Tell the node that it lives on, by Ray's id, before anything else is asked of it."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    @ray.method(concurrency_group="control")
    def progress(self) -> Progress:  # type: ignore[override]  # Ray wraps methods
        """See Worker."""
        return super().progress()

    @ray.method(concurrency_group="control")
    def cancel(self, lease: str) -> None:  # type: ignore[override]  # Ray wraps methods
        """See Worker."""
        super().cancel(lease)

    @ray.method(concurrency_group="control")
    def truncate(self, lease: str) -> None:  # type: ignore[override]  # Ray wraps methods
        """See Worker."""
        super().truncate(lease)


def pickle_by_value(job_class: type) -> None:
    """Make a job's module travel with the job where workers cannot import it."""
    module = sys.modules[job_class.__module__]
    if module.__name__.startswith(LOADED_PREFIX):
        register(module)


def as_actor(worker: type[DeviceActor], cores: int = 1, *, own_ray: bool = True) -> Any:
    """Make an actor class of a worker, which asks for one NPU, and for its cores if several.

    `own_ray`: whether `start_ray` has started what it runs on.
    """
    # Ray's stubs do not know concurrency groups.
    remote: Any = ray.remote
    # Ray would give its libraries as many threads as it has CPUs, by which sums may round
    # differently; our own Ray was started so that it does not.
    elsewhere = {"runtime_env": {"env_vars": {OMP: os.environ.get(OMP, "1")}}}
    return remote(
        concurrency_groups={"control": 1},
        max_concurrency=RUNS_AT_ONCE,
        resources={"NPU": 1},
        # The NPU is what is scarce: of one core each, devices share out those of their node.
        num_cpus=cores if cores > 1 else 0,
        # A dead actor is replaced by the pool, and its leases are led by the ledger.
        max_restarts=0,
        max_task_retries=0,
        **({} if own_ray or cores == 1 else elsewhere),
    )(worker)


def options(avoided: Collection[str]) -> dict[str, Any]:
    """Give the options that keep an actor off some nodes, which are given by Ray's id."""
    if not avoided:
        return {}
    return {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(avoided))})"}}
