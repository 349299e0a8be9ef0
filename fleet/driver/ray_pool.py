"""Devices as Ray actors, one each, with `{"NPU": 1}`; the only file that imports Ray."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import ActorDiedError, RayError, RayTaskError

from fleet.driver.events import (
    Assign,
    Cause,
    DeviceJoined,
    DeviceLost,
    Event,
    LeaseDone,
    LeaseFailed,
)
from fleet.driver.ray_death import why
from fleet.driver.watchdog import Watchdog
from fleet.errors import FleetError, JobFailed
from fleet.job_code import LOADED_PREFIX
from fleet.memory_limit import limit_memory
from fleet.plan.order import LeaseOrder
from fleet.worker.fault import Fault
from fleet.worker.receipt import Receipt
from fleet.worker.spec import Progress, WorkerSpec
from fleet.worker.worker import Worker

START_ATTEMPTS = 3
"""Replacements in a row that may fail to start before the run is given up."""
ASK_EVERY_S = 0.5
"""How often devices are asked how far they are: each answer costs a millisecond of theirs."""
OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Pixels never cross Ray: leases and receipts are small."""


class DeviceActor(Worker):
    """A worker whose control calls are answered while it runs a lease."""

    def open(self) -> Progress:
        """See Worker; in a process of its own, memory is limited."""
        limit_memory(self._spec.memory_bytes)
        return super().open()

    @ray.method(concurrency_group="control")
    def prefetch(self, order: LeaseOrder) -> None:  # type: ignore[override]  # Ray wraps methods
        """See Worker."""
        super().prefetch(order)

    @ray.method(concurrency_group="control")
    def progress(self) -> Progress:  # type: ignore[override]  # Ray wraps methods
        """See Worker."""
        return super().progress()


def join_ray() -> int | None:
    """Connect to the cluster that RAY_ADDRESS names, or that this process is connected to.

    Gives how many NPUs it has; None where there is none to join. Raises JobFailed where it has no
    NPU, or cannot be reached.
    """
    _quiet()
    if not ray.is_initialized():
        if not os.environ.get("RAY_ADDRESS"):
            return None
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        except ConnectionError as error:
            message = f"The Ray cluster at {os.environ['RAY_ADDRESS']} cannot be joined: {error}"
            raise JobFailed(message) from error
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    available = int(resources.get("NPU", 0))
    if not available:
        raise JobFailed(
            "The Ray cluster has no NPU.", "Start its nodes with --resources='{\"NPU\": 1}'."
        )
    return available


def start_ray(devices: int) -> None:
    """Start Ray on this machine, with `devices` NPUs."""
    _quiet()
    ray.init(
        num_cpus=max(devices, len(os.sched_getaffinity(0))),
        resources={"NPU": devices},
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
        object_store_memory=OBJECT_STORE_BYTES,
    )


def _quiet() -> None:
    # Without Ascend's own library Ray's detection logs an error and a traceback, twice.
    logging.getLogger("ray._private.accelerators.npu").setLevel(logging.CRITICAL)


