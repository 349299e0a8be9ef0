"""`fleet.run`: run a job from a script or a notebook, as the command does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from fleet.driver.observers import NullObserver
from fleet.driver.places import has_cluster, sizing, working_on
from fleet.driver.report import RunReport
from fleet.driver.retry import Retry, retry_of
from fleet.driver.run import run_job
from fleet.errors import UsageError
from fleet.executors.choice import choose
from fleet.executors.processes.starts import ProcessStarts
from fleet.job.as_loaded import check_as_loaded
from fleet.job.fields import Place
from fleet.job.job import Job
from fleet.job.job_file import load_job
from fleet.job.toml_text import packaged_job
from fleet.observe.observer import Observer


def run(
    job: Job | None = None,
    *,
    on: Place | None = None,
    observer: Observer | None = None,
    join: bool = False,
    retry_failed: bool = False,
    retry_lost: bool = False,
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
    otherwise. `retry_failed`: do again what the job's own code failed on in earlier runs, by the
    code as it is now; all other rows stay. `retry_lost`: do again all that they lost.

    Raises UsageError before anything runs, JobFailedError where the run cannot go on.
    """
    # No set: it may be anything, also what has no hash.
    if on not in (None, *get_args(Place)):
        raise UsageError(f"A job does not run on {on!r}.", "Say auto, ray, processes or inline.")
    job = _job_of(job, fields)
    retry = retry_of(failed=retry_failed, lost=retry_lost)
    return run_with(job, on or job.on, observer or NullObserver(), join=join, retry=retry)


def run_with(
    job: Job,
    on: Place,
    observer: Observer,
    *,
    join: bool,
    retry: Retry,
    starts: ProcessStarts | None = None,
) -> RunReport:
    """Run a job as `run` does; `starts`: what processes come from, where some have begun."""
    choice = choose(on, has_cluster=has_cluster())
    check_as_loaded(type(job.work), runs_here=choice.mode == "inline")
    with working_on(job, choice.mode, observer, starts) as (means, counting):
        report = run_job(job, means, counting, join=join, retry=retry)
    return replace(report, ran_on=str(choice), sized=sizing(job, choice.mode))


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
