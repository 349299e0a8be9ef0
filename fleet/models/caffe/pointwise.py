"""The layers that change each number by itself: activations, scales, sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.models.caffe.graph import Graph, Shape
from fleet.models.caffe.read import layer_title, refuse_caffe

PROD, SUM, MAX = 0, 1, 2
PLAIN = {"Sigmoid": "Sigmoid", "TanH": "Tanh", "AbsVal": "Abs"}


def plain(graph: Graph, layer: Any) -> list[str]:
    """Add a Sigmoid, TanH or AbsVal."""
    (bottom,) = graph.bottoms(layer, 1)
    return [graph.node(PLAIN[layer.type], [bottom], graph.shape(bottom))]


def passed(graph: Graph, layer: Any) -> list[str]:
    """Add nothing: a Dropout does nothing in inference, and a Split hands its bottom on."""
    (bottom,) = graph.bottoms(layer, 1)
    return [bottom] * len(layer.top)


def relu(graph: Graph, layer: Any) -> list[str]:
    """Add a ReLU, leaky where it has a slope."""
    (bottom,) = graph.bottoms(layer, 1)
    slope, shape = layer.relu_param.negative_slope, graph.shape(bottom)
    if not slope:
        return [graph.node("Relu", [bottom], shape)]
    return [graph.node("LeakyRelu", [bottom], shape, alpha=slope)]


def elu(graph: Graph, layer: Any) -> list[str]:
    """Add an ELU."""
    (bottom,) = graph.bottoms(layer, 1)
    return [graph.node("Elu", [bottom], graph.shape(bottom), alpha=layer.elu_param.alpha)]


def prelu(graph: Graph, layer: Any) -> list[str]:
    """Add a PReLU, with a slope for each channel or for all."""
    (bottom,) = graph.bottoms(layer, 1)
    shape = graph.shape(bottom)
    count = 1 if layer.prelu_param.channel_shared else shape[1]
    slope = graph.blob(layer, 0, (count,), ()).reshape(-1, *[1] * (len(shape) - 2))
    return [graph.node("PRelu", [bottom, graph.constant(slope)], shape)]


def power(graph: Graph, layer: Any) -> list[str]:
    """Add a Power: (shift + scale * x) ^ power."""
    (value,) = graph.bottoms(layer, 1)
    parameter, shape = layer.power_param, graph.shape(value)
    steps = (("Mul", parameter.scale, 1), ("Add", parameter.shift, 0), ("Pow", parameter.power, 1))
    for operator, number, idle in steps:
        if number != idle:
            constant = graph.constant(np.array(number, np.float32))
            value = graph.node(operator, [value, constant], shape)
    return [value]


def batch_norm(graph: Graph, layer: Any) -> list[str]:
    """Add a BatchNorm by the statistics in the weights, which are sums with a common factor."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter, shape = layer.batch_norm_param, graph.shape(bottom)
    if parameter.HasField("use_global_stats") and not parameter.use_global_stats:
        what = f"{layer_title(layer)} takes the statistics of each batch."
        refuse_caffe(what, "In inference, write use_global_stats: true, or leave it out.")
    channels = (shape[1],)
    factor = float(graph.blob(layer, 2, (1,), ())[0])
    scale = 1 / factor if factor else 0.0
    mean, variance = (graph.blob(layer, index, channels) * np.float32(scale) for index in (0, 1))
    constants = (np.ones(channels, np.float32), np.zeros(channels, np.float32), mean, variance)
    inputs = [bottom, *(graph.constant(values) for values in constants)]
    return [graph.node("BatchNormalization", inputs, shape, epsilon=parameter.eps)]


def scale(graph: Graph, layer: Any) -> list[str]:
    """Add a Scale: times a blob, or a second bottom, along some axes; then a bias."""
    bottoms = graph.bottoms(layer)
    parameter, shape = layer.scale_param, graph.shape(bottoms[0])
    if len(bottoms) == 2:
        factor_shape = graph.shape(bottoms[1])
        first = _broadcast(graph, layer, bottoms[1], shape)
    else:
        axis = parameter.axis % len(shape)
        end = len(shape) if parameter.num_axes == -1 else axis + parameter.num_axes
        factor_shape = shape[axis:end]
        first = graph.constant(_aligned(graph.blob(layer, 0, factor_shape), shape, axis))
    value = graph.node("Mul", [bottoms[0], first], shape)
    if parameter.bias_term:
        blob = graph.blob(layer, 2 - len(bottoms), factor_shape)
        bias = graph.constant(_aligned(blob, shape, parameter.axis % len(shape)))
        value = graph.node("Add", [value, bias], shape)
    return [value]


def _aligned(values: Any, shape: Shape, axis: int) -> Any:
    return values.reshape(*values.shape, *[1] * (len(shape) - axis - values.ndim))


def _broadcast(graph: Graph, layer: Any, value: str, shape: Shape) -> str:
    own = graph.shape(value)
    axis = layer.scale_param.axis % len(shape)
    if shape[axis : axis + len(own)] != own:
        what = f"{layer_title(layer)} scales {list(shape)} by {list(own)} at axis {axis}."
        refuse_caffe(what, "Correct the prototxt.")
    wide = (*own, *[1] * (len(shape) - axis - len(own)))
    return graph.reshaped(value, wide)


def eltwise(graph: Graph, layer: Any) -> list[str]:
    """Add an Eltwise: product, sum with coefficients, or maximum, of bottoms of one shape."""
    bottoms = graph.bottoms(layer)
    parameter, shape = layer.eltwise_param, graph.shape(bottoms[0])
    other = next((graph.shape(item) for item in bottoms if graph.shape(item) != shape), None)
    if other is not None or len(bottoms) < 2:
        what = f"{layer_title(layer)} joins {[list(graph.shape(item)) for item in bottoms]}."
        refuse_caffe(what, "They are two or more of one shape.")
    coefficients = list(parameter.coeff)
    if coefficients and (parameter.operation != SUM or len(coefficients) != len(bottoms)):
        what = f"{layer_title(layer)} has {len(coefficients)} coeff."
        refuse_caffe(what, "A SUM has one for each bottom, or none; others have none.")
    if parameter.operation == MAX:
        return [graph.node("Max", bottoms, shape)]
    for at, coefficient in enumerate(coefficients):
        if coefficient != 1:
            factor = graph.constant(np.array(coefficient, np.float32))
            bottoms[at] = graph.node("Mul", [bottoms[at], factor], shape)
    operator = "Mul" if parameter.operation == PROD else "Add"
    value = bottoms[0]
    for item in bottoms[1:]:
        value = graph.node(operator, [value, item], shape)
    return [value]


def softmax(graph: Graph, layer: Any) -> list[str]:
    """Add a Softmax along an axis."""
    (bottom,) = graph.bottoms(layer, 1)
    shape = graph.shape(bottom)
    axis = layer.softmax_param.axis % len(shape)
    return [graph.node("Softmax", [bottom], shape, axis=axis)]