class RayPool:
    """One actor a device; a dead one is replaced, its leases go back to the ledger.

    The process must be connected to a cluster.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        _pickle_by_value(type(spec.work))
        self._spec = ray.put(spec)
        self._watchdog = Watchdog(spec.watchdog_s)
        self._gone: dict[str, tuple[str, Cause]] = {}
        # Ray's stubs do not know concurrency groups.
        remote: Any = ray.remote
        as_actor = remote(
            concurrency_groups={"control": 1},
            resources={"NPU": 1},
            # The NPU is what is scarce; the cores of a node are shared out by its devices.
            num_cpus=0,
            # A dead actor is replaced here, and its leases are led by the ledger.
            max_restarts=0,
            max_task_retries=0,
        )
        self._actor_class = as_actor(DeviceActor)
        self._actors: dict[str, Any] = {}
        self._starting: dict[Any, str] = {}
        self._running: dict[Any, Assign] = {}
        self._asked: dict[Any, str] = {}
        self._last_asked_s = 0.0
        self._failed_starts = 0
        self._numbers = count()

    def want(self, devices: int) -> None:
        """Start actors until there are so many."""
        for _ in range(len(self._actors), devices):
            self._start()

    def _start(self) -> None:
        number = next(self._numbers)
        device = f"npu/{number}"
        actor = self._actor_class.remote(self._spec, device, number)
        self._actors[device] = actor
        self._starting[actor.open.remote()] = device

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Send a lease; its bytes are fetched at once, it runs when the one before has ended."""
        actor = self._actors.get(command.device)
        if actor is None:
            return
        if any(held.device == command.device for held in self._running.values()):
            actor.prefetch.remote(order)
        self._running[actor.run.remote(order)] = command

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for devices to come, to answer or to die."""
        waiting = [*self._starting, *self._running]
        ready, _ = ray.wait(waiting, num_returns=1, timeout=timeout_s, fetch_local=False)
        if ready:
            # Whatever else is ready by now is taken in the same turn.
            ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0, fetch_local=False)
        # In the order they were given: what a device had ended before it died is heard of first.
        heard = set(ready)
        events = [
            event for reference in waiting if reference in heard for event in self._take(reference)
        ]
        gone, self._gone = self._gone, {}
        for device, (reason, cause) in gone.items():
            events += self._lose(device, reason, cause)
        return events

    def _take(self, reference: Any) -> list[Event]:
        if reference in self._starting:
            return self._take_start(self._starting.pop(reference), reference)
        command = self._running.pop(reference, None)
        if command is None:
            return []
        try:
            outcome: Receipt | Fault = ray.get(reference)
        except RayTaskError as error:
            raise _cause(error) from error
        except RayError as error:
            # Died, cut off, killed for memory: each has a class of its own, and one remedy.
            return self._lose(command.device, *why(error))
        if isinstance(outcome, Fault):
            return [LeaseFailed(command.device, command.lease, outcome)]
        return [LeaseDone(command.device, command.lease, outcome)]

    def _take_start(self, device: str, reference: Any) -> list[Event]:
        try:
            ray.get(reference)
        except RayTaskError as error:
            raise _cause(error) from error
        except RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= START_ATTEMPTS:
                message = f"No device could be started in {START_ATTEMPTS} attempts: {error}"
                raise JobFailed(message) from error
            del self._actors[device]
            self._start()
            return []
        self._failed_starts = 0
        return [DeviceJoined(device)]

    def _lose(self, device: str, reason: str, cause: Cause) -> list[Event]:
        actor = self._actors.pop(device, None)
        if actor is None:
            return []
        # It may be cut off rather than dead: what it holds goes to others, so it must end. This
        # ends one that holds the GIL too, and one that is stopped (by SIGKILL, after 5 s).
        ray.kill(actor)
        self._watchdog.forget(device)
        self._running = {r: c for r, c in self._running.items() if c.device != device}
        self._asked = {r: d for r, d in self._asked.items() if d != device}
        self._start()
        return [DeviceLost(device, reason, cause)]

    def progress(self) -> list[Progress]:
        """Tell what is newly heard of the devices; they are asked every ASK_EVERY_S."""
        now_s = time.monotonic()
        if now_s - self._last_asked_s < ASK_EVERY_S:
            return []
        self._last_asked_s = now_s
        answered, waiting = self._answers()
        for progress in answered:
            self._watchdog.hear(progress)
        for device, silence_s in self._watchdog.silent(now_s).items():
            self._gone[device] = (f"{silence_s:.0f} s of silence", Cause.SILENT)
        self._asked = {reference: self._asked[reference] for reference in waiting}
        silent = set(self._asked.values()) | set(self._starting.values())
        for device, actor in self._actors.items():
            if device not in silent:
                self._asked[actor.progress.remote()] = device
                self._watchdog.ask(device, now_s)
        return answered

    def _answers(self) -> tuple[list[Progress], list[Any]]:
        if not self._asked:
            return [], []
        asked = list(self._asked)
        ready, waiting = ray.wait(asked, num_returns=len(asked), timeout=0, fetch_local=False)
        answers = []
        for reference in ready:
            try:
                answers.append(ray.get(reference))
            except ActorDiedError as error:
                # It may have held no lease, which would tell of it.
                self._gone[self._asked[reference]] = why(error)
            except RayError:
                # It cannot be reached just now: the watchdog waits for it to be heard again.
                continue
        return answers, waiting

    def close(self) -> None:
        """End all actors; the Ray that this process started or joined goes on."""
        for actor in self._actors.values():
            ray.kill(actor)
        self._actors.clear()


@contextmanager
def ray_left_as_found() -> Iterator[None]:
    """Leave the cluster at the end, and end it where it was started meanwhile."""
    was_there = ray.is_initialized()
    try:
        yield
    finally:
        if not was_there:
            ray.shutdown()


def _pickle_by_value(job_class: type) -> None:
    """Make a job's module travel with the job where workers cannot import it."""
    module = sys.modules[job_class.__module__]
    if module.__name__.startswith(LOADED_PREFIX):
        cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]


def _cause(error: RayTaskError) -> BaseException:
    cause = error.cause
    return cause if isinstance(cause, FleetError) else JobFailed(f"A device failed: {error}")
