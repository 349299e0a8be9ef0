"""Batches: the one size that a network takes, or the gears of ATC's --dynamic_batch_size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from fleet.models.compiler.graph import ImageInput, parse_onnx, refuse
from fleet.models.compiler.trial import Trial
from fleet.models.heads import Reader
from fleet.models.session import SESSION_ERRORS, open_session

BATCH = "batch"
"""What an open length is called."""


def fixed_batch(image: ImageInput, given: int | None, gears: Sequence[int], name: str) -> int:
    """Return the size of a batch, the largest of several; an open one is 1 by default.

    Raises ModelRefusedError where the network's own is another.
    """
    if given is not None and given < 1:
        refuse(name, f"a batch of {given} is asked for.", "A batch is 1 or more.")
    if gears and image.batch:
        asked = ", ".join(map(str, gears))
        what = f"batches of {asked} are asked for, and its own is fixed at {image.batch}."
        refuse(name, what, "Export it with a dynamic batch.")
    if given and image.batch and given != image.batch:
        refuse(name, f"its batch is fixed at {image.batch}.", "Export it with a dynamic batch.")
    return gears[-1] if gears else image.batch or given or 1


def with_open_batch(content: bytes, name: str, picture: str) -> bytes:
    """Return a network whose input of that name takes batches of any size, if its layers do."""
    model = parse_onnx(content, name)
    _open(model, picture)
    result: bytes = model.SerializeToString(deterministic=True)
    return result


def with_gears(
    model: onnx.ModelProto,
    image: ImageInput,
    gears: Sequence[int],
    trial: Trial,
    reader: Reader,
    name: str,
) -> onnx.ModelProto:
    """Return the network with its batch left open; as it is where there are no gears.

    `trial`: its run in the largest. Raises ModelRefusedError where it does not run in each, or its
    outputs do not grow with the batch.
    """
    if not gears:
        return model
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    _open(opened, image.name)
    entry = next(item for item in model.graph.input if item.name == image.name)
    _, *rest = (length.dim_value for length in entry.type.tensor_type.shape.dim)
    names = [output.name for output in opened.graph.output]
    way_out = "Export it with a dynamic batch; a layer of it holds the batch that it was made with."
    try:
        session = open_session(opened.SerializeToString(), name, optimise=False)
        for gear in gears:
            found = session.run(names, {image.name: np.zeros((gear, *rest), image.dtype)})
            shapes = [value.shape for value in found]
            wanted = [(gear, *output.shape[1:]) for output in trial.outputs]
            if reader.batch_first and shapes != wanted:
                what = f"its outputs are {shapes} for a batch of {gear}, and not {wanted}."
                refuse(name, what, way_out)
    except SESSION_ERRORS as error:
        reason = str(error).splitlines()[0]
        refuse(name, f"ONNX Runtime does not run it with open batches: {reason}", way_out)
    return opened


def _open(model: onnx.ModelProto, name: str) -> None:
    """Leave the first length of an input open, and remove shapes that depend on it."""
    entry = next(item for item in model.graph.input if item.name == name)
    entry.type.tensor_type.shape.dim[0].dim_param = BATCH
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
