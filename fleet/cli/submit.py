"""`fleet submit`: send a job to a cluster, and follow it there."""

from __future__ import annotations

import os
import shlex
import socket
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet.cli.codes import EXIT_FAILED
from fleet.cli.options import JobOptions, job_options
from fleet.cli.retry import RetryFailed, RetryLostToo
from fleet.core.format import duration
from fleet.driver.target.identity import identify
from fleet.errors import JobFailedError, OutputBusyError, StorageError, UsageError
from fleet.executors.ray.access import exposures, no_device
from fleet.executors.ray.listed import who_starts
from fleet.job.job import Job
from fleet.job.job_file import job_from, read_fields
from fleet.storage.credentials import STORE_PLACES
from fleet.submit.keep import digest
from fleet.submit.package import Package, pack, pack_fleet
from fleet.submit.reachability import (
    check_address,
    has_relative_paths,
    is_here,
    may_be_here,
    paths_on_nodes,
    with_absolute_paths,
)
from fleet.submit.submission import Parcel, Submission
from fleet.submit.supervise import OF_RUN
from fleet.version import __version__
from fleet.views.typed import started_as

if TYPE_CHECKING:
    from fleet.submit.ray_jobs import Jobs

_OF_S3 = ("AWS_", "OBS_", "FLEET_S3_")
CLUSTER = "Cluster"
"""The panel of the help for the options that only this command has."""

Address = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS",
        metavar="URL",
        help="Dashboard.",
        rich_help_panel=CLUSTER,
    ),
]


@job_options()
def submit(
    options: JobOptions,
    *,
    address: Address,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach",
            help="End once it is submitted.",
            rich_help_panel=CLUSTER,
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Put report.html into the output at the end.", rich_help_panel=CLUSTER
        ),
    ] = False,
    retry_failed: RetryFailed = False,
    retry_lost: RetryLostToo = False,
    pass_env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A variable of here, readable by all there; repeatable.",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    with_fleet: Annotated[
        bool,
        typer.Option(
            "--with-fleet/--without-fleet",
            help="Send this Fleet; else the nodes' own.",
            show_default="with",
            rich_help_panel=CLUSTER,
        ),
    ] = True,
) -> None:
    """Run a job on a cluster: send it, and follow what it prints until Ctrl-C.

    Models and the job's module go along. Exit code: `fleet run`'s; 0 with --detach.
    """
    address = check_address(address)
    for exposure in exposures(address, os.environ):
        _print(f"fleet: warning: {exposure}")
    options.check_model()
    job_file = options.path
    fields = _on_nodes(read_fields(job_file, options.overrides), address)
    job = job_from(fields, str(job_file), job_file.parent)
    if on_nodes := paths_on_nodes(job):
        listed = ", ".join(on_nodes)
        _print(f"Paths on the cluster's nodes, the same on each of them: {listed}")
    environment = _environment(pass_env or [])
    if left := left_behind(environment, os.environ):
        named = " ".join(f"--pass-env {name}" for name in left)
        _print(f"fleet: warning: keys travel, and where their store is does not: {named}")
    _check_models(job)
    with tempfile.TemporaryDirectory(prefix="fleet-submit-") as scratch:
        package = pack(job, fields, job_file, Path(scratch) / "job")
        sent_fleet = pack_fleet(Path(scratch) / "with") if with_fleet else None
        given = dict(zip(OF_RUN, (report, retry_failed, retry_lost), strict=True))
        asked = [option for option, is_given in given.items() if is_given]
        jobs, submission = _send(address, package, sent_fleet, environment, job, asked)
    if detach:
        _print(_what_then(jobs.address, submission, job.output))
        return
    raise typer.Exit(_follow(jobs, submission, job.output))


