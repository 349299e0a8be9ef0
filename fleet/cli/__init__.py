"""The `fleet` command; each subcommand is a module."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_FAILED, EXIT_USAGE
from fleet.cli.lazy import HOMES, LazyCommands
from fleet.errors import FleetError, JobCodeError, JobFailedError, UsageError
from fleet.version import __version__
from fleet.views.clean_stream import clean_output
from fleet.views.standard_streams import standard_streams
from fleet.views.typed import USUAL, as_typed, remember, started_as, words_of

_BY_CTRL_C = 130
"""What Typer ends with by Ctrl-C, wherever the command is."""

_COMPLETION = "_FLEET_COMPLETE"
"""The variable by which a shell asks how a word goes on."""

app = typer.Typer(
    name="fleet",
    cls=LazyCommands,
    help="Run a detector over an archive of videos, into one exact Parquet table.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fleet {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run a detector over an archive of videos, into one exact Parquet table."""
    del version


def main() -> None:
    """Run the command; an error of ours is a paragraph on stderr, not a traceback."""
    with standard_streams():
        try:
            _run()
        finally:
            # Python dies of SIGINT where Ctrl-C met it in code made of text, as of dataclasses,
            # whoever has dealt with that since. More code made of text has it forget that.
            exec("")  # noqa: S102


def _run() -> None:
    on_path = shutil.which(USUAL)
    here = on_path is not None and Path(on_path).resolve() == Path(sys.argv[0]).resolve()
    remember(words_of(sys.argv[0], sys.orig_argv, on_path=here))
    clean_output()
    try:
        app(prog_name=None if _is_completed() else started_as())
    except FleetError as error:
        sys.exit(complain(error))
    except UnicodeEncodeError as error:
        # Whatever meets a path: a folder, a job file, a module.
        if error.encoding != sys.getfilesystemencoding():
            raise
        sys.exit(complain(_unnameable(error)))
    except FileNotFoundError:
        # Whatever asks for it: a relative path, or a process that is started.
        if _has_folder():
            raise
        message = "The current folder is there no more."
        sys.exit(complain(UsageError(message, "Change to another one, as by: cd")))
    except SystemExit as end:
        if end.code != _BY_CTRL_C:
            raise
        print("fleet: interrupted.", file=sys.stderr)  # noqa: T201 - this is the command's voice
        sys.exit(EXIT_FAILED)


def _has_folder() -> bool:
    try:
        return bool(os.getcwd())  # noqa: PTH109 - nothing is made of it
    except FileNotFoundError:
        return False


def _is_completed() -> bool:
    """Return whether a shell's completion is asked for, which goes by the name of the program."""
    asked = {"--install-completion", "--show-completion", _COMPLETION}
    return not asked.isdisjoint({*sys.argv[1:], *os.environ})


def typed(way_out: str) -> str:
    """Return the way out of an error with commands as the user has started this one."""
    return as_typed(way_out, started_as(), tuple(HOMES))


def _unnameable(error: UnicodeEncodeError) -> UsageError:
    from fleet.storage.error_mapping import UTF8  # noqa: PLC0415 - as below

    letters = error.object[error.start : error.end]
    return UsageError(f"No file can be named by {letters!r}: {error.reason}.", UTF8)


def complain(error: FleetError) -> int:
    """Write what is wrong to stderr and return the exit code."""
    from fleet.storage import redact  # noqa: PLC0415 - takes a while, and most commands succeed

    kind = "the job failed" if isinstance(error, JobFailedError) else "error"
    # What other programs say, such as Ray, may repeat a token.
    said = str(error)
    if error.way_out:
        before, way_out, behind = said.rpartition(error.way_out)
        said = f"{before}{typed(way_out)}{behind}"
    lines = [f"fleet: {kind}: {said}"]
    if isinstance(error, JobCodeError) and error.trace:
        lines.append(error.trace)
    if page := error.page:
        lines.append(str(page))
    print(redact("\n".join(lines)), file=sys.stderr)  # noqa: T201 - this is the command's voice
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
