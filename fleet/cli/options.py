"""The options that name a job, the same for each command that takes a job."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from fleet.errors import UsageError
from fleet.job.toml_text import packaged_job, parse_override, read_toml
from fleet.loading import loading

if TYPE_CHECKING:
    from fleet.job.job import Job

Own = ParamSpec("Own")

JOB, VIDEOS, DEVICES = "Job", "Which videos", "Devices"
"""The panels of the help."""

JobFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="JOB.toml",
        help="A job file.",
        show_default="detect, which is Fleet's",
        rich_help_panel=JOB,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A compiled model or an ONNX file.",
        show_default="the job's",
        rich_help_panel=JOB,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any field of a job file; repeatable.",
        rich_help_panel=JOB,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URI",
        help="Video, folder, glob; repeatable.",
        show_default="the job's",
        rich_help_panel=JOB,
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB", help="Only videos that match; repeatable.", rich_help_panel=VIDEOS
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="No videos that match; repeatable.", rich_help_panel=VIDEOS),
]
ModifiedSince = Annotated[
    str | None,
    typer.Option(
        metavar="ISO", help="Only videos written since this date or time.", rich_help_panel=VIDEOS
    ),
]
Fallback = Annotated[
    str | None,
    typer.Option(
        metavar="none|cpu",
        help="Who decodes what the chip refuses.",
        show_default="none",
        rich_help_panel=VIDEOS,
    ),
]
Streams = Annotated[
    str | None,
    typer.Option(
        metavar="all|first|N",
        help="Which streams of a file.",
        show_default="all",
        rich_help_panel=VIDEOS,
    ),
]
Sampling = Annotated[
    str | None,
    typer.Option(
        metavar="WHICH",
        help="all, every=N, fps=X or keyframes; then ,from_s=X ,to_s=X ,first=N.",
        show_default="the job's",
        rich_help_panel=JOB,
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="N|auto", help="How many work.", show_default="auto", rich_help_panel=DEVICES
    ),
]
CoresPerDevice = Annotated[
    int | None,
    typer.Option(
        metavar="1|2",
        help="With 2, each decodes while it computes.",
        show_default="the job's",
        rich_help_panel=DEVICES,
    ),
]
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
Weight = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Its share, beside other jobs there.",
        show_default="1",
        rich_help_panel=DEVICES,
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME=TEXT",
        help="Its name in lists, such as team=a; repeatable.",
        rich_help_panel=DEVICES,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        metavar="URI",
        help="The folder of the tables.",
        show_default="the job's",
        rich_help_panel=JOB,
    ),
]
IndexCache = Annotated[
    str | None,
    typer.Option(
        metavar="URI",
        help="Where indexes are kept.",
        show_default="OUTPUT/_index",
        rich_help_panel=VIDEOS,
    ),
]
PricePerDeviceHour = Annotated[
    float | None,
    typer.Option(min=0, metavar="X", help="Print a price too, in any currency."),
]

_FIELDS: Mapping[str, Any] = {
    "input": Inputs,
    "model": Model,
    "output": Output,
    "sample": Sampling,
    "devices": Devices,
    "cores_per_device": CoresPerDevice,
    "max_devices": MaxDevices,
    "deadline": Deadline,
    "weight": Weight,
    "job_labels": Labels,
    "include": Include,
    "exclude": Exclude,
    "modified_since": ModifiedSince,
    "fallback": Fallback,
    "streams": Streams,
    "index_cache": IndexCache,
}
"""Field of the job file, or parameter of the job class -> its option."""


_A_MODEL = (
    "Say --model FILE: a compiled model (.om), which `fleet compile` makes of an ONNX file, or "
    "such a file itself. Without a model of your own, `fleet demo` brings one."
)


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

    def with_field(self, name: str, value: object) -> JobOptions:
        """Return the same with a field of the job besides."""
        return replace(self, overrides={**self.overrides, name: value})

    def load(self, soc: str | None = None) -> Job:
        """Return the job, on another chip if `soc` names one; raises as load_job does.

        Raises UsageError as `check_model` does.
        """
        # What checks a job takes a while to import, in which processes may begin.
        with loading():
            from fleet.job.job_file import load_job  # noqa: PLC0415

        self.check_model()
        return load_job(self.path, {**self.overrides, **({"soc": soc} if soc else {})})

    def check_model(self) -> None:
        """Raise UsageError where no model is named, and that of Fleet's own job is missing."""
        if self.job_file is None and not {"model", "params.model"} & set(self.overrides):
            usual = read_toml(self.path)["params"]["model"]
            if not Path(usual).exists():
                raise UsageError("No model is named.", _A_MODEL)


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
