"""The `fleet` command: one module a subcommand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import fleet
from fleet.cli.chaos import chaos
from fleet.cli.codes import EXIT_FAILED, EXIT_USAGE
from fleet.cli.compact import compact
from fleet.cli.compile import compile_command
from fleet.cli.demo import demo
from fleet.cli.evaluate import evaluate
from fleet.cli.index import index_videos
from fleet.cli.plan import plan
from fleet.cli.requeue import requeue
from fleet.cli.run import run
from fleet.cli.show import show
from fleet.cli.simulate import simulate
from fleet.cli.status import status
from fleet.cli.stop import stop
from fleet.cli.submit import submit
from fleet.cli.top import top
from fleet.cli.verify import verify
from fleet.errors import FleetError, JobFailed, UsageError
from fleet.street.command import street

app = typer.Typer(
    name="fleet",
    help="Run a detector over an archive of videos, into one exact Parquet table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fleet {fleet.__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run a detector over an archive of videos, into one exact Parquet table."""
    del version


app.command("run")(run)
app.command("submit")(submit)
app.command("stop")(stop)
app.command("plan")(plan)
app.command("simulate")(simulate)
app.command("status")(status)
app.command("top")(top)
app.command("verify")(verify)
app.command("requeue")(requeue)
app.command("compact")(compact)
app.command("index")(index_videos)
app.command("compile")(compile_command)
app.command("eval")(evaluate)
app.command("show")(show)
app.command("demo")(demo)
app.command("chaos")(chaos)
app.command("street")(street)


def main() -> None:
    """Run the command; errors of ours are a paragraph on stderr, never a traceback."""
    try:
        app()
    except FleetError as error:
        sys.exit(complain(error))


def complain(error: FleetError) -> int:
    """Say what is wrong on stderr; gives the exit code."""
    kind = "the job failed" if isinstance(error, JobFailed) else "error"
    print(f"fleet: {kind}: {error}", file=sys.stderr)  # noqa: T201 - this is the command's voice
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
