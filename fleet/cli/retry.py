"""The options that say which losses of earlier runs are done again."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import VIDEOS

_ALL = "Do again all that errors/ lists."

RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Redo what the job's code failed on; --retry-lost: all.",
        rich_help_panel=VIDEOS,
    ),
]
RetryLost = Annotated[bool, typer.Option("--retry-lost", help=_ALL, rich_help_panel=VIDEOS)]
RetryLostToo = Annotated[bool, typer.Option("--retry-lost", help=_ALL, hidden=True)]
