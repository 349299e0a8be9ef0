"""`fleet run`: a job over videos."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_ERRORS, EXIT_FAILED
from fleet.cli.options import DEVICES, JobOptions, job_options
from fleet.cli.retry import RetryFailed, RetryLost
from fleet.errors import UsageError
from fleet.job.job import Job
from fleet.loading import loading
from fleet.text import one_line
from fleet.views.clean_console import CleanConsole
from fleet.views.live import show_progress
from fleet.views.summary import render
from fleet.views.typed import started_as


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
    code = _run(options.load(), join=join, retry=retry, with_report=report)
    raise typer.Exit(0 if accept_errors and code == EXIT_ERRORS else code)


def _run(job: Job, *, join: bool, retry: Mapping[str, bool], with_report: bool) -> int:
    # The driver takes a second to import, and a mistyped option is to be reported at once.
    with loading():
        from fleet.driver.api import run as run_job  # noqa: PLC0415
        from fleet.storage.credentials import s3_access  # noqa: PLC0415 - likewise

    try:
        with show_progress(CleanConsole(stderr=True)) as observer:
            report = run_job(
                job,
                observer=observer,
                join=join,
                retry_failed=retry["failed"],
                retry_lost=retry["lost"],
            )
    except KeyboardInterrupt:
        way_out = "What is committed is kept; run the same command again to continue."
        typer.echo(f"fleet: interrupted. {way_out}", err=True)
        return EXIT_FAILED
    access = s3_access(report.output, os.environ)
    typer.echo(render(report, access, has_page=with_report, fleet=started_as()))
    if with_report:
        _put_report(report.output)
    return report.exit_code


def _put_report(output: str) -> None:
    """Put the report beside the tables, or print in a line why there is none.

    The job is as whole as it was before, so that nothing which happens here fails it.
    """
    from fleet.report.build import Asked, put_report  # noqa: PLC0415 - it loads a template engine

    try:
        typer.echo(f"\nLook at it: {put_report(Asked(output))}")
    except KeyboardInterrupt:
        _no_report("interrupted")
    except Exception as error:  # noqa: BLE001 - the edge of the process; the rows are committed
        _no_report(f"{type(error).__name__}: {error}")


def _no_report(why: str) -> None:
    typer.echo(f"fleet: no report was made of it: {one_line(why)}", err=True)
