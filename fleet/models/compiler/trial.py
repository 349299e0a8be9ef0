"""One run of a network before it is compiled: what cannot run shows here, not on a device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from fleet.ascend.aipp import Aipp
from fleet.core.frames import Colour
from fleet.models.compiler.graph import ImageInput, known_shapes, operator_behind, refuse
from fleet.models.heads import Output, Shape
from fleet.models.session import SESSION_ERRORS, open_session

GRAY = 128


@dataclass(frozen=True)
class Trial:
    """The results of a run on a gray picture."""

    outputs: tuple[NDArray[np.generic], ...]
    """The raw outputs."""
    names: tuple[str, ...]
    """Their names."""
    operators: tuple[str, ...]
    """The operator that makes the numbers of each."""
    shapes: dict[str, Shape]
    """The shape of every value of the graph, by name."""

    @property
    def named(self) -> tuple[Output, ...]:
        """Names and shapes of the outputs, and what makes their numbers."""
        rows = zip(self.names, self.outputs, self.operators, strict=True)
        return tuple(Output(name, value.shape, operator) for name, value, operator in rows)


def dry_run(model: onnx.ModelProto, image: ImageInput, aipp: Aipp, name: str) -> Trial:
    """Run a gray picture; values whose shape inference fails are outputs of this run as well.

    Any configuration of AIPP will do: what it makes of the picture changes no shape.
    Raises ModelRefusedError where ONNX Runtime cannot open or run the network.
    """
    shapes = known_shapes(model, name)
    outputs = [output.name for output in model.graph.output]
    made = [value for node in model.graph.node for value in node.output if value]
    unknown = [value for value in made if value not in shapes and value not in outputs]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.ValueInfoProto(name=value) for value in unknown)
    try:
        session = open_session(probe.SerializeToString(), name)
        values = session.run([*outputs, *unknown], {image.name: aipp.run(_gray(aipp), Colour())})
    except SESSION_ERRORS as error:
        reason = str(error).splitlines()[0]
        way_out = "Export it with standard operators; if its size was open, try another --size."
        refuse(name, f"ONNX Runtime does not run it: {reason}", way_out)
    found = zip(outputs + unknown, values, strict=True)
    tensors = {key: value for key, value in found if isinstance(value, np.ndarray)}
    if not set(outputs) <= set(tensors):
        refuse(name, "its outputs are not tensors.", "Export it without post-processing.")
    shapes |= {key: value.shape for key, value in tensors.items()}
    operators = tuple(operator_behind(model.graph, key) for key in outputs)
    return Trial(tuple(tensors[key] for key in outputs), tuple(outputs), operators, shapes)


def _gray(aipp: Aipp) -> NDArray[np.uint8]:
    return np.full((aipp.batch, aipp.source.height * 3 // 2, aipp.source.width), GRAY, np.uint8)
