"""`fleet.run`: run a job from a script or a notebook, as the command does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from fleet.driver.context import Resources
from fleet.driver.observers import NullObserver
from fleet.driver.report import RunReport
from fleet.driver.run import run_job
from fleet.errors import JobFailedError, UsageError
from fleet.executors.inline import InlinePool
from fleet.executors.ray.metrics import ray_metrics
from fleet.executors.ray.pool import RayPool
from fleet.executors.ray.session import join_ray, ray_left_as_found, start_ray
from fleet.executors.ray.sharing import Sharing
from fleet.job.job import Job
from fleet.job.job_file import load_job, packaged_job
from fleet.observe.observer import Observer
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.worker.spec import WorkerSpec


def run(
    job: Job | None = None,
    *,
    on: Literal["ray", "inline"] = "ray",
    observer: Observer | None = None,
    join: bool = False,
    **fields: Any,
) -> RunReport:
    """Run a job to its end and return a report.

    Without a job it finds objects, as `fleet run` does without a job file: `fields` are those of a
    job file or parameters of `detect`, such as input, model, output, sample and threshold.
    `on`: "ray" uses the cluster that RAY_ADDRESS names or this process is connected to, else it
    starts Ray on this machine until the run ends; "inline" runs all devices in this process, one
    after the other, for debugging. `observer` is called with each event of the run. `join`: share
    the work with a run that is on the same output already, which is refused otherwise.

    Raises UsageError before anything runs, JobFailedError where the run cannot go on.
    """
    if on not in {"ray", "inline"}:
        raise UsageError(f"A job does not run on {on!r}.", "Say ray or inline.")
    job = _job_of(job, fields)
    observer = observer or NullObserver()
    asked = None if job.devices == "auto" else job.devices
    if on == "inline":
        # They take turns in one thread: none can help another out.
        alone = SchedulingPolicy(backups=False, rest_s=0.0)
        means = Resources(asked or 1, InlinePool, Limits(most=asked or 1), alone)
        return run_job(job, means, observer, join=join)
    with ray_left_as_found():
        capacity = join_ray()
        means = _own(job, asked) if capacity is None else _cluster(job, asked, capacity)
        with ray_metrics(observer, on=capacity is not None) as counting:
            return run_job(job, means, counting, join=join)


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


def _own(job: Job, asked: int | None) -> Resources:
    """Return what a run on this machine alone works with."""
    devices = asked or job.max_devices or len(os.sched_getaffinity(0))

    def make_pool(spec: WorkerSpec) -> RayPool:
        start_ray(devices)
        return RayPool(spec)

    return Resources(devices, make_pool, Limits(most=devices, deadline_s=job.deadline_s))


def _cluster(job: Job, asked: int | None, capacity: int) -> Resources:
    """Return what a run on a cluster works with; raises JobFailedError where it has no NPU."""
    most = job.max_devices or asked
    if not (most or capacity):
        raise JobFailedError(
            "The Ray cluster has no NPU.",
            "Start its nodes with --resources='{\"NPU\": 1}'; or, where it can grow by itself, say "
            "how far: --max-devices N.",
        )
    limits = Limits(most=most, deadline_s=job.deadline_s, releases=True)

    def make_pool(spec: WorkerSpec) -> RayPool:
        return RayPool(spec, sharing=Sharing(job.weight, grows=most is not None))

    return Resources(most or capacity, make_pool, limits)
