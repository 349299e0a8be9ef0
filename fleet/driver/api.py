"""`fleet.run`: a job, run as the command runs it, from a script or a notebook."""

from __future__ import annotations

import os
from typing import Literal

from fleet.driver.inline_pool import InlinePool
from fleet.driver.ray_pool import RayPool, join_ray, ray_left_as_found, start_ray
from fleet.driver.run import run_job
from fleet.job import Job
from fleet.observe.events import Observer, RunEvent
from fleet.observe.report import RunReport
from fleet.worker.spec import WorkerSpec


class Silent:
    """An observer that takes no note."""

    def see(self, event: RunEvent) -> None:
        """Do nothing."""


def run(
    job: Job,
    *,
    on: Literal["ray", "inline"] = "ray",
    observer: Observer | None = None,
    join: bool = False,
) -> RunReport:
    """Run a job to its end and report.

    `on`: ray uses the cluster that RAY_ADDRESS names or this process is connected to, else starts
    Ray on this machine for as long as the run lasts; inline runs all devices in this process, one
    after the other, for debugging. `observer` sees what happens. `join`: share the work with a run
    that is at it, rather than be refused. Raises UsageError before anything
    runs, JobFailed where it cannot go on.
    """
    observer = observer or Silent()
    asked = None if job.devices == "auto" else job.devices
    if on == "inline":
        return run_job(job, asked or 1, InlinePool, observer, join=join)
    with ray_left_as_found():
        there = join_ray()
        devices = asked or there or len(os.sched_getaffinity(0))

        def make_pool(spec: WorkerSpec) -> RayPool:
            if there is None:
                start_ray(devices)
            return RayPool(spec)

        return run_job(job, devices, make_pool, observer, join=join)
