"""`fleet infer`: run one compiled model on given data, and time it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import typer

from fleet.errors import UsageError
from fleet.infer.request import Fill, InferRequest, OutputFormat
from fleet.infer.run import infer
from fleet.views.models.infer import InferLog

_Word = TypeVar("_Word", OutputFormat, Fill)


def infer_command(
    model: Annotated[str, typer.Option(metavar="X.om", help="A compiled model.")],
    inputs: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE|DIR[,...]",
            help="A file a batch (.npy, or raw NV12 as AIPP takes it), or a folder of them; one "
            "for each input of the model.",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="The folder for the outputs; else none.")
    ] = None,
    outfmt: Annotated[str, typer.Option(metavar="TXT|BIN|NPY", help="Their form.")] = "BIN",
    loop: Annotated[int, typer.Option(help="How often each input is run.")] = 1,
    warmup: Annotated[int, typer.Option(help="How often before anything is timed.")] = 1,
    device: Annotated[int, typer.Option(help="The number of the simulated device.")] = 0,
    pure_data_type: Annotated[
        str, typer.Option(metavar="random|zero", help="What is fed where there is no --input.")
    ] = "random",
    dym_batch: Annotated[
        int | None, typer.Option(metavar="N", help="Which gear, of a model with several batches.")
    ] = None,
    debug: Annotated[bool, typer.Option(help="Describe the model's inputs and outputs.")] = False,
) -> None:
    """Run a compiled model on files of numbers and time it, as msame and ais_bench do.

    Times are measured on this machine, on one thread; what a chip would take is modelled.
    """
    request = InferRequest(
        model=model,
        inputs=tuple(inputs.split(",")) if inputs is not None else (),
        output=output,
        outfmt=read_word(OutputFormat, "--outfmt", outfmt),
        loop=loop,
        warmup=warmup,
        device=device,
        batch=dym_batch,
        fill=read_word(Fill, "--pure-data-type", pure_data_type),
    )
    run_and_print(request, debug=debug)


def run_and_print(request: InferRequest, *, debug: bool) -> None:
    """Run a request and print what happens as it does."""
    log = InferLog(request, debug=debug)
    for event in infer(request, datetime.now().astimezone()):
        for line in log.lines(event):
            typer.echo(line)


def read_word(kind: type[_Word], option: str, text: str) -> _Word:
    """Return the member that an option names, in any case; raises UsageError for another word."""
    known = {str(member).lower(): member for member in kind}
    if text.lower() not in known:
        raise UsageError(f"{option} {text} is none of {', '.join(kind)}.", "Choose one.")
    return known[text.lower()]
