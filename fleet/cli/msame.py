"""`fleet msame`: `fleet infer` by the names of msame's options, for scripts that exist.

They are those of https://github.com/Ascend/tools, msame/src/main.cpp, with one dash or two.
"""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.infer import read_word, run_and_print
from fleet.errors import UsageError
from fleet.infer.request import Fill, Form, InferRequest, OutputFormat

_FIXED = "A .om of Fleet has fixed sizes. Compile one for each size, and run each."


def msame(
    *,
    model: Annotated[str, typer.Option("--model", "-model", "-m", help="A compiled model.")],
    inputs: Annotated[
        str | None,
        typer.Option("--input", "-input", "-i", help="A .bin or a folder an input, by commas."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-output", "-o", help="The folder for the outputs.")
    ] = None,
    outfmt: Annotated[
        str, typer.Option("--outfmt", "-outfmt", "-f", metavar="TXT|BIN", help="Their form.")
    ] = "BIN",
    loop: Annotated[
        int, typer.Option("--loop", "-loop", "-l", help="1 to 100; not for folders.")
    ] = 1,
    device: Annotated[
        int, typer.Option("--device", "-device", "-e", help="0 to 255, simulated.")
    ] = 0,
    debug: Annotated[
        str, typer.Option("--debug", "-debug", "-g", metavar="true|false", help="Say more.")
    ] = "false",
    profiler: Annotated[
        str, typer.Option("--profiler", "-profiler", "-p", metavar="false", help="Refused.")
    ] = "false",
    dump: Annotated[
        str, typer.Option("--dump", "-dump", "-d", metavar="false", help="Refused.")
    ] = "false",
    batch: Annotated[
        int | None, typer.Option("--dymBatch", "-dymBatch", "-y", help="Which gear of batches.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--dymHW", "-dymHW", help="Refused: pictures have one size.")
    ] = None,
    dims: Annotated[str | None, typer.Option("--dymDims", "-dymDims", help="Likewise.")] = None,
    shape: Annotated[str | None, typer.Option("--dymShape", "-dymShape", help="Likewise.")] = None,
    output_size: Annotated[
        str | None, typer.Option("--outputSize", "-outputSize", help="Likewise.")
    ] = None,
) -> None:
    """Run a compiled model as msame does, by its options' names; see `fleet infer`.

    Where no input is given, zeros are fed.
    """
    named = {"dymHW": image, "dymDims": dims, "dymShape": shape}
    for name, value in {**named, "outputSize": output_size}.items():
        if value is not None:
            raise UsageError(f"--{name} {value} is for models of changing sizes.", _FIXED)
    if _is_on("--profiler", profiler):
        message = "--profiler is refused: there is no chip whose operators could be profiled."
        raise UsageError(message, "Leave it out; times of runs are printed in any case.")
    if _is_on("--dump", dump):
        message = "--dump is refused: a simulated device keeps no outputs of single operators."
        raise UsageError(message, "Leave it out; --outfmt TXT writes the network's outputs.")
    request = InferRequest(
        model=model,
        inputs=tuple(inputs.split(",")) if inputs is not None else (),
        output=output,
        outfmt=read_word(OutputFormat, "--outfmt", outfmt),
        loop=loop,
        device=device,
        batch=batch,
        fill=Fill.ZERO,
        form=Form.MSAME,
    )
    run_and_print(request, debug=_is_on("--debug", debug))


def _is_on(option: str, word: str) -> bool:
    if word.lower() not in {"true", "false"}:
        raise UsageError(f"{option} {word} is neither true nor false.", "Write one of them.")
    return word.lower() == "true"
