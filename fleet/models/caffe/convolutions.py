"""The layers with windows and weights: convolution, its reverse, pooling, products."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from fleet.models.caffe.graph import Graph
from fleet.models.caffe.read import layer_title, refuse_caffe


def pair(layer: Any, parameter: Any, name: str, default: int) -> tuple[int, int]:
    """Return height and width of a window's measure, by its one field or by its two."""
    short = name.removesuffix("_size")
    if parameter.HasField(f"{short}_h") or parameter.HasField(f"{short}_w"):
        return getattr(parameter, f"{short}_h"), getattr(parameter, f"{short}_w")
    values = getattr(parameter, name)
    given = list(values) if not isinstance(values, int) else [values or default]
    if len(given) > 2:
        what = f"{layer_title(layer)} has {len(given)} values of {name}."
        refuse_caffe(what, "Pictures have two: height and width.")
    given = given or [default]
    return given[0], given[-1]


def convolution(graph: Graph, layer: Any) -> list[str]:
    """Add a Convolution, with groups and dilation."""

    def length(side: int, span: int, step: int, border: int) -> int:
        return (side + 2 * border - span) // step + 1

    made, group = layer.convolution_param.num_output, layer.convolution_param.group
    return _windowed(graph, layer, "Conv", length, lambda read: (made, read // group))


def deconvolution(graph: Graph, layer: Any) -> list[str]:
    """Add a Deconvolution: the transpose of a convolution."""

    def length(side: int, span: int, step: int, border: int) -> int:
        return step * (side - 1) + span - 2 * border

    made, group = layer.convolution_param.num_output, layer.convolution_param.group
    return _windowed(graph, layer, "ConvTranspose", length, lambda read: (read, made // group))


def _windowed(
    graph: Graph,
    layer: Any,
    operator: str,
    length: Callable[[int, int, int, int], int],
    weights: Callable[[int], tuple[int, int]],
) -> list[str]:
    """Add a node that moves a window with weights.

    `length`: returns a side of what it makes, of the side that it reads, the span of the window
    with its dilation, the step and the border. `weights`: returns the two lengths of the weights
    before the window's, of the channels that are read.
    """
    (bottom,) = graph.bottoms(layer, 1)
    parameter = layer.convolution_param
    batch, channels, height, width = _picture(graph, layer, bottom)
    kernel = pair(layer, parameter, "kernel_size", 0)
    stride, pad = pair(layer, parameter, "stride", 1), pair(layer, parameter, "pad", 0)
    dilation = _dilation(layer, parameter)
    _check_groups(layer, channels, parameter)
    sides = [
        length(side, spread * (window - 1) + 1, step, border)
        for side, border, spread, window, step in zip(
            (height, width), pad, dilation, kernel, stride, strict=True
        )
    ]
    _check_sides(layer, sides)
    weight = graph.blob(layer, 0, (*weights(channels), *kernel))
    return [
        graph.node(
            operator,
            [bottom, graph.constant(weight), *_bias(graph, layer, parameter)],
            (batch, parameter.num_output, *sides),
            kernel_shape=kernel,
            strides=stride,
            pads=(*pad, *pad),
            dilations=dilation,
            group=parameter.group,
        )
    ]


def inner_product(graph: Graph, layer: Any) -> list[str]:
    """Add an InnerProduct: all numbers from an axis on, times a matrix."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter = layer.inner_product_param
    shape = graph.shape(bottom)
    axis = parameter.axis % len(shape)
    before, inputs, outputs = shape[:axis], prod(shape[axis:]), parameter.num_output
    stored = (inputs, outputs) if parameter.transpose else (outputs, inputs)
    weight = graph.blob(layer, 0, stored)
    matrix = graph.constant(weight if parameter.transpose else weight.T)
    flat = (*before, inputs)
    value = graph.reshaped(bottom, flat)
    value = graph.node("MatMul", [value, matrix], (*before, outputs))
    if parameter.bias_term:
        bias = graph.constant(graph.blob(layer, 1, (outputs,)))
        value = graph.node("Add", [value, bias], (*before, outputs))
    return [value]


def _picture(graph: Graph, layer: Any, value: str) -> tuple[int, int, int, int]:
    shape = graph.shape(value)
    if len(shape) != 4:
        what = f"{layer_title(layer)} reads {list(shape)}, not [N, channels, height, width]."
        refuse_caffe(what, "Correct the prototxt.")
    batch, channels, height, width = shape
    return batch, channels, height, width


def _dilation(layer: Any, parameter: Any) -> tuple[int, int]:
    given = [*parameter.dilation] or [1]
    if len(given) > 2:
        refuse_caffe(f"{layer_title(layer)} has {len(given)} dilations.", "Pictures have two.")
    return given[0], given[-1]


def _check_groups(layer: Any, channels: int, parameter: Any) -> None:
    group = parameter.group
    if not group or channels % group or parameter.num_output % group:
        what = f"{layer_title(layer)} makes {parameter.num_output} channels of {channels}"
        refuse_caffe(f"{what} in {group} groups.", "Groups divide both.")


def _check_sides(layer: Any, sides: list[int]) -> None:
    if min(sides) < 1:
        what = f"{layer_title(layer)} has a window larger than what it reads."
        refuse_caffe(what, "Correct the prototxt, or give a larger --input_shape.")


def _bias(graph: Graph, layer: Any, parameter: Any) -> list[str]:
    if not parameter.bias_term:
        return []
    return [graph.constant(graph.blob(layer, 1, (parameter.num_output,)))]
