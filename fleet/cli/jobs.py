"""`fleet jobs`: what runs and ran on a cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from fleet.cli.options import PricePerDeviceHour
from fleet.cli.output_folder import AsJson, print_list
from fleet.cli.submit import Address
from fleet.errors import FleetError, UsageError
from fleet.executors.ray.access import exposures
from fleet.storage import Folder
from fleet.submit.reachability import check_address
from fleet.submit.submission import Submission
from fleet.table.state.run_records import ENDED, RunRecord, RunRecords
from fleet.views.jobs import JobSeen, Progress, render

_SAME_S = 60.0
"""A job's run starts after the job, but the clocks of two nodes may differ by so much."""


def jobs(
    *,
    address: Address,
    running: Annotated[
        bool, typer.Option("--running", help="Only those that have not ended.")
    ] = False,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="Only those with this label; repeatable."),
    ] = None,
    price_per_device_hour: PricePerDeviceHour = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs that run and ran on a cluster: id, state, exit code, who, output, progress.

    Runs that joined it with RAY_ADDRESS are listed beside submitted jobs, the oldest first, with
    labels and the time of devices that they took. Progress and that time are read from the output,
    where it can be read from here. The cluster forgets its jobs when its head ends; outputs stay.
    """
    address = check_address(address)
    asked = _asked(label or [])
    for exposure in exposures(address, os.environ):
        typer.echo(f"fleet: warning: {exposure}", err=True)
    from fleet.submit.ray_jobs import Jobs  # noqa: PLC0415 - takes seconds to import

    found = [job for job in Jobs(address).all() if not (running and job.over)]
    seen = [_seen(job, price_per_device_hour) for job in found if _has(job.labels, asked)]
    if as_json:
        print_list(seen)
    elif not seen:
        typer.echo(_none(running=running, labelled=bool(asked)))
    else:
        typer.echo(render(seen, time.time()))


def _asked(labels: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in labels]
    for text, (name, equals, _) in zip(labels, pairs, strict=True):
        if not (name and equals):
            raise UsageError(f"--label {text} is no label.", "Write it as in --label team=a.")
    return [(name, value) for name, _, value in pairs]


def _has(labels: Mapping[str, str], asked: Sequence[tuple[str, str]]) -> bool:
    return all(labels.get(name) == value for name, value in asked)


def _none(*, running: bool, labelled: bool) -> str:
    if labelled:
        return "No job here has these labels."
    return "No job is running." if running else "No job of Fleet runs or ran on this cluster."


def _seen(job: Submission, price: float | None) -> JobSeen:
    records = _records(job)
    last = records[-1] if records and not job.over and not records[-1].is_over else None
    state = job.state.lower()
    if job.has_joined and job.over:
        # Ray does not know how it ended; the run itself does, unless it was killed.
        state = records[-1].state if records and records[-1].state in ENDED else "ended"
    device_s = sum(record.device_s for record in records) if records else None
    return JobSeen(
        id=job.id,
        state=state,
        joined=job.has_joined,
        job=job.job,
        output=job.output,
        who=job.who,
        since_unix_s=job.since_unix_s,
        ended_unix_s=job.ended_unix_s if job.over else None,
        exit_code=job.exit_code,
        progress=_progress(last) if last else None,
        labels=job.labels,
        share=last.share if last else None,
        device_s=device_s,
        price=None if price is None or device_s is None else price * device_s / 3600,
    )


def _progress(record: RunRecord) -> Progress:
    return Progress(
        record.done_frames,
        record.frames,
        record.frames_per_s,
        record.left_s,
        record.to_look,
        record.lists_on,
    )


def _records(job: Submission) -> list[RunRecord]:
    """Return what a job's runs say in its output; nothing where that cannot be read from here."""
    try:
        records = RunRecords(Folder(job.output)).read()
    except FleetError:  # it may be for the nodes alone
        return []
    # A job that was submitted again has run on the same output before. A run that joins does so
    # before it claims its output, and the one before it in its process is another run.
    since_s = job.since_unix_s - (0.0 if job.has_joined else _SAME_S)
    end_s = job.ended_unix_s or float("inf")
    its = [r for r in records if since_s <= r.holder.since_unix_s <= end_s]
    if not job.has_joined:
        return its
    # Several runs may have joined at the same time.
    return [r for r in its if r.holder.pid == job.joined_pid]
