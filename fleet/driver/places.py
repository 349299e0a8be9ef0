"""What a job works with where its devices live: on Ray, in processes, or in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from fleet.core.format import plural
from fleet.core.run_events import Warned
from fleet.driver.context import MakePool, Resources
from fleet.executors.choice import Mode, devices_here, devices_of_machine
from fleet.executors.pool import Pool
from fleet.executors.processes.pool import ProcessPool
from fleet.executors.processes.starts import ProcessStarts
from fleet.executors.ray.access import no_device, too_few_cores
from fleet.executors.starting_pool import StartingPool
from fleet.job.job import Job
from fleet.observe.observer import Observer
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.storage import Folder, canonical
from fleet.worker.spec import WorkerSpec

_RAY_STARTS = "Ray starts on this machine, which takes some seconds; the work is planned meanwhile."

_RAY_ENDS = "Ray is still starting, and is ended once it has started: that takes some seconds."


def has_cluster() -> bool:
    """Return whether a Ray cluster is named, or this process is connected to one."""
    ray = sys.modules.get("ray")  # who has not imported it is not connected
    return bool(os.environ.get("RAY_ADDRESS")) or bool(ray and ray.is_initialized())


@contextmanager
def working_on(
    job: Job, mode: Mode, observer: Observer, starts: ProcessStarts | None = None
) -> Iterator[tuple[Resources, Observer]]:
    """Yield what a job works with, and who is to be told in place of `observer`.

    `starts`: what processes of this machine come from, where some have begun already.
    Ray that was started for it ends with it. Raises JobFailedError for a cluster without an NPU.
    """
    if mode == "ray":
        with _on_ray(job, observer) as working:
            yield working
    else:
        yield inline(job) if mode == "inline" else processes(job, starts), observer


@contextmanager
def _on_ray(job: Job, observer: Observer) -> Iterator[tuple[Resources, Observer]]:
    """Work on the cluster that there is, else on a Ray that is started for it."""
    # Importing Ray takes half a second, and only here it is needed.
    from fleet.executors.ray.index_pool import RayIndexPool  # noqa: PLC0415
    from fleet.executors.ray.listed import Listed, who_starts  # noqa: PLC0415
    from fleet.executors.ray.metrics import ray_metrics  # noqa: PLC0415
    from fleet.executors.ray.nodes import room_for  # noqa: PLC0415
    from fleet.executors.ray.pool import RayPool  # noqa: PLC0415
    from fleet.executors.ray.session import join_ray, ray_left_as_found, start_ray  # noqa: PLC0415
    from fleet.executors.ray.sharing import Sharing  # noqa: PLC0415

    def start(spec: WorkerSpec) -> Pool:
        start_ray(_here(job), job.cores_per_device)
        return RayPool(spec)

    def starting(spec: WorkerSpec) -> StartingPool:
        observer.on_event(Warned(_RAY_STARTS))
        making = threads.submit(start, spec)
        return StartingPool(making, lambda: observer.on_event(Warned(_RAY_ENDS)))

    def joined(spec: WorkerSpec) -> RayPool:
        sharing = Sharing(job.weight, grows=_most(job) is not None)
        try:
            return RayPool(spec, sharing=sharing)
        except BaseException:
            sharing.close()
            raise

    # Ray's processes end with the thread that has started them: it outlives them.
    with ThreadPoolExecutor(1, thread_name_prefix="ray") as threads, ray_left_as_found():
        output = Folder(job.output).uri
        listed = Listed(type(job.work).__name__, output, who_starts(), job.job_labels)
        capacity = join_ray(listed)
        if capacity and job.cores_per_device > 1:
            capacity = room_for(job.cores_per_device)
            if not (capacity or job.max_devices):
                raise too_few_cores(job.cores_per_device)
        means = _here_alone(job, starting) if capacity is None else _cluster(job, joined, capacity)
        if capacity is not None and _is_index_reached(job):
            means = replace(means, make_index_pool=RayIndexPool)
        with ray_metrics(observer, on=capacity is not None) as counting:
            yield means, counting


def _is_index_reached(job: Job) -> bool:
    """Return whether the machines of a cluster reach the indexes that are kept, as the output."""
    places = [canonical(place) for place in (job.index_cache, job.output) if place]
    return len({"://" in place for place in places}) == 1


def _cluster(job: Job, make_pool: MakePool, capacity: int) -> Resources:
    """Return what a run on a cluster works with; raises JobFailedError where it has no NPU."""
    most = _most(job)
    if not (most or capacity):
        raise no_device()
    limits = Limits(most=most, deadline_s=job.deadline_s, releases=True)
    return Resources(most or capacity, make_pool, limits)


def _most(job: Job) -> int | None:
    """Return how many devices a run on a cluster may have; None: as many as there are."""
    return job.max_devices or (None if job.devices == "auto" else job.devices)


def inline(job: Job) -> Resources:
    """Return what a run in this process works with."""
    # All that works beside a device comes with it, of which no other driver has a use.
    from fleet.executors.inline import InlinePool  # noqa: PLC0415

    # They take turns in one thread: none can help another out.
    alone = SchedulingPolicy(backups=False, rest_s=0.0)
    devices = 1 if job.devices == "auto" else job.devices
    return Resources(devices, InlinePool, Limits(most=devices), alone)


def processes(job: Job, starts: ProcessStarts | None = None) -> Resources:
    """Return what a run in processes of this machine works with; `starts`: see `working_on`."""
    devices, shares = _here(job), _shares_cores(job)
    pool = partial(ProcessPool, most=devices, cores=devices if shares else 0, starts=starts)
    return replace(_here_alone(job, pool), shares_cores=shares)


def _shares_cores(job: Job) -> bool:
    """Return whether cores that no device has work for go to those that have."""
    # Who says how many devices, or wants few of them, may have other plans for the cores.
    return job.devices == "auto" and job.cores_per_device == 1 and job.deadline_s is None


def _here_alone(job: Job, make_pool: MakePool) -> Resources:
    """Return what a run on this machine alone works with."""
    devices = _here(job)
    return Resources(devices, make_pool, Limits(most=devices, deadline_s=job.deadline_s))


def _here(job: Job) -> int:
    """Return how many devices a run on this machine alone has."""
    asked = None if job.devices == "auto" else job.devices
    cores = len(os.sched_getaffinity(0))
    return devices_here(asked, job.max_devices, cores, job.cores_per_device)


def sizing(job: Job, mode: Mode) -> str:
    """Return how many devices of how many cores were chosen, and why; empty where none were.

    Where the user asked for several cores a device: whether they are more than this machine has.
    """
    if mode != "processes":
        return ""
    cores, each = len(os.sched_getaffinity(0)), job.cores_per_device
    devices = _here(job)
    of = f"{plural(devices, 'device')} of {plural(each, 'core')}{' each' if devices > 1 else ''}"
    if job.devices != "auto":
        too_many = each > 1 and devices * each > cores
        return f"{of}, more than the {plural(cores, 'core')} of this machine" if too_many else ""
    if devices < devices_of_machine(cores, each):
        return f"{of}, as max_devices says"
    return f"{of}, as this machine has {plural(cores, 'core')}"


def planned_sizing(job: Job, mode: Mode, leases: int) -> str:
    """Return what `sizing` will tell of a run of so many leases, and what is known of it before.

    Empty where the job says how far a cluster may grow: the run may be meant for one.
    """
    told = "" if job.max_devices else sizing(job, mode)
    if told and _shares_cores(job) and 0 < leases < _here(job):
        return f"{told}; cores without a lease decode ahead for the others"
    return told