def _send(
    address: str,
    package: Package,
    sent_fleet: Path | None,
    environment: Mapping[str, str],
    job: Job,
    options: Sequence[str],
) -> tuple[Jobs, str]:
    # Ray's client takes seconds to import, and a mistyped option is to be reported at once.
    from fleet.submit.ray_jobs import Jobs  # noqa: PLC0415

    jobs = Jobs(address)
    refuse_in_use(jobs.all(), job.output, address)
    grows = job.max_devices or job.devices != "auto"
    seen = jobs.cluster() if grows else jobs.cluster_with_npus()
    if not (grows or seen.npus):
        raise no_device()
    own = [f"Fleet {__version__}"] if sent_fleet else []
    _print(f"Sending {', '.join([*package.names, *own])}")
    sent = digest([package.folder, *([sent_fleet.parent] if sent_fleet else [])])
    keep = ["exec", "python", "-m", "fleet.submit.keep", sent, package.job_file, *options]
    parcel = Parcel(
        folder=package.folder,
        fleet=sent_fleet,
        command=shlex.join(keep),
        environment=environment,
        job=package.job_file,
        output=job.output,
        who=who_starts(),
        labels=job.job_labels,
    )
    apart = seen.has_driver_nodes
    submission = jobs.submit(parcel, beside_head=not apart)
    _print(f"Submitted {submission}")
    beside = "Its driver runs beside the head, and ends with it."
    _print("Its driver runs on a node apart from the head." if apart else beside)
    return jobs, submission


def _check_models(job: Job) -> None:
    """Print what is read from the job's models; raises UsageError where a run would refuse them."""
    try:
        models = identify(job).straight
    except StorageError:
        # The nodes may reach a store that this machine does not: the run says what it finds there.
        return
    for model in models:
        _print(model.reading)


def _on_nodes(fields: dict[str, Any], address: str) -> dict[str, Any]:
    """Return a job's fields as the nodes are to read them; asks who they are where that matters."""
    if not (may_be_here(address) and has_relative_paths(fields)):
        return fields
    from fleet.submit.ray_jobs import Jobs  # noqa: PLC0415 - takes seconds to import

    here = is_here(Jobs(address).cluster().hosts, socket.gethostname())
    return with_absolute_paths(fields, Path.cwd()) if here else fields


def refuse_in_use(submissions: Sequence[Submission], output: str, address: str) -> None:
    """Raise OutputBusyError where a job of a cluster that has not ended writes to an output."""
    for other in submissions:
        # A slash at the end of a folder's name says nothing.
        if not other.over and other.output.rstrip("/") == output.rstrip("/"):
            since = duration(max(0.0, time.time() - other.since_unix_s))
            raise OutputBusyError(
                f"{output} is in use: {other.id} has been {other.state.lower()} for {since}.",
                f"{_how_it_ends(other, address)}; or take another --output.",
            )


def _how_it_ends(other: Submission, address: str) -> str:
    if other.has_joined:
        return f"It was not submitted: {other.way_to_end}"
    return (
        f"Follow it: fleet logs {other.id} --follow --address {address}; end it: "
        f"fleet stop {other.id} --address {address}"
    )


def _environment(names: Sequence[str]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise UsageError(f"--pass-env {missing[0]}: there is no such variable here.", "Set it.")
    return {name: os.environ[name] for name in names}


def left_behind(passed: Collection[str], environment: Mapping[str, str]) -> list[str]:
    """Return the variables that say where a store is, where keys are passed on without them."""
    if not any(name.startswith(_OF_S3) for name in passed):
        return []
    return [name for name in STORE_PLACES if environment.get(name) and name not in passed]


def _follow(jobs: Jobs, submission: str, output: str) -> int:
    try:
        return conclude(jobs.follow(submission, write))
    except KeyboardInterrupt:
        _print(f"\nfleet: {submission} goes on without being followed.")
        _print(_what_then(jobs.address, submission, output))
        return EXIT_FAILED


def conclude(ended: Submission) -> int:
    """Return the exit code of a submission; raises JobFailedError where it never ran."""
    if ended.exit_code is None and ended.state == "FAILED":
        raise JobFailedError(f"{ended.id} did not run: {ended.message}")
    if ended.state == "STOPPED":
        _print(f"fleet: {ended.id} was stopped. Submitted again, it goes on where it was.")
        return EXIT_FAILED
    return ended.exit_code or 0


def write(text: str) -> None:
    """Write what a job prints."""
    typer.echo(text, nl=False)


def _what_then(address: str, submission: str, output: str) -> str:
    fleet = started_as()
    return (
        f"  how it stands:  {fleet} status {shlex.quote(output)}\n"
        f"  what it prints: {fleet} logs --follow --address {address} {submission}\n"
        f"  stop it:        {fleet} stop --address {address} {submission}"
    )


def _print(text: str) -> None:
    typer.echo(text, err=True)
