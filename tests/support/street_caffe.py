"""A convolutional ONNX network, such as the street detector, written down again in Caffe's form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from caffe_nets import Array, caffemodel, layer, prototxt
from onnx import numpy_helper

CONFIGURATION = """
aipp_op {
    aipp_mode : static
    related_input_rank : 0
    input_format : YUV420SP_U8
    src_image_size_w : 416
    src_image_size_h : 416
    crop : false
    csc_switch : true
    rbuv_swap_switch : true
    matrix_r0c0 : 298
    matrix_r0c1 : 516
    matrix_r0c2 : 0
    matrix_r1c0 : 298
    matrix_r1c1 : -100
    matrix_r1c2 : -208
    matrix_r2c0 : 298
    matrix_r2c1 : 0
    matrix_r2c2 : 409
    input_bias_0 : 16
    input_bias_1 : 128
    input_bias_2 : 128
    mean_chn_0 : 0
    mean_chn_1 : 0
    mean_chn_2 : 0
    min_chn_0 : 0.0
    min_chn_1 : 0.0
    min_chn_2 : 0.0
    var_reci_chn_0 : 0.003921568627451
    var_reci_chn_1 : 0.003921568627451
    var_reci_chn_2 : 0.003921568627451
}
"""
"""The aipp_nv12.cfg that goes with the usual exercise of YOLOv3."""


@dataclass(frozen=True)
class CaffeFiles:
    """The two files of a network."""

    prototxt: str
    caffemodel: bytes


def as_caffe(path: Path) -> CaffeFiles:
    """Write a network of Conv, Sigmoid, Mul, Add, Concat and nearest Resize as Caffe's layers.

    Its outputs become the tops stride4 and so on, as they are called; the input is data.
    """
    graph = onnx.load(path).graph
    known = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    blob_of = {graph.input[0].name: "data"}
    layers: list[str] = []
    weights: dict[str, list[Array]] = {}
    outputs = {output.name for output in graph.output}
    for number, node in enumerate(graph.node):
        if node.op_type == "Constant":
            continue
        name = node.output[0] if node.output[0] in outputs else f"layer{number}"
        blob_of[node.output[0]] = name
        read = [blob_of[value] for value in node.input if value in blob_of]
        if node.op_type == "Conv":
            kernels, bias = (np.array(known[value], np.float32) for value in node.input[1:])
            weights[name] = [kernels, bias]
            given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            parameters = (
                f"convolution_param {{ num_output: {len(bias)} kernel_size: {kernels.shape[2]} "
                f"stride: {given['strides'][0]} pad: {given['pads'][0]} }}"
            )
            layers.append(layer("Convolution", read, [name], parameters))
            continue
        kind, parameters = {
            "Sigmoid": ("Sigmoid", ""),
            "Mul": ("Eltwise", "eltwise_param { operation: PROD }"),
            "Add": ("Eltwise", "eltwise_param { operation: SUM }"),
            "Concat": ("Concat", ""),
            "Resize": ("Upsample", "upsample_param { scale: 1 stride: 2 }"),
        }[node.op_type]
        layers.append(layer(kind, read, [name], parameters))
    return CaffeFiles(prototxt((1, 3, 416, 416), *layers), caffemodel(weights))


def with_yolo_end(
    text: str,
    maps: tuple[str, str, str],
    biases: tuple[str, str, str],
    classes: int,
    parameters: str = "",
    *,
    info_first: bool = False,
) -> str:
    """Add the second input and the four layers that ATC's documentation adds to YOLOv3.

    The input stands behind the picture, or before it. `maps` and `biases` go from the coarse map to the fine one; biases are numbers with spaces.
    """
    layers = []
    tops: dict[str, list[str]] = {"coords": [], "obj": [], "classes": []}
    for number, name in enumerate(maps, 1):
        made = [f"yolo{number}_{part}" for part in tops]
        for part, top in zip(tops, made, strict=True):
            tops[part].append(top)
        own = f'yolo_param {{ boxes: 3 coords: 4 classes: {classes} yolo_version: "V3" softmax: true }}'
        layers.append(layer("Yolo", [name], made, own, name=f"yolo{number}"))
    lines = " ".join(
        f"biases_{scale}: {number}"
        for scale, numbers in zip(("low", "mid", "high"), biases, strict=True)
        for number in numbers.split()
    )
    own = (
        f"yolov3_detection_output_param {{ boxes: 3 classes: {classes} relative: true {lines} "
        f"{parameters} }}"
    )
    bottoms = [*tops["coords"], *tops["obj"], *tops["classes"], "img_info"]
    layers.append(layer("YoloV3DetectionOutput", bottoms, ["box_out", "box_out_num"], own))
    dims = "dim: 1 dim: 4 }"
    info = f'layer {{ name: "img_info" type: "Input" top: "img_info" input_param {{ shape {{ {dims} }} }}'
    if info_first:
        info = f'input: "img_info" input_shape {{ {dims}'
    return "\n".join([text, info, *layers])
