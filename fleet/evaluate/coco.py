"""Average precision as COCO defines it, computed by pycocotools.

Detections are matched in the order of falling score: each hits the unmatched object of its label
that it overlaps most, if the overlap (IoU) reaches the threshold. AP is the mean of the precision,
made monotone, at 101 levels of recall; AP@0.5:0.95 is the mean of AP over the thresholds 0.5, 0.55,
... 0.95. A detection on an ignored object (overlap over the detection's area) is neither hit nor
miss.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fleet.evaluate.scene import Boxes, Scene
from fleet.evaluate.score import Evaluation, Score

MOST_BOXES = 1000
"""Detections of a label in an image that count, best first; COCO's limit of 100 cuts crowds off."""
SIZES = {
    "small, under 32x32 px": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large, from 96x96 px": (96.0**2, 1e10),
}
"""COCO's sizes: the area of a box in square pixels of the source picture, from and to."""
_ANY_SIZE = (0.0, 1e10)


def evaluate_scene(scene: Scene) -> Evaluation:
    """Return the scores of all slices of a scene."""
    matched = _Matched(scene)
    everywhere = np.ones(len(scene), np.bool_)
    sizes = enumerate(SIZES, 1)
    return Evaluation(
        overall=matched.score(everywhere),
        by_class={
            label: matched.score(everywhere, label=number)
            for number, label in enumerate(scene.labels)
        },
        by_camera=matched.split(scene.camera),
        by_size={name: matched.score(everywhere, size=number) for number, name in sizes},
        by_light={} if scene.light is None else matched.split(scene.light),
    )


class _Matched:
    """All images, labels and sizes, matched once by pycocotools; slices of them are summed up."""

    def __init__(self, scene: Scene) -> None:
        self._truth = scene.truth
        self._areas = [_ANY_SIZE, *SIZES.values()]
        with redirect_stdout(io.StringIO()):
            self._coco = COCOeval(_coco(scene, scene.truth), _coco(scene, scene.detections), "bbox")
            self._coco.params.maxDets = [MOST_BOXES]
            self._coco.params.areaRng = [list(area) for area in self._areas]
            self._coco.evaluate()
        self._labels = len(scene.labels)
        answers = np.empty(len(self._coco.evalImgs), np.object_)
        answers[:] = self._coco.evalImgs
        self._answers = answers.reshape(self._labels, len(self._areas), len(scene))

    def split(self, names: NDArray[np.object_]) -> dict[str, Score]:
        """Return the score of the images of each name; images without a name are left out."""
        present = sorted({name for name in names.tolist() if name})
        return {name: self.score(np.equal(names, name)) for name in present}

    def score(self, images: NDArray[np.bool_], label: int | None = None, size: int = 0) -> Score:
        """Return the score of some images.

        `images`: bool [images]. `label`: one label, or None for all. `size`: 1, 2 or 3 for one of
        SIZES, 0 for any.
        """
        labels = np.arange(self._labels) if label is None else np.array([label])
        precision, recall = self._accumulate(images, labels, size)
        least, most = self._areas[size]
        truth = self._truth
        counted = images[truth.image] & np.isin(truth.label, labels) & ~truth.ignore
        counted &= (truth.area >= least) & (truth.area <= most)
        has_objects = recall[0] >= 0
        if not has_objects.any():
            return Score(int(counted.sum()), None, None, None, None)
        curves = precision[0][:, has_objects]
        return Score(
            objects=int(counted.sum()),
            ap50=float(curves.mean()),
            ap=float(precision[:, :, has_objects].mean()),
            recall50=float(recall[0][has_objects].mean()),
            precision=curves.mean(axis=1),
        )

    def _accumulate(
        self, images: NDArray[np.bool_], labels: NDArray[np.int64], size: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum up a slice.

        Return the precision, float64 [thresholds, 101, labels], and the recall, float64
        [thresholds, labels]; -1 for labels without an object.
        """
        part = copy(self._coco)
        params = copy(self._coco.params)
        params.imgIds = np.flatnonzero(images).tolist()
        params.catIds = labels.tolist()
        params.areaRng = [list(self._areas[size])]
        part.params = params
        # accumulate() finds images by their place among those evaluated, here those of the part.
        part._paramsEval = params  # noqa: SLF001 - there is no public way to sum up a part
        part.evalImgs = self._answers[labels][:, size][:, images].ravel().tolist()
        with redirect_stdout(io.StringIO()):
            part.accumulate()
        return part.eval["precision"][:, :, :, 0, 0], part.eval["recall"][:, :, 0, 0]


def _coco(scene: Scene, boxes: Boxes) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in range(len(scene))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(scene.labels)],
        "annotations": _annotations(boxes),
    }
    coco.createIndex()
    return coco


def _annotations(boxes: Boxes) -> list[dict[str, Any]]:
    origin, extent = boxes.xyxy[:, :2], boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    columns = (
        boxes.image.tolist(),
        boxes.label.tolist(),
        np.concatenate([origin, extent], axis=1).tolist(),
        boxes.area.tolist(),
        boxes.score.tolist(),
        boxes.ignore.astype(int).tolist(),
    )
    names = ("image_id", "category_id", "bbox", "area", "score", "iscrowd")
    # pycocotools reads 0 as "matched to none", so ids begin at 1.
    rows = enumerate(zip(*columns, strict=True), 1)
    return [{"id": number, **dict(zip(names, row, strict=True))} for number, row in rows]
