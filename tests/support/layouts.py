"""Outputs of networks as exporters lay them out, for three classes on an input of 96 x 64.

Each knows how it is read in loops (`layout_reading`), and is made into a network on request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import layout_reading as reading
import numpy as np
import onnx
from layout_reading import Array, Row
from networks import serialized
from onnx import TensorProto, helper

from fleet.core.geometry import Size

CANVAS = Size(96, 64)
NAMES = ("walker", "rider", "car")
CELLS = 12 * 8 + 6 * 4 + 3 * 2
TINY = (((81, 82), (135, 169), (344, 319)), ((10, 14), (23, 27), (37, 58)))
DARKNET = (*TINY, ((5, 6), (8, 9), (7, 12)))
ULTRALYTICS = {
    "task": "detect",
    "imgsz": "[64, 96]",
    "names": "{0: 'walker', 1: 'rider', 2: 'car'}",
}
FLEETS = {"fleet.labels": "\n".join(NAMES)}
Outputs = dict[str, Array]


class Chance:
    """Random arrays of one seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def share(self, *shape: int) -> Array:
        """Numbers in 0..1."""
        return self._random.random(shape, np.float32)

    def logits(self, *shape: int) -> Array:
        """Numbers in -3..3."""
        return self.share(*shape) * 6 - 3

    def whole(self, most: int, *shape: int) -> Array:
        """Whole numbers below `most`."""
        return self._random.integers(0, most, shape)

    def columns(self, rows: int, *limits: float) -> Array:
        """[1, rows, n]: shares, each column times its limit."""
        return self.share(1, rows, len(limits)) * np.array(limits, np.float32)


@dataclass(frozen=True)
class Layout:
    """One exporter's outputs of one family."""

    name: str
    head: str
    make: Callable[[Chance], Outputs]
    """Random outputs, in the order of the network."""
    read: Callable[[Outputs], Iterator[Row]]
    """Every box: x1, y1, x2, y2, score, class."""
    metadata: Mapping[str, str] = field(default_factory=lambda: FLEETS)
    labels: tuple[str, ...] = NAMES
    anchors: tuple[tuple[tuple[float, float], ...], ...] = ()

    def make_once(self) -> Outputs:
        """The outputs that `network` puts out by default."""
        return self.make(Chance(0))

    def network(self, seed: int = 0) -> bytes:
        """A network that puts such outputs out, whatever it sees."""
        outputs = self.make(Chance(seed))
        kinds = {name: helper.np_dtype_to_tensor_dtype(v.dtype) for name, v in outputs.items()}
        content = serialized(
            [helper.make_node("Identity", [f"{name}_value"], [name]) for name in outputs],
            [("images", TensorProto.FLOAT, (1, 3, CANVAS.height, CANVAS.width))],
            [(name, kinds[name], value.shape) for name, value in outputs.items()],
            {f"{name}_value": value for name, value in outputs.items()},
            17,
        )
        model = onnx.load_model_from_string(content)
        helper.set_model_props(model, dict(self.metadata))
        changed: bytes = model.SerializeToString()
        return changed


