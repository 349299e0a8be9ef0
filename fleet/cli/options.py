"""The options that name a job, the same for each command that takes a job."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from fleet.errors import UsageError
from fleet.job.job import Job
from fleet.job.job_file import load_job, packaged_job, parse_override

Own = ParamSpec("Own")

JOB, INPUTS, SAMPLING, DEVICES, OUTPUT = "Job", "Inputs", "Sampling", "Devices", "Output"
"""The panels of the help."""

JobFile = Annotated[
    Path | None, typer.Argument(metavar="[JOB.toml]", help="A job file; default: detect.")
]
Model = Annotated[
    str | None, typer.Option(help="A compiled model (.om), or an ONNX file.", rich_help_panel=JOB)
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value for any field; repeatable.", rich_help_panel=JOB),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(help="A video, folder or glob; repeatable.", rich_help_panel=INPUTS),
]
Include = Annotated[
    list[str] | None,
    typer.Option(help="Only videos that match this glob; repeatable.", rich_help_panel=INPUTS),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(help="No videos that match this glob; repeatable.", rich_help_panel=INPUTS),
]
ModifiedSince = Annotated[
    str | None,
    typer.Option(
        metavar="ISO", help="Only videos written since this date or time.", rich_help_panel=INPUTS
    ),
]
Fallback = Annotated[
    str | None,
    typer.Option(
        metavar="none|cpu",
        help="What decodes videos that the chip refuses: nothing, or the host.",
        rich_help_panel=INPUTS,
    ),
]
Streams = Annotated[
    str | None,
    typer.Option(
        metavar="all|first|N",
        help="Which video streams of a file: all, the one that players show, or one from 0.",
        rich_help_panel=INPUTS,
    ),
]
Sampling = Annotated[
    str | None,
    typer.Option(
        help="all, every=N, fps=X, keyframes; ,from_s=X ,to_s=X ,first=N", rich_help_panel=SAMPLING
    ),
]
Devices = Annotated[str | None, typer.Option(help="How many, or auto.", rich_help_panel=DEVICES)]
MaxDevices = Annotated[
    int | None,
    typer.Option(
        min=1, help="Ask a cluster that can grow for up to so many.", rich_help_panel=DEVICES
    ),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="With as few devices as end by then: 2h, 90min.",
        rich_help_panel=DEVICES,
    ),
]
Output = Annotated[str | None, typer.Option(help="Where the tables go.", rich_help_panel=OUTPUT)]
IndexCache = Annotated[
    str | None,
    typer.Option(
        help="Where videos' indexes are kept; default: OUTPUT/_index.", rich_help_panel=OUTPUT
    ),
]
PricePerDeviceHour = Annotated[float | None, typer.Option(min=0, help="In any currency.")]

_FIELDS: Mapping[str, Any] = {
    "model": Model,
    "input": Inputs,
    "include": Include,
    "exclude": Exclude,
    "modified_since": ModifiedSince,
    "fallback": Fallback,
    "streams": Streams,
    "sample": Sampling,
    "devices": Devices,
    "max_devices": MaxDevices,
    "deadline": Deadline,
    "output": Output,
    "index_cache": IndexCache,
}
"""Field of the job file, or parameter of the job class -> its option."""


@dataclass(frozen=True)
class JobOptions:
    """The job that a command line names."""

    job_file: Path | None = None
    """The job file that is named; None for that of `detect`, which comes with Fleet."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Field -> the value that replaces that of the job file; only fields that are given."""

    @property
    def path(self) -> Path:
        """The path of the job file."""
        return self.job_file or packaged_job("detect.toml")

    @property
    def is_empty(self) -> bool:
        """Return whether the command line says nothing about a job."""
        return self.job_file is None and not self.overrides

    def load(self, soc: str | None = None) -> Job:
        """Return the job, on another chip if `soc` names one; raises as load_job does."""
        return load_job(self.path, {**self.overrides, **({"soc": soc} if soc else {})})


def job_options(
    without: Collection[str] = (),
) -> Callable[[Callable[Concatenate[JobOptions, Own], None]], Callable[..., None]]:
    """Add the job file and the options of a job's fields to a command, which gets JobOptions.

    The command's first parameter takes them; its others stay options, after those of the job.
    `without`: fields that the command has no option for.
    """
    names = [name for name in _FIELDS if name not in without]

    def decorate(command: Callable[Concatenate[JobOptions, Own], None]) -> Callable[..., None]:
        @wraps(command)
        def with_options(
            job_file: Path | None = None, settings: list[str] | None = None, **given: Any
        ) -> None:
            overrides = read_overrides(settings, {name: given.pop(name) for name in names})
            command(JobOptions(job_file, overrides), **given)  # type: ignore[call-arg]

        # Typer asks a function for its signature, and reads the options from there.
        signature = _signature(command, names)
        with_options.__signature__ = signature  # type: ignore[attr-defined]
        with_options.__annotations__ = {
            name: parameter.annotation for name, parameter in signature.parameters.items()
        }
        return with_options

    return decorate


def _signature(command: Callable[..., None], names: Collection[str]) -> inspect.Signature:
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    options = {**{name: _FIELDS[name] for name in names}, "settings": Settings}
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter("job_file", positional, default=None, annotation=JobFile),
            *(
                inspect.Parameter(name, keyword, default=None, annotation=option)
                for name, option in options.items()
            ),
            *own,
        ]
    )


def read_overrides(settings: list[str] | None, named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a job's fields that options set; None in `named` means not given.

    `settings`: of --set. `named`: field -> the value of its own option.
    """
    found = dict(parse_override(text) for text in settings or [])
    return found | {key: value for key, value in named.items() if value is not None}


def seconds(text: str, option: str) -> Fraction:
    """Return the seconds of an option, exactly; raise UsageError where it is no number."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        message = f"{option} {text} is no number of seconds."
        raise UsageError(message, "Write it as 12 or 12.5.") from None
