"""Train the street detector: python jobs/train_street.py jobs/train_street.toml."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_FAILED, EXIT_USAGE
from fleet.errors import FleetError, UsageError
from fleet.job.job_file import parse_override

NEEDED = ("torch", "cv2", "pycocotools")


def check_installed() -> None:
    """Raise UsageError where a package is missing that only training needs."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"Training needs packages that are not installed ({', '.join(missing)}).",
            "Install them with: pip install 'ascend-fleet[train]'.",
        )


def main(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for any field; repeatable.")
    ] = None,
) -> None:
    """Render the streets, train, validate and export; the same command again goes on."""
    check_installed()
    # PyTorch is an extra: without it the sentence above is all that happens.
    from fleet.train.job import train_street  # noqa: PLC0415
    from fleet.train.plan import read_plan  # noqa: PLC0415

    plan = read_plan(job_file, dict(parse_override(text) for text in settings or []))
    started_s = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - started_s:8.1f} s  {text}")
        sys.stdout.flush()

    train_street(plan, say)


if __name__ == "__main__":
    try:
        typer.run(main)
    except FleetError as error:
        typer.echo(f"train_street: {error}", err=True)
        sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED)