def _maps(chance: Chance, **grids: int) -> Outputs:
    return {name: chance.logits(1, 24, 64 // s, 96 // s) for name, s in grids.items()}


def _rows(chance: Chance, count: int) -> Array:
    return chance.columns(count, 96, 64, 40, 40, *[1] * 4)


def _raw_rows(chance: Chance) -> Array:
    return chance.columns(CELLS, *[1] * 8)


def _nanodet_parts(chance: Chance) -> Outputs:
    cells = {8: 96, 16: 24, 32: 6}
    scores = {f"cls_pred_stride_{s}": chance.share(1, n, 3) for s, n in cells.items()}
    return scores | {f"dis_pred_stride_{s}": chance.logits(1, n, 32) for s, n in cells.items()}


def _joined(outputs: Outputs, word: str) -> Array:
    return np.concatenate([v for k, v in outputs.items() if k.startswith(word)], axis=1)


def _ssd_priors(chance: Chance) -> Array:
    low = chance.share(40, 2) / 2
    priors = np.concatenate([low, low + np.float32(0.1) + chance.share(40, 2) / 3], axis=1)
    variances = np.tile(np.array([0.1, 0.1, 0.2, 0.2], np.float32), 40)
    return np.stack([priors.ravel(), variances])[None]


def _detections(chance: Chance, limit: float) -> tuple[Array, Array, Array]:
    return chance.share(1, 20, 4) * np.float32(limit), chance.share(1, 20), chance.whole(3, 1, 20)


def _efficient(c: Chance) -> Outputs:
    places, scores, classes = _detections(c, 64)
    count = c.whole(20, 1, 1).astype(np.int32)
    named = {"num_dets": count, "det_boxes": places, "det_scores": scores}
    return named | {"det_classes": classes.astype(np.int32)}


def _batched(c: Chance) -> Outputs:
    made = list(_efficient(c).values())
    names = ("num_detections", "nmsed_boxes", "nmsed_scores", "nmsed_classes")
    return dict(zip(names, [*made[:3], made[3].astype(np.float32)], strict=True))


def _tensorflow(c: Chance) -> Outputs:
    places, scores, classes = _detections(c, 1)
    names = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    values = (places, (classes + 1).astype(np.float32), scores, np.array([13], np.float32))
    return dict(zip(names, values, strict=True))


def _finished(c: Chance) -> Outputs:
    places, scores, classes = _detections(c, 64)
    return {"labels": classes, "boxes": places, "scores": scores}


def _paddle(chance: Chance, *names: str) -> Outputs:
    rows = chance.columns(20, 2, 1, 96, 64, 96, 64)[0]
    rows[:, 0] = rows[:, 0].round()
    values: dict[int, Array] = {2: rows, 1: chance.whole(20, 1).astype(np.int32)}
    return {name: values[2 if at == 0 else 1] for at, name in enumerate(names)}


def _mmdeploy(chance: Chance) -> Outputs:
    places, scores, classes = _detections(chance, 64)
    return {"dets": np.concatenate([places, scores[..., None]], axis=2), "labels": classes}


def _unbatched(chance: Chance, *names: str) -> Outputs:
    places, scores, classes = _detections(chance, 64)
    made = {"boxes": places[0], "scores": scores[0], "labels": classes[0]}
    return {name: made[name] for name in names}


def _unbatched_read(o: Outputs) -> Iterator[Row]:
    places, scores, classes = (o[name][None] for name in ("boxes", "scores", "labels"))
    return reading.boxes(places, scores, classes, None, relative=False)


def _selection(chance: Chance) -> Outputs:
    pairs = chance.whole(90, 12)
    indices = np.stack([pairs * 0, pairs // 30, pairs % 30], axis=1)
    places, scores = chance.share(1, 30, 4) * np.float32(64), chance.share(1, 3, 30)
    return {"boxes_all": places, "scores_all": scores, "indices": indices}


def _sevens(chance: Chance) -> Outputs:
    rows = chance.columns(15, 0, 96, 64, 96, 64, 2, 1)[0]
    return {"output": rows.round() * [1, 1, 1, 1, 1, 1, 0] + rows * [0, 0, 0, 0, 0, 0, 1]}


def _six(chance: Chance) -> Array:
    rows = chance.columns(30, 96, 64, 96, 64, 1, 2)
    rows[..., 5] = rows[..., 5].round()
    return rows


def _centre(chance: Chance, *names: str) -> Outputs:
    heat = chance.logits(1, 3, 16, 24) if names[0] == "hm" else chance.share(1, 3, 16, 24)
    maps = [chance.share(1, 2, 16, 24) * np.float32(8), chance.share(1, 2, 16, 24)]
    return dict(zip(names, [heat, *maps], strict=True))


def _face(chance: Chance, *names: str) -> Outputs:
    channels = (1, 2, 2, 10)
    return {n: chance.share(1, c, 16, 24) for n, c in zip(names, channels, strict=True)}


def _first(outputs: Outputs) -> Array:
    return next(iter(outputs.values()))


def _named(*names: str) -> Callable[[Outputs], list[Array]]:
    return lambda outputs: [outputs[name] for name in names]


def _face_read(o: Outputs) -> Iterator[Row]:
    return reading.centerface(*list(o.values())[:3])


R = reading
NOTED = FLEETS | {"fleet.head": "yolov3"}
FACE = {"fleet.labels": "face"}
RTDETR = ULTRALYTICS | {"description": "Ultralytics rtdetr-l model trained on street.yaml"}

YOLO11 = ULTRALYTICS | {
    "description": "Ultralytics YOLO11n model trained on coco.yaml",
    "author": "Ultralytics",
    "date": "2026-01-14T08:00:00.000000",
    "version": "8.3.0",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
    "docs": "https://docs.ultralytics.com",
    "stride": "32",
    "batch": "1",
    "channels": "3",
    "end2end": "False",
    "args": "{'batch': 1, 'half': False, 'dynamic': True, 'simplify': True, 'opset': None, 'nms': False}",
}

LAYOUTS: tuple[Layout, ...] = (
    Layout("Ultralytics YOLOv8", "yolov8", lambda c: {"output0": c.columns(CELLS, 96, 64, 40, 40, 1, 1, 1).transpose(0, 2, 1)}, lambda o: R.yolov8(o["output0"]), ULTRALYTICS),
    Layout("YOLO11 with all of its metadata", "yolov8", lambda c: {"output0": c.columns(CELLS, 96, 64, 40, 40, 1, 1, 1).transpose(0, 2, 1)}, lambda o: R.yolov8(o["output0"]), YOLO11),
    Layout("YOLOv8 with labels alone", "yolov8", lambda c: {"preds": c.columns(CELLS, 96, 64, 40, 40, 1, 1, 1).transpose(0, 2, 1)}, lambda o: R.yolov8(o["preds"])),
    Layout("YOLOv5", "yolov5", lambda c: {"output0": _rows(c, 3 * CELLS)}, lambda o: R.yolov5(o["output0"]), {"stride": "32", "names": "['walker', 'rider', 'car']"}),
    Layout("YOLOv5 with maps", "yolov5", lambda c: {"m8": c.logits(1, 3, 8, 12, 8), "output": _rows(c, 3 * CELLS)}, lambda o: R.yolov5(o["output"])),
    Layout("YOLOv7", "yolov5", lambda c: {"output": _rows(c, 3 * CELLS)}, lambda o: R.yolov5(o["output"])),
    Layout("YOLOX", "yolox", lambda c: {"output": _raw_rows(c)}, lambda o: R.yolox(o["output"])),
    Layout("YOLOX of its ONNX demo", "yolox", lambda c: {"preds": _raw_rows(c)}, lambda o: R.yolox(o["preds"])),
    Layout("YOLO26", "end2end", lambda c: {"output0": _six(c)}, lambda o: R.end2end(o["output0"]), ULTRALYTICS | {"end2end": "True"}),
    Layout("YOLOv10", "end2end", lambda c: {"detections": _six(c)}, lambda o: R.end2end(o["detections"])),
    Layout("FastestDet", "fastestdet", lambda c: {"758": c.share(1, 8, 4, 6)}, lambda o: R.fastestdet(o["758"])),
    Layout("FastestDet by name", "fastestdet", lambda c: {"output": c.share(1, 8, 4, 6)}, lambda o: R.fastestdet(o["output"]), {"names": "['walker', 'rider', 'car']"}),
    Layout("YOLOv3-tiny of Darknet", "yolov3-tiny", lambda c: _maps(c, **{"016_convolutional": 32, "023_convolutional": 16}), lambda o: R.yolov3(list(o.values()), TINY)),
    Layout("YOLOv3-tiny, finest first", "yolov3-tiny", lambda c: _maps(c, **{"023_convolutional": 16, "016_convolutional": 32}), lambda o: R.yolov3(list(o.values()), TINY[::-1])),
    Layout("YOLOv3", "yolov3", lambda c: _maps(c, a=32, b=16, c=8), lambda o: R.yolov3(list(o.values()), DARKNET), anchors=DARKNET),
    Layout("YOLOv3, finest first", "yolov3", lambda c: _maps(c, c=8, b=16, a=32), lambda o: R.yolov3(list(o.values()), DARKNET[::-1]), anchors=DARKNET[::-1]),
    Layout("NanoDet-Plus", "nanodet", lambda c: {"output": np.concatenate([c.share(1, CELLS, 3), c.logits(1, CELLS, 32)], axis=2)}, lambda o: R.nanodet(o["output"][..., :3], o["output"][..., 3:], 0)),
    Layout("NanoDet", "nanodet", _nanodet_parts, lambda o: R.nanodet(_joined(o, "cls"), _joined(o, "dis"), 0.5)),
    Layout("DETR", "detr", lambda c: {"logits": c.logits(1, 25, 4), "pred_boxes": c.share(1, 25, 4)}, lambda o: R.detr(o["logits"], o["pred_boxes"], "softmax")),
    Layout("RT-DETR, D-FINE", "detr", lambda c: {"logits": c.logits(1, 25, 3), "pred_boxes": c.share(1, 25, 4)}, lambda o: R.detr(o["logits"], o["pred_boxes"], "sigmoid")),
    Layout("RF-DETR", "detr", lambda c: {"dets": c.share(1, 25, 4), "labels": c.logits(1, 25, 3)}, lambda o: R.detr(o["labels"], o["dets"], "sigmoid")),
    Layout("Ultralytics RT-DETR", "detr", lambda c: {"output0": c.share(1, 25, 7)}, lambda o: R.detr(o["output0"][..., 4:], o["output0"][..., :4], "activated"), RTDETR),
    Layout("SSD with boxes", "ssd", lambda c: {"scores": c.share(1, 40, 4), "boxes": c.share(1, 40, 4)}, lambda o: R.ssd(o["scores"], o["boxes"], None)),
    Layout("SSD of Caffe", "ssd", lambda c: {"mbox_loc": c.share(1, 160), "mbox_conf_flatten": c.share(1, 160), "mbox_priorbox": _ssd_priors(c)}, lambda o: R.ssd(o["mbox_conf_flatten"], o["mbox_loc"], o["mbox_priorbox"])),
    Layout("EfficientNMS", "efficientnms", _efficient, lambda o: R.boxes(*_named("det_boxes", "det_scores", "det_classes", "num_dets")(o), relative=False)),
    Layout("BatchedNMS", "efficientnms", _batched, lambda o: R.boxes(*_named("nmsed_boxes", "nmsed_scores", "nmsed_classes", "num_detections")(o), relative=False)),
    Layout("D-FINE and RT-DETR as deployed", "boxes", _finished, lambda o: R.boxes(o["boxes"], o["scores"], o["labels"], None, relative=False)),
    Layout("MMDeploy", "boxes", _mmdeploy, lambda o: R.boxes(o["dets"][..., :4], o["dets"][..., 4], o["labels"], None, relative=False)),
    Layout("PaddleDetection", "paddle", lambda c: _paddle(c, "multiclass_nms3_0.tmp_0", "multiclass_nms3_0.tmp_2"), lambda o: R.paddle(o["multiclass_nms3_0.tmp_0"], o["multiclass_nms3_0.tmp_2"])),
    Layout("PaddleDetection of RT-DETR", "paddle", lambda c: _paddle(c, "reshape2_83.tmp_0", "tile_3.tmp_0"), lambda o: R.paddle(o["reshape2_83.tmp_0"], o["tile_3.tmp_0"])),
    Layout("PaddleDetection, number first", "paddle", lambda c: dict(reversed(_paddle(c, "rows", "number").items())), lambda o: R.paddle(o["rows"], o["number"])),
    Layout("Faster R-CNN of torchvision", "torchvision", lambda c: _unbatched(c, "boxes", "labels", "scores"), _unbatched_read),
    Layout("RetinaNet of torchvision", "torchvision", lambda c: _unbatched(c, "boxes", "scores", "labels"), _unbatched_read),
    Layout("TensorFlow", "boxes", _tensorflow, lambda o: R.boxes(*_named("detection_boxes", "detection_scores", "detection_classes", "num_detections")(o), relative=True)),
    Layout("NonMaxSuppression", "onnxnms", _selection, lambda o: R.selected(o["indices"], o["boxes_all"], o["scores_all"])),
    Layout("YOLOv7 with NMS", "onnxnms", _sevens, lambda o: R.rows_of_seven(o["output"])),
    Layout("CenterNet", "centernet", lambda c: _centre(c, "hm", "wh", "reg"), lambda o: R.centernet(*o.values(), logits=True)),
    Layout("CenterNet of MMDetection", "centernet", lambda c: _centre(c, "center_heatmap_preds", "wh_preds", "offset_preds"), lambda o: R.centernet(*o.values(), logits=False)),
    Layout("CenterFace", "centerface", lambda c: _face(c, "537", "538", "539", "540"), _face_read, FACE, ("face",)),
    Layout("CenterFace by name", "centerface", lambda c: _face(c, "heatmap", "scale", "offset", "landmarks"), _face_read, FACE, ("face",)),
)  # fmt: skip
