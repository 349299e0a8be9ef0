"""The layers that move numbers and change none: joined, cut, turned, repeated."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from fleet.models.caffe.graph import Graph, Shape
from fleet.models.caffe.read import layer_title, refuse_caffe


def concat(graph: Graph, layer: Any) -> list[str]:
    """Add a Concat along an axis."""
    bottoms = graph.bottoms(layer)
    parameter = layer.concat_param
    shapes = [graph.shape(item) for item in bottoms]
    given = parameter.concat_dim if parameter.HasField("concat_dim") else parameter.axis
    axis = given % len(shapes[0])
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1:
        what = f"{layer_title(layer)} joins {[list(s) for s in shapes]} along axis {axis}."
        refuse_caffe(what, "They have one length along each other axis.")
    joined = (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])
    return [graph.node("Concat", bottoms, joined, axis=axis)]


def slice_(graph: Graph, layer: Any) -> list[str]:
    """Add a Slice: parts at given points of an axis, or of equal length."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter, shape, count = layer.slice_param, graph.shape(bottom), len(layer.top)
    given = parameter.slice_dim if parameter.HasField("slice_dim") else parameter.axis
    axis = given % len(shape)
    points = [0, *parameter.slice_point, shape[axis]]
    if not parameter.slice_point:
        points = [shape[axis] * at // count for at in range(count + 1)]
    lengths = [end - start for start, end in pairwise(points)]
    equal = bool(parameter.slice_point) or len(set(lengths)) == 1
    if len(lengths) != count or min(lengths) < 1 or not equal:
        what = f"{layer_title(layer)} cuts {shape[axis]} at {list(parameter.slice_point)}"
        refuse_caffe(f"{what} for {count} tops.", "Each top gets a part of one or more.")
    shapes = [(*shape[:axis], length, *shape[axis + 1 :]) for length in lengths]
    split = graph.constant(np.array(lengths, np.int64))
    return graph.node_of_several("Split", [bottom, split], shapes, axis=axis)


def reshape(graph: Graph, layer: Any) -> list[str]:
    """Add a Reshape: 0 keeps a length, -1 is what is left; of some axes only, where it says so."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter, shape = layer.reshape_param, graph.shape(bottom)
    start = parameter.axis if parameter.axis >= 0 else len(shape) + 1 + parameter.axis
    end = len(shape) if parameter.num_axes == -1 else start + parameter.num_axes
    asked = list(parameter.shape.dim)
    if any(dim == 0 and start + at >= len(shape) for at, dim in enumerate(asked)):
        _refuse_reshape(layer, shape, asked)
    dims = [shape[start + at] if dim == 0 else dim for at, dim in enumerate(asked)]
    made = [*shape[:start], *dims, *shape[end:]]
    known = prod(dim for dim in made if dim != -1)
    if made.count(-1) == 1 and known and prod(shape) % known == 0:
        made[made.index(-1)] = prod(shape) // known
    if -1 in made or prod(made) != prod(shape):
        _refuse_reshape(layer, shape, asked)
    return [graph.reshaped(bottom, tuple(made))]


def _refuse_reshape(layer: Any, shape: Shape, asked: list[int]) -> None:
    what = f"{layer_title(layer)} makes {asked} of {list(shape)}."
    refuse_caffe(what, "Both hold as many numbers; 0 keeps a length, one -1 is what is left.")


def flatten(graph: Graph, layer: Any) -> list[str]:
    """Add a Flatten of the axes from one to another."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter, shape = layer.flatten_param, graph.shape(bottom)
    start, end = parameter.axis % len(shape), parameter.end_axis % len(shape) + 1
    made = (*shape[:start], prod(shape[start:end]), *shape[end:])
    return [graph.reshaped(bottom, made)]


def permute(graph: Graph, layer: Any) -> list[str]:
    """Add a Permute: axes in the order given, those left out behind them."""
    (bottom,) = graph.bottoms(layer, 1)
    shape, order = graph.shape(bottom), list(layer.permute_param.order)
    order += [axis for axis in range(len(shape)) if axis not in order]
    if sorted(order) != list(range(len(shape))):
        what = f"{layer_title(layer)} orders {list(shape)} as {order}."
        refuse_caffe(what, "Name each axis once.")
    made = tuple(shape[axis] for axis in order)
    return [graph.node("Transpose", [bottom], made, perm=order)]


def crop(graph: Graph, layer: Any) -> list[str]:
    """Add a Crop: the first bottom from an offset on, as long as the second, from an axis on."""
    bottom, reference = graph.bottoms(layer, 2)
    shape, wanted = graph.shape(bottom), graph.shape(reference)
    parameter = layer.crop_param
    axis = parameter.axis % len(shape)
    axes = list(range(axis, len(shape)))
    offsets = list(parameter.offset) or [0]
    if len(offsets) == 1:
        offsets *= len(axes)
    fits = len(wanted) == len(shape) and len(offsets) == len(axes)
    ends = [offset + wanted[at] for offset, at in zip(offsets, axes, strict=False)] if fits else []
    if not fits or any(end > shape[at] for end, at in zip(ends, axes, strict=True)):
        what = f"{layer_title(layer)} cuts {list(wanted)} out of {list(shape)} at {offsets}."
        refuse_caffe(what, "Correct the prototxt.")
    made = (*shape[:axis], *(wanted[at] for at in axes))
    bounds = [graph.constant(np.array(values, np.int64)) for values in (offsets, ends, axes)]
    return [graph.node("Slice", [bottom, *bounds], made)]


def upsample(graph: Graph, layer: Any) -> list[str]:
    """Add an Upsample: each number repeated, `stride` times along each side."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter = layer.upsample_param
    if parameter.scale != 1:
        what = f"{layer_title(layer)} has scale: {parameter.scale:g}."
        way_out = "ATC reads the factor from stride: write scale: 1 and stride: 2."
        refuse_caffe(what, way_out)
    rows, columns = parameter.stride_h or parameter.stride, parameter.stride_w or parameter.stride
    batch, channels, height, width = graph.shape(bottom)
    factors = graph.constant(np.array([1, 1, rows, columns], np.float32))
    return [
        graph.node(
            "Resize",
            [bottom, "", factors],
            (batch, channels, height * rows, width * columns),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    ]


def pass_through(graph: Graph, layer: Any) -> list[str]:
    """Add a PassThrough (Reorg): blocks of `stride` squared become channels, or the reverse.

    What lies side by side in the channels stays so (documentation of ATC, Reorg), as in ONNX's
    SpaceToDepth; Darknet's own reorg moves otherwise.
    """
    (bottom,) = graph.bottoms(layer, 1)
    own = layer.HasField("pass_through_param")
    parameter = layer.pass_through_param if own else layer.reorg_param
    batch, channels, height, width = graph.shape(bottom)
    stride = parameter.stride
    divided = channels % stride**2 if parameter.reverse else height % stride or width % stride
    if divided:
        what = f"{layer_title(layer)} cannot cut {list(graph.shape(bottom))} by {stride}."
        refuse_caffe(what, "The stride divides both sides (reversed: its square the channels).")
    if parameter.reverse:
        made = (batch, channels // stride**2, height * stride, width * stride)
        return [graph.node("DepthToSpace", [bottom], made, blocksize=stride, mode="DCR")]
    made = (batch, channels * stride**2, height // stride, width // stride)
    return [graph.node("SpaceToDepth", [bottom], made, blocksize=stride)]
