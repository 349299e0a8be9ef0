"""Caffe's layers as ONNX, each held against its definition, number by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from caffe_nets import (
    Array,
    caffemodel,
    convolved,
    layer,
    pooled,
    prototxt,
    rearranged,
    transposed,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.errors import ModelRefusedError
from fleet.models.caffe.convert import convert_caffe

SEEDS = st.integers(0, 2**32 - 1)
few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def run(
    text: str, weights: Mapping[str, Sequence[Array]], data: Array, *, legacy: bool = False
) -> list[Array]:
    """Convert a network, check the file, and run it."""
    any_weights = weights or {"unused": [np.zeros(1, np.float32)]}
    made = convert_caffe(text, caffemodel(any_weights, legacy=legacy))
    model = onnx.load_model_from_string(made.onnx_bytes)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(made.onnx_bytes, providers=["CPUExecutionProvider"])
    found = [np.asarray(value) for value in session.run(None, {"data": data})]
    said = [tuple(d.dim_value for d in o.type.tensor_type.shape.dim) for o in model.graph.output]
    assert said == [value.shape for value in found]
    return found


def random(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers around 0."""
    return rng.normal(size=shape).astype(np.float32)


def close(found: Array, wanted: NDArray[Any]) -> None:
    """Both are equal but for rounding."""
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


PAIR = st.tuples(st.integers(1, 3), st.integers(1, 3))


@few
@given(SEEDS, PAIR, PAIR, PAIR, st.tuples(st.integers(0, 2), st.integers(0, 2)), st.integers(1, 2), st.booleans(), st.booleans())  # fmt: skip
@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_convolutions_and_their_reverse(
    kind: str, seed: int, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int],
    pad: tuple[int, int], group: int, biased: bool, legacy: bool,
) -> None:  # fmt: skip
    """With windows, steps, borders and dilations that differ by side, groups, with bias and without."""
    rng = np.random.default_rng(seed)
    if kind == "Deconvolution":
        pad = (min(pad[0], kernel[0] - 1), min(pad[1], kernel[1] - 1))
    data = random(rng, 2, 2 * group, 8, 9)
    forward = kind == "Convolution"
    outputs = 3 * group
    weight = random(rng, outputs, 2, *kernel) if forward else random(rng, 2 * group, 3, *kernel)
    bias = random(rng, outputs) if biased else np.zeros(outputs, np.float32)
    text = prototxt(
        data.shape,
        layer(
            kind,
            ["data"],
            ["out"],
            f"convolution_param {{ num_output: {outputs} group: {group} bias_term: {str(biased).lower()} "
            f"kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]} stride_w: {stride[1]} "
            f"pad_h: {pad[0]} pad_w: {pad[1]} dilation: {dilation[0]} dilation: {dilation[1]} }}",
        ),
    )
    reference = convolved if forward else transposed
    wanted = reference(data, weight, bias, (stride, pad, dilation), group)
    blobs = [weight, bias] if biased else [weight]
    close(run(text, {"out": blobs}, data, legacy=legacy)[0], wanted)


def test_a_deconvolution_of_ones_repeats_each_number() -> None:
    """The nearest upsampling that older YOLOv3 prototxts are written with."""
    data = random(np.random.default_rng(5), 1, 3, 4, 5)
    parameters = (
        "convolution_param { num_output: 3 group: 3 kernel_size: 2 stride: 2 bias_term: false }"
    )
    text = prototxt(data.shape, layer("Deconvolution", ["data"], ["out"], parameters))
    found = run(text, {"out": [np.ones((3, 1, 2, 2), np.float32)]}, data)
    close(found[0], data.repeat(2, axis=2).repeat(2, axis=3))


