"""The files of a network's outputs: text, raw numbers, or NumPy's."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.infer.request import OutputFormat

NUMBERS_A_LINE = 100


def content_of(output: NDArray[np.generic], outfmt: OutputFormat) -> bytes:
    """Return the content of one output's file."""
    if outfmt is OutputFormat.TXT:
        return text_of(output).encode()
    if outfmt is OutputFormat.BIN:
        return np.ascontiguousarray(output).tobytes()
    file = io.BytesIO()
    np.save(file, output, allow_pickle=False)
    return file.getvalue()


def text_of(output: NDArray[np.generic]) -> str:
    """Return an output as msame writes it: six significant digits, a space after each number.

    A line has 100 numbers; between the items of a batch there is a line's end more
    (ModelProcess::OutputModelResult of msame/src/model_process.cpp). Signed bytes are numbers here,
    where msame writes characters.
    """
    flat = output.reshape(-1)
    an_item = max(1, flat.size // (output.shape[0] if output.ndim else 1))
    return "".join(_pieces(flat, an_item))


def _pieces(flat: NDArray[np.generic], an_item: int) -> Iterator[str]:
    floating = np.issubdtype(flat.dtype, np.floating)
    for at, value in enumerate(flat.tolist(), 1):
        yield f"{value:.6g} " if floating else f"{int(value)} "
        if at == flat.size:
            return
        if at % an_item == 0 and at > 1:
            yield "\n\n"
        elif at % NUMBERS_A_LINE == 0:
            yield "\n"


def summary_json(
    files: Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]], times: Mapping[str, Any]
) -> bytes:
    """Return the summary that ais_bench puts beside the folder of the outputs.

    What it calls NPU_compute_time is measured on this machine here, and is called so.
    """
    listed = {str(at): {"infiles": read, "outfiles": put} for at, (read, put) in files.items()}
    return json.dumps({"filesinfo": listed, "host_compute_time_ms": times}, indent=2).encode()
