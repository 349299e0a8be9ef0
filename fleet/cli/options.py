"""The options that name a job, the same for `fleet run` and `fleet plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fleet.job.job_file import Job, load_job, parse_override
from fleet.version import PACKAGE

JobFile = Annotated[
    Path | None, typer.Argument(metavar="[JOB.toml]", help="A job file; default: detect.")
]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", help="A video, folder or glob; repeatable.")
]
Include = Annotated[
    list[str] | None, typer.Option(help="Only videos that match this glob; repeatable.")
]
Exclude = Annotated[
    list[str] | None, typer.Option(help="No videos that match this glob; repeatable.")
]
ModifiedSince = Annotated[
    str | None, typer.Option(metavar="ISO", help="Only videos written since this date or time.")
]
Model = Annotated[str | None, typer.Option(help="A compiled model (.om).")]
Output = Annotated[str | None, typer.Option(help="Where the tables go.")]
Sampling = Annotated[
    str | None, typer.Option(help="all, every=N, fps=X, keyframes; ,from_s=X ,to_s=X")
]
Devices = Annotated[str | None, typer.Option(help="How many, or auto.")]
MaxDevices = Annotated[
    int | None, typer.Option(min=1, help="Ask a cluster that can grow for up to so many.")
]
Deadline = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="With as few devices as end by then: 2h, 90min."),
]
IndexCache = Annotated[
    str | None, typer.Option(help="Where videos' indexes are kept; default: OUTPUT/_index.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="key=value for any field; repeatable.")
]


def read_job(job_file: Path | None, settings: list[str] | None, **named: Any) -> Job:
    """Load a job file, with what options say laid over it; None is what was not given."""
    return load_job(job_file or packaged_job("detect.toml"), overrides(settings, **named))


def overrides(settings: list[str] | None, **named: Any) -> dict[str, Any]:
    """Gather what options say about a job's fields; None is what was not given."""
    found = dict(parse_override(text) for text in settings or [])
    found.update({key: value for key, value in named.items() if value is not None})
    devices = found.get("devices")
    if isinstance(devices, str) and devices.isdecimal():
        found["devices"] = int(devices)
    return found


def packaged_job(name: str) -> Path:
    """Find a job file that comes with Fleet: inside the package, or beside it in a checkout."""
    package = PACKAGE
    inside = package / "jobs" / name
    return inside if inside.is_file() else package.parent / "jobs" / name