@few
@given(SEEDS, st.tuples(st.integers(3, 12), st.integers(3, 12)), PAIR, PAIR, st.tuples(st.integers(0, 2), st.integers(0, 2)))  # fmt: skip
@pytest.mark.parametrize("how", ["MAX", "AVE"])
def test_pooling_rounds_up_as_caffe_does(
    how: str, seed: int, sides: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
    pad: tuple[int, int],
) -> None:  # fmt: skip
    """Windows that reach over the border count as Caffe counts them."""
    pad = (min(pad[0], kernel[0] - 1), min(pad[1], kernel[1] - 1))
    data = random(np.random.default_rng(seed), 2, 3, *sides)
    parameters = (
        f"pooling_param {{ pool: {how} kernel_h: {kernel[0]} kernel_w: {kernel[1]} "
        f"stride_h: {stride[0]} stride_w: {stride[1]} pad_h: {pad[0]} pad_w: {pad[1]} }}"
    )
    text = prototxt(data.shape, layer("Pooling", ["data"], ["out"], parameters))
    beyond = [
        not any(pad) and -(-(side - k) // s) * s >= side
        for side, k, s in zip(sides, kernel, stride, strict=True)
    ]
    if any(beyond):
        with pytest.raises(ModelRefusedError, match="outside of the picture"):
            run(text, {}, data)
        return
    close(run(text, {}, data)[0], pooled(data, kernel, stride, pad, how))


@few
@given(SEEDS)
def test_layers_on_each_number(seed: int) -> None:
    """Activations, norms, scales, sums, products: each by its formula, in place too."""
    rng = np.random.default_rng(seed)
    data = random(rng, 2, 4, 3, 5)
    slope, gain, bias, mean = (random(rng, 4) for _ in range(4))
    variance = rng.uniform(0.1, 2, 4).astype(np.float32)
    factor = np.array([rng.uniform(0.5, 900)], np.float32)
    cases: dict[str, tuple[str, list[Array], NDArray[Any]]] = {
        "ReLU": ("", [], np.maximum(data, 0)),
        "ReLU leaky": ("relu_param { negative_slope: 0.1 }", [], np.where(data > 0, data, 0.1 * data)),
        "PReLU": ("", [slope], np.where(data > 0, data, slope[:, None, None] * data)),
        "PReLU one": ("prelu_param { channel_shared: true }", [slope[:1]], np.where(data > 0, data, slope[0] * data)),
        "Sigmoid": ("", [], 1 / (1 + np.exp(-data))),
        "TanH": ("", [], np.tanh(data)),
        "AbsVal": ("", [], abs(data)),
        "ELU": ("elu_param { alpha: 0.5 }", [], np.where(data > 0, data, 0.5 * (np.exp(data) - 1))),
        "Power": ("power_param { power: 2 scale: 3 shift: -1 }", [], (3 * data - 1) ** 2),
        "Dropout": ("dropout_param { dropout_ratio: 0.5 }", [], data),
        "BatchNorm": (
            "batch_norm_param { eps: 0.001 }",
            [mean * factor, variance * factor, factor],
            (data - mean[:, None, None]) / np.sqrt(variance[:, None, None] + 1e-3),
        ),
        "Scale": ("scale_param { bias_term: true }", [gain, bias], data * gain[:, None, None] + bias[:, None, None]),
        "Scale last": ("scale_param { axis: -1 }", [random(rng, 5)], data),
        "Softmax": ("", [], np.exp(data) / np.exp(data).sum(axis=1, keepdims=True)),
    }  # fmt: skip
    last = cases["Scale last"]
    cases["Scale last"] = (last[0], last[1], data * last[1][0])
    for kind, (parameters, blobs, wanted) in cases.items():
        word = kind.split()[0]
        for tops in (["out"], ["data"]):
            text = prototxt(data.shape, layer(word, ["data"], tops, parameters, name="one"))
            found = run(text, {"one": blobs} if blobs else {}, data)
            np.testing.assert_allclose(found[0], wanted, rtol=2e-4, atol=1e-5, err_msg=kind)


@few
@given(SEEDS, st.booleans())
def test_inner_products(seed: int, transpose: bool) -> None:
    """All numbers of a picture times a matrix, and of a vector."""
    rng = np.random.default_rng(seed)
    data = random(rng, 2, 3, 4, 2)
    first, bias, second = random(rng, 5, 24), random(rng, 5), random(rng, 2, 5)
    word = f"transpose: {str(transpose).lower()}"
    text = prototxt(
        data.shape,
        layer("InnerProduct", ["data"], ["a"], f"inner_product_param {{ num_output: 5 {word} }}"),
        layer(
            "InnerProduct", ["a"], ["b"], "inner_product_param { num_output: 2 bias_term: false }"
        ),
    )
    wanted = (data.reshape(2, 24) @ first.T + bias) @ second.T
    close(
        run(text, {"a": [first.T.copy() if transpose else first, bias], "b": [second]}, data)[0],
        wanted,
    )


@few
@given(SEEDS)
def test_layers_that_move_numbers(seed: int) -> None:
    """Joined, cut, turned, folded and repeated."""
    data = random(np.random.default_rng(seed), 2, 8, 4, 6)
    small = 'layer { name: "s" type: "Slice" bottom: "data" top: "s" top: "rest" slice_param { axis: 2 slice_point: 3 } }'
    cases: list[tuple[list[str], list[NDArray[Any]]]] = [
        ([layer("Concat", ["data", "data"], ["out"])], [np.concatenate([data, data], 1)]),
        ([layer("Concat", ["data", "data"], ["out"], "concat_param { axis: -1 }")], [np.concatenate([data, data], 3)]),
        ([layer("Slice", ["data"], ["a", "b", "c", "d"])], [data[:, at : at + 2] for at in (0, 2, 4, 6)]),
        ([layer("Slice", ["data"], ["a", "b", "c"], "slice_param { axis: 3 slice_point: 1 slice_point: 4 }")], [data[..., :1], data[..., 1:4], data[..., 4:]]),
        ([layer("Reshape", ["data"], ["out"], "reshape_param { shape { dim: 0 dim: 2 dim: -1 dim: 3 } }")], [data.reshape(2, 2, 32, 3)]),
        ([layer("Reshape", ["data"], ["out"], "reshape_param { axis: 1 num_axes: 2 shape { dim: -1 } }")], [data.reshape(2, 32, 6)]),
        ([layer("Flatten", ["data"], ["out"])], [data.reshape(2, -1)]),
        ([layer("Flatten", ["data"], ["out"], "flatten_param { axis: 1 end_axis: -2 }")], [data.reshape(2, 32, 6)]),
        ([layer("Permute", ["data"], ["out"], "permute_param { order: 0 order: 2 order: 3 order: 1 }")], [data.transpose(0, 2, 3, 1)]),
        ([layer("Upsample", ["data"], ["out"], "upsample_param { scale: 1 stride: 3 }")], [data.repeat(3, 2).repeat(3, 3)]),
        ([layer("Upsample", ["data"], ["out"], "upsample_param { stride_h: 2 stride_w: 1 }")], [data.repeat(2, 2)]),
        ([layer("PassThrough", ["data"], ["out"], "pass_through_param { stride: 2 }")], [rearranged(data, 2)]),
        ([layer("Reorg", ["data"], ["m"], "reorg_param { stride: 2 }"), layer("Reorg", ["m"], ["out"], "reorg_param { stride: 2 reverse: true }")], [data]),
        ([small, layer("Crop", ["data", "s"], ["out"], "crop_param { axis: 2 offset: 1 offset: 0 }")], [data[:, :, 3:], data[:, :, 1:4]]),
        ([layer("Eltwise", ["data", "data"], ["out"], "eltwise_param { operation: PROD }")], [data * data]),
        ([layer("TanH", ["data"], ["t"]), layer("Eltwise", ["data", "t"], ["out"], "eltwise_param { operation: SUM coeff: 2 coeff: -0.5 }")], [2 * data - 0.5 * np.tanh(data)]),
        ([layer("TanH", ["data"], ["t"]), layer("Eltwise", ["data", "t"], ["out"], "eltwise_param { operation: MAX }")], [np.maximum(data, np.tanh(data))]),
        ([layer("Pooling", ["data"], ["g"], "pooling_param { pool: AVE global_pooling: true }"), layer("Flatten", ["g"], ["f"]), layer("Scale", ["data", "f"], ["out"], "scale_param { axis: 0 }")], [data * data.mean((2, 3), keepdims=True)]),
    ]  # fmt: skip
    for layers, wanted in cases:
        found = run(prototxt(data.shape, *layers), {}, data)
        assert len(found) == len(wanted), layers
        for one, other in zip(found, wanted, strict=True):
            close(one, np.ascontiguousarray(other))


def test_only_the_layers_of_inference_are_read() -> None:
    """What is of training is left out, known or not; an input may be declared in the old way."""
    text = """
        input: "data" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 3
        layer { name: "loss" type: "MadeUpLoss" bottom: "data" top: "l" include { phase: TRAIN } }
        layer { name: "off" type: "MadeUp" bottom: "data" top: "l" exclude { phase: TEST } }
        layer { name: "r" type: "ReLU" bottom: "data" top: "r" include { phase: TEST } param { lr_mult: 1 } }
    """
    data = random(np.random.default_rng(1), 1, 2, 3, 3)
    close(run(text, {}, data)[0], np.maximum(data, 0))
