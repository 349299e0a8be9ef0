"""`fleet train`: train the street detector, as on an Ascend 910 (simulated)."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from fleet.errors import UsageError
from fleet.job.toml_text import parse_override

NEEDED = ("torch", "cv2", "faster_coco_eval")
"""The packages that only training needs."""


def train(
    job_file: Annotated[
        Path, typer.Argument(metavar="JOB.toml", help="Such as jobs/train_street.toml.")
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for any field; repeatable.")
    ] = None,
) -> None:
    """Train the street detector: render streets, train, validate, export an ONNX network.

    The same command again continues from the last checkpoint.
    """
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


def check_installed() -> None:
    """Raise UsageError where a package is missing that only training needs."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"Training needs packages that are not installed ({', '.join(missing)}).",
            "Install them with: pip install 'ascend-fleet[train]'.",
        )
