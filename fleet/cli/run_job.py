"""What `fleet run` does once its job is loaded: run it, and tell how it went."""

from __future__ import annotations

import os
from collections.abc import Mapping

import typer

from fleet.cli.codes import EXIT_FAILED
from fleet.driver.api import run_with
from fleet.driver.retry import retry_of
from fleet.executors.processes.starts import ProcessStarts
from fleet.job.job import Job
from fleet.storage.credentials import s3_access
from fleet.text import one_line
from fleet.views.clean_console import CleanConsole
from fleet.views.live import show_progress
from fleet.views.summary import render
from fleet.views.typed import started_as


def run_job(
    job: Job,
    starts: ProcessStarts,
    *,
    join: bool,
    retry: Mapping[str, bool],
    with_report: bool,
) -> int:
    """Run a job, print its summary, and return the exit code.

    `starts`: what processes come from; some have begun. `retry`: what is done again, of `failed`
    and `lost`. `with_report`: whether the page is put beside the tables.
    """
    try:
        with show_progress(CleanConsole(stderr=True)) as observer:
            again = retry_of(**retry)
            report = run_with(job, job.on, observer, join=join, retry=again, starts=starts)
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
