"""`fleet.run`: run a job from a script or a notebook, as the command does."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from fleet.core.run_events import Warned
from fleet.driver.context import MakePool, Resources
from fleet.driver.observers import NullObserver
from fleet.driver.report import RunReport
from fleet.driver.run import run_job
from fleet.errors import UsageError
from fleet.executors.choice import choose
from fleet.executors.inline import InlinePool
from fleet.executors.pool import Pool
from fleet.executors.processes.pool import ProcessPool
from fleet.executors.ray.access import no_device
from fleet.executors.starting_pool import StartingPool
from fleet.job.fields import Place
from fleet.job.job import Job
from fleet.job.job_file import load_job, packaged_job
from fleet.observe.observer import Observer
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.storage import Folder
from fleet.worker.spec import WorkerSpec

_RAY_STARTS = "Ray starts on this machine, which takes some seconds; the work is planned meanwhile."


def run(
    job: Job | None = None,
    *,
    on: Place | None = None,
    observer: Observer | None = None,
    join: bool = False,
    **fields: Any,
) -> RunReport:
    """Run a job to its end and return a report.

    Without a job it finds objects, as `fleet run` does without a job file: `fields` are those of a
    job file or parameters of `detect`, such as input, model, output, sample and threshold.
    `on`: where devices live, None: where the job says, which unless it names a place is "auto": on
    the cluster that RAY_ADDRESS names, else in processes. "ray" uses the cluster that RAY_ADDRESS
    names or this process is connected to, else it starts Ray on this machine until the run ends;
    "processes" starts one process a device on this machine, without Ray; "inline" runs all devices
    in this process, one after the other, for debugging. `observer` is called with each event of the
    run. `join`: share the work with a run that is on the same output already, which is refused
    otherwise.

    Raises UsageError before anything runs, JobFailedError where the run cannot go on.
    """
    # No set: it may be anything, also what has no hash.
    if on not in (None, *get_args(Place)):
        raise UsageError(f"A job does not run on {on!r}.", "Say auto, ray, processes or inline.")
    job = _job_of(job, fields)
    observer = observer or NullObserver()
    choice = choose(on or job.on, has_cluster=_has_cluster())
    if choice.mode == "ray":
        report = _run_on_ray(job, observer, join=join)
    else:
        means = _inline(job) if choice.mode == "inline" else _processes(job)
        report = run_job(job, means, observer, join=join)
    return replace(report, ran_on=str(choice))


def _has_cluster() -> bool:
    """Return whether a Ray cluster is named, or this process is connected to one."""
    ray = sys.modules.get("ray")  # who has not imported it is not connected
    return bool(os.environ.get("RAY_ADDRESS")) or bool(ray and ray.is_initialized())


def _job_of(job: Job | None, fields: Mapping[str, Any]) -> Job:
    """Return the job, or that of the fields; raises UsageError for both and for neither."""
    if job is not None:
        if fields:
            listed = ", ".join(fields)
            raise UsageError(f"A job is given, and {listed} besides.", "Set that in the job.")
        return job
    if missing := [name for name in ("input", "model", "output") if name not in fields]:
        listed = ", ".join(missing)
        raise UsageError(f"There is no job, and no {listed}.", "Give a job, or all three.")
    return load_job(packaged_job("detect.toml"), fields)


def _run_on_ray(job: Job, observer: Observer, *, join: bool) -> RunReport:
    """Run a job on the cluster that there is, else on a Ray that is started for it."""
    # Importing Ray takes half a second, and only here it is needed.
    from fleet.executors.ray.listed import Listed, who_starts  # noqa: PLC0415
    from fleet.executors.ray.metrics import ray_metrics  # noqa: PLC0415
    from fleet.executors.ray.pool import RayPool  # noqa: PLC0415
    from fleet.executors.ray.session import join_ray, ray_left_as_found, start_ray  # noqa: PLC0415
    from fleet.executors.ray.sharing import Sharing  # noqa: PLC0415

    def start(spec: WorkerSpec) -> Pool:
        start_ray(_here(job))
        return RayPool(spec)

    def starting(spec: WorkerSpec) -> StartingPool:
        observer.on_event(Warned(_RAY_STARTS))
        return StartingPool(threads.submit(start, spec))

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
        means = _here_alone(job, starting) if capacity is None else _cluster(job, joined, capacity)
        with ray_metrics(observer, on=capacity is not None) as counting:
            return run_job(job, means, counting, join=join)


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


def _inline(job: Job) -> Resources:
    """Return what a run in this process works with."""
    # They take turns in one thread: none can help another out.
    alone = SchedulingPolicy(backups=False, rest_s=0.0)
    devices = 1 if job.devices == "auto" else job.devices
    return Resources(devices, InlinePool, Limits(most=devices), alone)


def _here(job: Job) -> int:
    """Return how many devices a run on this machine alone has."""
    if job.devices == "auto":
        # More than cores gain nothing: `max_devices` says how far a cluster is to grow.
        cores = len(os.sched_getaffinity(0))
        return min(job.max_devices or cores, cores)
    return job.devices


def _here_alone(job: Job, make_pool: MakePool) -> Resources:
    """Return what a run on this machine alone works with."""
    devices = _here(job)
    return Resources(devices, make_pool, Limits(most=devices, deadline_s=job.deadline_s))


def _processes(job: Job) -> Resources:
    """Return what a run in processes of this machine works with."""
    return _here_alone(job, partial(ProcessPool, most=_here(job)))
