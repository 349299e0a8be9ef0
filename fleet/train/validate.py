"""The validation of the network on streets that it was not trained on, as `fleet eval` does it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fleet.evaluate.coco import evaluate_scene
from fleet.evaluate.scene import Boxes, LeftOut, Scene
from fleet.evaluate.score import Evaluation
from fleet.models.heads.yolov3 import YoloV3
from fleet.models.nms import suppress
from fleet.street.scene.clip import LABELS
from fleet.train.data.batches import on_canvas
from fleet.train.data.pictures import CANVAS
from fleet.train.data.samples import Samples
from fleet.train.data.targets import ANCHORS, ignored
from fleet.train.network import StreetNet

THRESHOLD = 0.02
_AT_ONCE = 10


def validate(network: StreetNet, clips: Sequence[Samples], lights: Sequence[str]) -> Evaluation:
    """Detect figures in all pictures of `clips`, and compare them with the truth.

    `lights` names the light of each clip. Pictures are whole canvases, as for inference, and boxes
    are in their pixels.
    """
    head = YoloV3(anchors=ANCHORS)
    truths, found, image = [], [], 0
    for clip in clips:
        for start in range(0, len(clip), _AT_ONCE):
            bands = np.asarray(clip.bands[start : start + _AT_ONCE])
            for number, boxes in enumerate(_find(network, head, bands)):
                rows = clip.of(start + number).copy()
                rows[:, 0] = image
                truths.append(rows)
                found.append(np.column_stack([np.full(len(boxes), image), boxes]))
                image += 1
    truth = on_canvas(np.zeros((0, 256, 416, 3), np.uint8), np.concatenate(truths))[1]
    detections = np.concatenate(found)
    names = np.repeat([str(light) for light in lights], [len(clip) for clip in clips])
    return evaluate_scene(
        Scene(
            labels=LABELS,
            camera=names.astype(object),
            light=names.astype(object),
            truth=_boxes(truth, truth[:, 2:6], np.ones(len(truth)), ignored(truth)),
            detections=_boxes(
                detections, detections[:, 2:6], detections[:, 6], np.zeros(len(detections), bool)
            ),
            videos=len(clips),
            left_out=LeftOut(0, 0, {}),
        )
    )


def _find(network: StreetNet, head: YoloV3, bands: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return for each picture the detected boxes: class, x1, y1, x2, y2, score, f32 [n, 6]."""
    canvas, _ = on_canvas(bands, np.zeros((0, 7), np.float32))
    network.eval()
    with torch.no_grad():
        pictures = torch.from_numpy(canvas).permute(0, 3, 1, 2).float() / 255
        maps = [values.float().numpy() for values in network(pictures)]
    network.train()
    results = []
    for candidates in head.decode(maps, CANVAS, THRESHOLD):
        xyxy, score, label = candidates.xyxy, candidates.score, candidates.class_id
        kept = suppress(xyxy, score, label, head.iou)
        results.append(np.column_stack([label[kept], xyxy[kept], score[kept]]).astype(np.float32))
    return results


def _boxes(
    rows: NDArray[np.float32],
    xyxy: NDArray[np.float32],
    score: NDArray[np.float32] | NDArray[np.float64],
    ignore: NDArray[np.bool_],
) -> Boxes:
    return Boxes(
        rows[:, 0].astype(np.int64),
        rows[:, 1].astype(np.int64),
        xyxy.astype(np.float64),
        score.astype(np.float64),
        ignore,
    )
