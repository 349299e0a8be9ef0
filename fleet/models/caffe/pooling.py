"""Pooling by Caffe's rules: sizes are rounded up, and averages count the border they reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.models.caffe.convolutions import pair
from fleet.models.caffe.graph import Graph
from fleet.models.caffe.read import layer_title, refuse_caffe

MAX, AVE = 0, 1
CEIL = 0


def pooled_side(
    side: int, window: int, step: int, border: int, *, ceil: bool, bordered: bool
) -> int:
    """Return how many windows there are along a side (PoolingLayer::Reshape of Caffe).

    Where there is a border along either side, the last window begins before the end of the picture.
    """
    space = side + 2 * border - window
    count = (-(-space // step) if ceil else space // step) + 1
    if bordered and (count - 1) * step >= side + border:
        count -= 1
    return count


def pooling(graph: Graph, layer: Any) -> list[str]:
    """Add a Pooling of the largest value or of the average.

    ONNX Runtime's own rounding up differs from Caffe's at the border: pictures are padded, by
    negative infinity or 0, to just the windows that Caffe has. An average is a sum over a count,
    that of numbers inside the picture and its border on both sides.
    """
    (bottom,) = graph.bottoms(layer, 1)
    parameter = layer.pooling_param
    batch, channels, *sides = graph.shape(bottom)
    if parameter.pool not in {MAX, AVE}:
        refuse_caffe(f"{layer_title(layer)} pools at random.", "Take MAX or AVE.")
    if parameter.global_pooling:
        operator = "GlobalMaxPool" if parameter.pool == MAX else "GlobalAveragePool"
        return [graph.node(operator, [bottom], (batch, channels, 1, 1))]
    kernel = pair(layer, parameter, "kernel_size", 0)
    stride, pad = pair(layer, parameter, "stride", 1), pair(layer, parameter, "pad", 0)
    if min(kernel) < 1 or any(p >= k for p, k in zip(pad, kernel, strict=True)):
        what = f"{layer_title(layer)} has a window of {kernel} and a border of {pad}."
        refuse_caffe(what, "A window is 1 or more, and larger than its border.")
    ceil = parameter.ceil_mode and parameter.round_mode == CEIL
    measures = list(zip(sides, kernel, stride, pad, strict=True))
    counts = tuple(pooled_side(s, k, t, p, ceil=ceil, bordered=any(pad)) for s, k, t, p in measures)
    if any((n - 1) * t >= s + p for n, (s, _, t, p) in zip(counts, measures, strict=True)):
        what = f"{layer_title(layer)} has a last window that lies outside of the picture"
        refuse_caffe(f"{what}: steps {stride} over {sides}.", "Caffe makes no number of it either.")
    if min(counts) < 1:
        what = f"{layer_title(layer)} has a window larger than what it reads."
        refuse_caffe(what, "Correct the prototxt, or give a larger --input_shape.")
    after = [
        max(0, (count - 1) * step + window - side - border)
        for count, (side, window, step, border) in zip(counts, measures, strict=True)
    ]
    filler = -np.inf if parameter.pool == MAX else 0.0
    padded = tuple(
        side + border + more for side, border, more in zip(sides, pad, after, strict=True)
    )
    pads = graph.constant(np.array([0, 0, *pad, 0, 0, *after], np.int64))
    value = graph.node(
        "Pad",
        [bottom, pads, graph.constant(np.array(filler, np.float32))],
        (batch, channels, *padded),
    )
    shape = (batch, channels, *counts)
    window = {"kernel_shape": kernel, "strides": stride}
    if parameter.pool == MAX:
        return [graph.node("MaxPool", [value], shape, **window)]
    value = graph.node("AveragePool", [value], shape, **window)
    return [graph.node("Mul", [value, graph.constant(_shares(counts, measures))], shape)]


def _shares(counts: tuple[int, ...], measures: Sequence[tuple[int, ...]]) -> NDArray[np.float32]:
    """Return the factor from an average over a whole window to Caffe's, [1, 1, rows, columns]."""
    inside = []
    for count, (side, window, step, border) in zip(counts, measures, strict=True):
        start = np.arange(count) * step - border
        end = np.minimum(start + window, side + border)
        inside.append(end - start)
    whole = measures[0][1] * measures[1][1]
    return (whole / np.outer(*inside)).astype(np.float32)[None, None]
