"""The ends that ATC adds to YOLOv3: Yolo and YoloV3DetectionOutput, which become Fleet's head.

On the chip these layers activate the maps, filter and suppress. Here the network ends before them,
at its raw maps in the layout of Darknet, and the head yolov3 does the rest, by the anchors and the
overlap that the layer states (ATC's documentation, YOLOv3 prototxt).
"""

from __future__ import annotations

from typing import Any

from fleet.models.caffe.end import DetectionEnd
from fleet.models.caffe.graph import Graph
from fleet.models.caffe.read import layer_title, refuse_caffe

PARTS = ("coords", "obj", "classes")
SCALES = ("biases_low", "biases_mid", "biases_high")


def yolo(graph: Graph, layer: Any) -> list[str]:
    """Read a Yolo: note which map its three tops stand for; only an end may read them."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter, shape = layer.yolo_param, graph.shape(bottom)
    if parameter.yolo_version != "V3" or parameter.background or parameter.softmaxtree:
        what = f"{layer_title(layer)} is of {parameter.yolo_version}, or has a background or tree."
        refuse_caffe(what, "Only V3 without either is read.")
    wanted = parameter.boxes * (parameter.coords + 1 + parameter.classes)
    if parameter.coords != 4 or shape[1] != wanted:
        what = f"{layer_title(layer)} reads {list(shape)}, and {parameter.boxes} boxes of"
        what += f" {parameter.coords} coords and {parameter.classes} classes make {wanted} channels"
        refuse_caffe(f"{what}.", "Correct its yolo_param.")
    values = [f"{bottom}/{part}" for part in PARTS]
    for value, part in zip(values, PARTS, strict=True):
        graph.reserve(value, (bottom, part, parameter.classes, parameter.boxes))
    return values


def detection_output(graph: Graph, layer: Any) -> DetectionEnd:
    """Read a YoloV3DetectionOutput.

    Raises ModelRefusedError where its parts do not belong together.
    """
    parameter = layer.yolov3_detection_output_param
    bottoms = graph.bottoms(layer, 10)
    found = [graph.reserved(value) for value in bottoms[:9]]
    maps = [item and item[0] for item in found[:3]]
    wanted = [(name, part) for part in PARTS for name in maps]
    if None in found or [item[:2] for item in found if item] != wanted:
        what = f"{layer_title(layer)} does not read three Yolo layers."
        way_out = (
            "Its bottoms are the three coords, the three obj, the three classes, and img_info."
        )
        refuse_caffe(what, way_out)
    numbers = [list(getattr(parameter, scale)) for scale in SCALES]
    if any(len(values) != 2 * parameter.boxes for values in numbers):
        what = f"{layer_title(layer)} has {[len(values) for values in numbers]} biases for"
        refuse_caffe(f"{what} {parameter.boxes} boxes.", "Each map has a width and height a box.")
    if any(item[2:] != (parameter.classes, parameter.boxes) for item in found if item):
        what = f"{layer_title(layer)} has {parameter.boxes} boxes of {parameter.classes} classes,"
        refuse_caffe(f"{what} and a Yolo before it others.", "Correct the prototxt.")
    if not parameter.relative or parameter.coords != 4:
        refuse_caffe(f"{layer_title(layer)} is not relative, with 4 coords.", "It must be.")
    return DetectionEnd(
        layer=layer.type,
        head="yolov3",
        outputs={graph.blob_of(name): name for name in maps if name},
        classes=parameter.classes,
        iou=round(parameter.iou_threshold, 6),
        limits=(
            f"obj_threshold {parameter.obj_threshold:g} and score_threshold "
            f"{parameter.score_threshold:g}, and pre_nms_topn limits nothing"
        ),
        anchors=tuple(tuple(zip(n[::2], n[1::2], strict=True)) for n in numbers),
        info=layer.bottom[9],
    )
