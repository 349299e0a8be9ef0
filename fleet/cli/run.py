"""`fleet run`: a job over videos."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_ERRORS
from fleet.cli.options import DEVICES, JobOptions, job_options
from fleet.cli.retry import RetryFailed, RetryLost
from fleet.errors import FleetError, UsageError
from fleet.executors.early import early_devices
from fleet.executors.processes.starts import ProcessStarts
from fleet.job.toml_text import read_toml
from fleet.loading import loading
from fleet.table.state.success_name import SUCCESS_FILE


@job_options()
def run(
    options: JobOptions,
    *,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="ray, processes, inline, or auto.",
            show_default="the job's",
            rich_help_panel=DEVICES,
        ),
    ] = None,
    inline: Annotated[bool, typer.Option("--inline", help="As --on inline.", hidden=True)] = False,
    join: Annotated[
        bool,
        typer.Option(
            "--join", help="Share the work with a run on this output.", rich_help_panel=DEVICES
        ),
    ] = False,
    retry_failed: RetryFailed = False,
    retry_lost: RetryLost = False,
    accept_errors: Annotated[
        bool,
        typer.Option(
            "--accept-errors",
            help="End with 0, not 3, for schedulers that try again.",
            rich_help_panel=DEVICES,
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Put report.html into the output at the end.", rich_help_panel=DEVICES
        ),
    ] = False,
) -> None:
    """Run a job over videos.

    The same command again does only what is missing. Exit code: 0 all is there; 3 finished, with
    losses in errors/; 2 bad usage; 1 failed or interrupted.
    """
    # What evicts a run, such as systemd or Kubernetes, sends SIGTERM: it ends as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if inline and on not in {None, "inline"}:
        raise UsageError(f"--inline and --on {on} are two places.", "Say one.")
    if where := "inline" if inline else on:
        options = options.with_field("on", where)
    retry = {"failed": retry_failed, "lost": retry_lost}
    with _begun(options) as starts:
        job = options.load()
        # The driver takes a while to import, and a mistyped option is to be reported at once.
        with loading():
            from fleet.cli.run_job import run_job  # noqa: PLC0415
        code = run_job(job, starts, join=join, retry=retry, with_report=report)
    raise typer.Exit(0 if accept_errors and code == EXIT_ERRORS else code)


@contextmanager
def _begun(options: JobOptions) -> Iterator[ProcessStarts]:
    """Have the first processes begin, if the job as it is written says that it has any."""
    with closing(ProcessStarts()) as starts:
        # What is wrong with the job is told by who loads it.
        with suppress(FleetError, OSError):
            said = {**read_toml(options.path), **options.overrides}
            cores, has_cluster = len(os.sched_getaffinity(0)), bool(os.environ.get("RAY_ADDRESS"))
            if not _is_closed(str(said.get("output"))):
                starts.begin(early_devices(said, cores, has_cluster=has_cluster))
        yield starts


def _is_closed(output: str) -> bool:
    """Return whether an output of this machine is whole, so that mostly nothing is left to do."""
    return "://" not in output and (Path(output) / SUCCESS_FILE).exists()
