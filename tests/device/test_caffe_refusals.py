"""Networks of Caffe that cannot be converted: what is said, and where they can be cut."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from caffe_nets import (
    Array,
    caffemodel,
    layer,
    prototxt,
)

from fleet.errors import ModelRefusedError
from fleet.models.caffe.convert import convert_caffe

CONV = layer("Convolution", ["data"], ["c1"], "convolution_param { num_output: 4 kernel_size: 3 }")
WEIGHTS = [np.zeros((4, 3, 3, 3), np.float32), np.zeros(4, np.float32)]
SHAPE = (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("text", "weights", "said"),
    [
        (prototxt(SHAPE, layer("LSTM", ["data"], ["l"]), layer("Warp", ["l"], ["w"])), {}, "the layer 'l' of type LSTM; the layer 'w' of type Warp"),
        (prototxt(SHAPE, CONV), {"other": WEIGHTS}, "The weights hold 0 blobs for the layer 'c1' of type Convolution, which needs 1"),
        (prototxt(SHAPE, CONV), {"c1": WEIGHTS[:1]}, "hold 1 blobs for the layer 'c1'"),
        (prototxt(SHAPE, CONV), {"c1": [np.zeros((4, 3, 5, 5), np.float32), WEIGHTS[1]]}, "the layer 'c1' of type Convolution takes a blob of [4, 3, 3, 3], and the weights hold [4, 3, 5, 5]"),
        (prototxt(SHAPE, layer("ReLU", ["nowhere"], ["r"])), {}, "reads 'nowhere', which no layer before it makes"),
        (prototxt(SHAPE, layer("ReLU", ["data"], ["r"], "relu_param { slope: 1 }")), {}, 'has no field named "slope"'),
        (prototxt(SHAPE, layer("Upsample", ["data"], ["r"], "upsample_param { scale: 2 }")), {}, "write scale: 1 and stride: 2"),
        (prototxt(SHAPE, layer("Eltwise", ["data"], ["r"])), {}, "of type Eltwise joins [[1, 3, 8, 8]]"),
        (prototxt(SHAPE, layer("Reshape", ["data"], ["r"], "reshape_param { shape { dim: 7 dim: -1 } }")), {}, "makes [7, -1] of [1, 3, 8, 8]"),
        (prototxt(SHAPE, layer("Slice", ["data"], ["a", "b"])), {}, "cuts 3 at [] for 2 tops"),
        (prototxt(SHAPE, layer("Pooling", ["data"], ["r"], "pooling_param { kernel_size: 11 }")), {}, "a window larger than what it reads"),
        (prototxt(SHAPE, layer("Pooling", ["data"], ["r"], "pooling_param { pool: STOCHASTIC kernel_size: 2 }")), {}, "pools at random"),
        (prototxt(SHAPE, layer("BatchNorm", ["data"], ["r"], "batch_norm_param { use_global_stats: false }")), {}, "takes the statistics of each batch"),
        (prototxt((-1, 3, 8, 8), CONV), {"c1": WEIGHTS}, "The input 'data' has the shape [-1, 3, 8, 8]"),
        (prototxt(SHAPE), {}, "has inputs only"),
        ('layer { name: "r" type: "ReLU" bottom: "data" top: "r" }', {}, "has no input"),
        ('layers { name: "r" } input: "data" input_dim: 1', {}, "Caffe's first format"),
        ("layer { name: ", {}, "cannot be read at line 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_named(
    text: str, weights: dict[str, list[Array]], said: str
) -> None:
    """By the layer's name and type, and what both sides say."""
    held = caffemodel(weights or {"unused": [np.zeros(1, np.float32)]})
    with pytest.raises(ModelRefusedError) as refusal:
        convert_caffe(text, held)
    assert said in str(refusal.value)


def test_weights_that_are_cut_off_are_refused() -> None:
    """Wherever the file ends; none makes a network of what is left."""
    whole = caffemodel({"c1": WEIGHTS})
    for length in [0, 1, 7, len(whole) // 2, len(whole) - 1]:
        with pytest.raises(ModelRefusedError):
            convert_caffe(prototxt(SHAPE, CONV), whole[:length])


def test_a_network_is_cut_before_what_is_not_known() -> None:
    """Only what an output needs has to be known; a mistake in that is still found."""
    held = caffemodel({"c1": WEIGHTS})
    extra = 'warp_param { text: "} layer {" } # layer { }'
    text = prototxt(
        SHAPE, CONV, layer("Warp", ["c1"], ["w"], extra + "\n"), layer("ReLU", ["c1"], ["r"])
    )
    with pytest.raises(ModelRefusedError, match="Cut the network before them with --out_nodes"):
        convert_caffe(text, held)
    made = onnx.load_model_from_string(convert_caffe(text, held, outputs=["r"]).onnx_bytes)
    assert [node.op_type for node in made.graph.node] == ["Conv", "Relu", "Identity"]
    with pytest.raises(ModelRefusedError, match="the layer 'w' of type Warp"):
        convert_caffe(text, held, outputs=["w"])
    wrong = text.replace("kernel_size: 3", "kernel_size: 3 kernels: 2")
    with pytest.raises(ModelRefusedError, match='has no field named "kernels"'):
        convert_caffe(wrong, held, outputs=["r"])
