"""The layers that SSD adds to Caffe: prior boxes, a normalisation, and the end that ATC adds.

On the chip `SSDDetectionOutput` decodes, filters and suppresses. Here the network ends before it,
at offsets, scores and prior boxes, and the head ssd does the rest (ATC's documentation, SSD
prototxt). Prior boxes depend on sizes alone, which are fixed: they become a constant.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.models.caffe.end import DetectionEnd
from fleet.models.caffe.graph import Graph
from fleet.models.caffe.read import layer_title, refuse_caffe

CENTER_SIZE = 2
"""The one code by which offsets are read: centre and size, as SSD is trained."""
SAME = 1e-6
"""Aspect ratios that differ by less are one."""


def prior_box(graph: Graph, layer: Any) -> list[str]:
    """Add the prior boxes of a map over a picture, [1, 2, boxes * 4]: corners 0..1, variances."""
    features, picture = (graph.shape(item) for item in graph.bottoms(layer, 2))
    parameter = layer.prior_box_param
    if len(features) != 4 or len(picture) != 4:
        what = f"{layer_title(layer)} reads {list(features)} and {list(picture)}."
        refuse_caffe(what, "Its bottoms are a map and the picture, [N, channels, height, width].")
    height = parameter.img_h or parameter.img_size or picture[2]
    width = parameter.img_w or parameter.img_size or picture[3]
    sizes = _sizes(layer)
    rows = (parameter.step_h or parameter.step or height / features[2]) * (
        np.arange(features[2]) + parameter.offset
    )
    columns = (parameter.step_w or parameter.step or width / features[3]) * (
        np.arange(features[3]) + parameter.offset
    )
    y, x = np.meshgrid(rows, columns, indexing="ij")
    centre = np.stack([x, y, x, y], axis=-1)[:, :, None]
    half = np.array([[-w, -h, w, h] for w, h in sizes]) / 2
    boxes = (centre + half) / [width, height, width, height]
    if parameter.clip:
        boxes = boxes.clip(0, 1)
    variances = np.broadcast_to(_variances(layer), boxes.shape)
    made = np.stack([boxes.ravel(), variances.ravel()])[None].astype(np.float32)
    return [graph.node("Identity", [graph.constant(made)], made.shape)]


def _sizes(layer: Any) -> list[tuple[float, float]]:
    """Return width and height of the prior boxes of a cell, in Caffe's order."""
    parameter = layer.prior_box_param
    least, most = list(parameter.min_size), list(parameter.max_size)
    if not least or min(least) <= 0 or (most and len(most) != len(least)):
        what = f"{layer_title(layer)} has {len(least)} min_size and {len(most)} max_size."
        refuse_caffe(what, "Each min_size is above 0, and each has a max_size, or none has.")
    if any(high <= low for low, high in zip(least, most, strict=False)):
        refuse_caffe(
            f"{layer_title(layer)} has a max_size that is not above its min_size.", "Correct it."
        )
    ratios = [1.0]
    for ratio in parameter.aspect_ratio:
        if ratio <= 0:
            refuse_caffe(
                f"{layer_title(layer)} has an aspect_ratio of {ratio:g}.", "It is above 0."
            )
        if all(abs(ratio - known) >= SAME for known in ratios):
            ratios += [ratio, 1 / ratio] if parameter.flip else [ratio]
    found = []
    for at, low in enumerate(least):
        found.append((low, low))
        if most:
            found.append((sqrt(low * most[at]),) * 2)
        found += [(low * sqrt(ratio), low / sqrt(ratio)) for ratio in ratios[1:]]
    return found


def _variances(layer: Any) -> NDArray[np.float64]:
    given = list(layer.prior_box_param.variance) or [0.1]
    if len(given) not in {1, 4} or min(given) <= 0:
        what = f"{layer_title(layer)} has the variances {', '.join(f'{v:g}' for v in given)}."
        refuse_caffe(what, "They are one for all, or four: of x, y, width and height.")
    return np.array(given * (4 // len(given)))


def normalize(graph: Graph, layer: Any) -> list[str]:
    """Add a Normalize: by the length of the vector of channels (or of all), times a scale."""
    (bottom,) = graph.bottoms(layer, 1)
    parameter, shape = layer.norm_param, graph.shape(bottom)
    axes = list(range(1, len(shape))) if parameter.across_spatial else [1]
    summed = tuple(1 if axis in axes else length for axis, length in enumerate(shape))
    squares = graph.node("Mul", [bottom, bottom], shape)
    which = graph.constant(np.array(axes, np.int64))
    total = graph.node("ReduceSum", [squares, which], summed, keepdims=1)
    least = graph.constant(np.array(parameter.eps, np.float32))
    length = graph.node("Sqrt", [graph.node("Add", [total, least], summed)], summed)
    unit = graph.node("Div", [bottom, length], shape)
    count = 1 if parameter.channel_shared else shape[1]
    scale = graph.blob(layer, 0, (count,), ()).reshape(-1, *[1] * (len(shape) - 2))
    return [graph.node("Mul", [unit, graph.constant(scale)], shape)]


def ssd_output(graph: Graph, layer: Any) -> DetectionEnd:
    """Read an SSDDetectionOutput.

    Raises ModelRefusedError where its bottoms do not belong together, or it decodes otherwise than
    the head ssd does.
    """
    parameter = layer.ssddetectionoutput_param
    offsets, scores, priors = graph.bottoms(layer, 3)
    shapes = [graph.shape(value) for value in (offsets, scores, priors)]
    batch, classes = shapes[0][0], parameter.num_classes
    count = shapes[2][-1] // 4
    fitting = ((batch, count * 4), (batch, count * classes), (1, 2, count * 4))
    if tuple(shapes) != fitting or classes < 2:
        what = f"{layer_title(layer)} reads {', '.join(str(list(shape)) for shape in shapes)}"
        way_out = (
            "Its bottoms are offsets [N, boxes * 4], scores [N, boxes * classes] and prior boxes "
            "[1, 2, boxes * 4], flattened and joined, the scores behind a Softmax."
        )
        refuse_caffe(
            f"{what} for {classes} classes, of which the first is the background.", way_out
        )
    others = {
        "code_type": (parameter.code_type, CENTER_SIZE),
        "share_location": (parameter.share_location, True),
        "background_label_id": (parameter.background_label_id, 0),
        "variance_encoded_in_target": (parameter.variance_encoded_in_target, False),
        "eta": (parameter.eta, 1.0),
    }
    for name, (given, read) in others.items():
        if given != read:
            what = f"{layer_title(layer)} has {name}: {str(given).lower()}."
            refuse_caffe(what, f"The head ssd reads {name}: {str(read).lower()} alone.")
    if batch > 1:
        # Every output of a head has the batch as its first length, and that may be left open.
        length = graph.node("Shape", [scores], (1,), start=0, end=1)
        times = graph.node("Concat", [length, graph.constant(np.ones(2, np.int64))], (3,), axis=0)
        priors = graph.node("Tile", [priors, times], (batch, 2, count * 4))
    return DetectionEnd(
        layer=layer.type,
        head="ssd",
        outputs={"mbox_conf_flatten": scores, "mbox_loc": offsets, "mbox_priorbox": priors},
        classes=classes - 1,
        iou=round(parameter.iou_threshold, 6),
        limits=(
            f"confidence_threshold {parameter.confidence_threshold:g}, and top_k and keep_top_k "
            "limit nothing"
        ),
    )
