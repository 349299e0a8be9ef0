"""`fleet compile --int8`: its options, and what is printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fleet.cli.output_folder import counting
from fleet.errors import ModelRefusedError, UsageError
from fleet.models.compiler.compile import Compiled
from fleet.quantise.request import CalibrationRequest

INT8 = "Int8"
"""The panel of the help."""
AsInt8 = Annotated[
    bool,
    typer.Option(
        "--int8",
        help="Quantise it; written where it is faster and as good.",
        rich_help_panel=INT8,
    ),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="URI", help="The videos whose frames it is calibrated on.", rich_help_panel=INT8
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Calibrate on so many, and compare on as many others; default: 200.",
        rich_help_panel=INT8,
    ),
]
Seed = Annotated[
    int | None, typer.Option(help="Of the draw of frames; default: 0.", rich_help_panel=INT8)
]
Truth = Annotated[
    str | None,
    typer.Option(
        metavar="URI", help="True boxes, as for `fleet eval`: AP counts too.", rich_help_panel=INT8
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Write it even if it is worse or slower.", rich_help_panel=INT8),
]
NEEDED = {"faster_coco_eval"}
"""What AP needs, of the extra [eval]."""


def read_request(
    calibrate: str | None,
    frames: int | None,
    seed: int | None,
    truth: str | None,
    *,
    int8: bool,
    force: bool,
) -> CalibrationRequest | None:
    """Return what is asked of a calibration, None where none is; raises UsageError for halves."""
    if not int8:
        given = {"--calibrate": calibrate, "--frames": frames, "--seed": seed, "--truth": truth}
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"{name} is for --int8 alone.", "Say --int8 too, or leave it.")
        if force:
            raise UsageError("--force is for --int8 alone.", "Say --int8 too, or leave it.")
        return None
    if calibrate is None:
        message = "--int8 needs frames to calibrate on, and no videos are named."
        raise UsageError(message, "Write --calibrate URI, as `fleet run --input` takes it.")
    asked = {"frames": frames, "seed": seed}
    known = {name: value for name, value in asked.items() if value is not None}
    return CalibrationRequest(calibrate, truth=truth, **known)


def compile_and_judge(
    onnx_bytes: bytes, request: CalibrationRequest, *, force: bool, **options: Any
) -> Compiled:
    """Compile a network in int8 and print how it does; `options`: see `compile_network`.

    Raises ModelRefusedError where it is worse or slower than in its own precision, unless `force`.
    """
    # Evaluation and devices take a second to import, and most networks are compiled without.
    from fleet.quantise.run import compile_int8  # noqa: PLC0415
    from fleet.views.models.quantise import RULE, render  # noqa: PLC0415

    try:
        with counting("frames looked at") as on_progress:
            made = compile_int8(onnx_bytes, request, on_progress, **options)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        raise UsageError(
            f"--truth needs {error.name}, which is not installed.",
            "Install the extra that brings it: pip install 'ascend-fleet[eval]'.",
        ) from error
    typer.echo(render(made.comparison))
    objections = made.comparison.objections()
    if objections and not force:
        message = f"{options['name']} is not written in int8: {'; '.join(objections)}."
        raise ModelRefusedError(message, f"{RULE} --force writes it all the same.")
    for objection in objections:
        typer.echo(f"  {'warning':<12}{objection}; it is written all the same")
    return made.compiled
