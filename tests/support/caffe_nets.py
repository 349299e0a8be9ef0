"""Small Caffe networks, written as the two files, and run number by number in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fleet.models.caffe.schema import new_net

Array = NDArray[np.float32]


def caffemodel(weights: Mapping[str, Sequence[Array]], *, legacy: bool = False) -> bytes:
    """Write the weights of layers; `legacy` gives shapes as files of 2014 do, by four lengths."""
    net = new_net()
    for name, blobs in weights.items():
        layer = net.layer.add(name=name)
        for values in blobs:
            blob = layer.blobs.add()
            blob.data.extend(values.reshape(-1).tolist())
            if legacy:
                four = (*[1] * (4 - values.ndim), *values.shape)
                blob.num, blob.channels, blob.height, blob.width = four
            else:
                blob.shape.dim.extend(values.shape)
    content: bytes = net.SerializeToString()
    return content


def prototxt(shape: Sequence[int], *layers: str) -> str:
    """Write a network of one input, data, and layers, each its text."""
    dims = " ".join(f"dim: {length}" for length in shape)
    first = (
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}'
    )
    return "\n".join(['name: "made"', first, *layers])


def layer(
    kind: str, bottoms: Sequence[str], tops: Sequence[str], parameters: str = "", name: str = ""
) -> str:
    """Write one layer, called as its first top."""
    read = " ".join(f'bottom: "{item}"' for item in bottoms)
    made = " ".join(f'top: "{item}"' for item in tops)
    return f'layer {{ name: "{name or tops[0]}" type: "{kind}" {read} {made} {parameters} }}'


def convolved(
    data: Array,
    weight: Array,
    bias: Array,
    measures: tuple[Sequence[int], Sequence[int], Sequence[int]],
    group: int,
) -> Array:
    """Convolve, number by number; `measures`: stride, pad and dilation of rows and columns."""
    stride, pad, dilation = measures
    batch, channels, height, width = data.shape
    outputs, per_group, *kernel = weight.shape
    sides = [
        (side + 2 * p - d * (k - 1) - 1) // s + 1
        for side, p, d, k, s in zip((height, width), pad, dilation, kernel, stride, strict=True)
    ]
    found = np.zeros((batch, outputs, *sides))
    for item, out, row, column in product(*map(range, found.shape)):
        first = out // (outputs // group) * (channels // group)
        total = float(bias[out])
        for inner, y, x in product(range(per_group), range(kernel[0]), range(kernel[1])):
            at_y = row * stride[0] - pad[0] + y * dilation[0]
            at_x = column * stride[1] - pad[1] + x * dilation[1]
            if 0 <= at_y < height and 0 <= at_x < width:
                total += float(data[item, first + inner, at_y, at_x]) * float(
                    weight[out, inner, y, x]
                )
        found[item, out, row, column] = total
    return found.astype(np.float32)


def transposed(
    data: Array,
    weight: Array,
    bias: Array,
    measures: tuple[Sequence[int], Sequence[int], Sequence[int]],
    group: int,
) -> Array:
    """Spread each number over a window: the transpose of a convolution."""
    stride, pad, dilation = measures
    batch, channels, height, width = data.shape
    _, per_group, *kernel = weight.shape
    whole = [
        s * (side - 1) + d * (k - 1) + 1
        for side, d, k, s in zip((height, width), dilation, kernel, stride, strict=True)
    ]
    found = np.zeros((batch, per_group * group, *whole))
    for item, channel, row, column in product(*map(range, data.shape)):
        first = channel // (channels // group) * per_group
        for out, y, x in product(range(per_group), range(kernel[0]), range(kernel[1])):
            place = (row * stride[0] + y * dilation[0], column * stride[1] + x * dilation[1])
            value = float(data[item, channel, row, column]) * float(weight[channel, out, y, x])
            found[item, first + out, *place] += value
    found = found[:, :, pad[0] : whole[0] - pad[0], pad[1] : whole[1] - pad[1]]
    return (found + bias[:, None, None]).astype(np.float32)


def pooled(
    data: Array, kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int], how: str
) -> Array:
    """Pool as pooling_layer.cpp of Caffe does it, loop by loop."""
    batch, channels, height, width = data.shape
    sides = []
    for side, k, s, p in zip((height, width), kernel, stride, pad, strict=True):
        count = int(np.ceil((side + 2 * p - k) / s)) + 1
        if (pad[0] or pad[1]) and (count - 1) * s >= side + p:
            count -= 1
        sides.append(count)
    found = np.zeros((batch, channels, *sides))
    for item, channel, row, column in product(*map(range, found.shape)):
        top, left = row * stride[0] - pad[0], column * stride[1] - pad[1]
        bottom, right = min(top + kernel[0], height + pad[0]), min(left + kernel[1], width + pad[1])
        count = (bottom - top) * (right - left)
        part = data[
            item, channel, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)
        ]
        found[item, channel, row, column] = part.max() if how == "MAX" else part.sum() / count
    return found.astype(np.float32)


def rearranged(data: Array, stride: int) -> Array:
    """Move blocks into channels: channel c of a block's place (y, x) is (y * stride + x) * C + c."""
    batch, channels, height, width = data.shape
    found = np.zeros((batch, channels * stride**2, height // stride, width // stride), np.float32)
    for item, channel, row, column in product(*map(range, data.shape)):
        place = (row % stride * stride + column % stride) * channels + channel
        found[item, place, row // stride, column // stride] = data[item, channel, row, column]
    return found
