"""Average precision against pycocotools, the reference that papers quote."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fleet.evaluate.coco import MOST_BOXES, SIZES, evaluate_scene
from fleet.evaluate.scene import Boxes, LeftOut, Scene
from fleet.evaluate.score import Score

IMAGES, LABELS = 4, ("car", "bus", "person")
SCORES = np.arange(1, 6) / 7


@st.composite
def some_boxes(draw: st.DrawFn, *, true: bool) -> Boxes:
    """Boxes on a coarse grid, so that many overlap; scores of few values, so that many are equal.

    Some are no scores that a detector of Fleet's gives, as a job of one's own may write them.
    """
    count = draw(st.integers(0, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    corner = rng.integers(0, 4, (count, 2)) * 25.0
    extent = rng.choice([20.0, 31.5, 40.0, 110.0], (count, 2))
    return Boxes(
        rng.integers(0, IMAGES, count),
        rng.integers(0, len(LABELS), count),
        np.concatenate([corner, corner + extent], axis=1),
        np.ones(count) if true else rng.choice([*SCORES, np.nan, np.inf, -1.0], count),
        (rng.random(count) < 0.3) & true,
    )


def reference(scene: Scene, images: NDArray[np.bool_]) -> COCOeval:
    """Return what pycocotools computes of some images."""
    with redirect_stdout(io.StringIO()):
        coco = COCOeval(as_coco(scene.truth), as_coco(scene.detections), "bbox")
        coco.params.maxDets = [MOST_BOXES]
        coco.params.imgIds = np.flatnonzero(images).tolist()
        coco.params.areaRng = [[0.0, 1e10], *(list(area) for area in SIZES.values())]
        coco.evaluate()
        coco.accumulate()
    return coco


def as_coco(boxes: Boxes) -> COCO:
    """Return boxes as pycocotools takes them; ids begin at 1."""
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in range(IMAGES)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(LABELS)],
        "annotations": [
            {
                "id": number + 1,
                "image_id": int(boxes.image[number]),
                "category_id": int(boxes.label[number]),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "score": float(boxes.score[number]),
                "iscrowd": int(boxes.ignore[number]),
            }
            for number, (x1, y1, x2, y2) in enumerate(boxes.xyxy.tolist())
        ],
    }
    coco.createIndex()
    return coco


def agrees(score: Score, coco: COCOeval, labels: list[int], size: int) -> None:
    """Check a score against the mean over those labels that have an object."""
    recall = coco.eval["recall"][:, labels, size, 0]
    counted = recall[0] >= 0
    assert (score.ap50 is None) == (not counted.any())
    if score.ap50 is not None:
        precision = coco.eval["precision"][:, :, labels, size, 0][:, :, counted]
        assert score.ap50 == pytest.approx(precision[0].mean(), abs=1e-12)
        assert score.ap == pytest.approx(precision.mean(), abs=1e-12)
        assert score.recall50 == pytest.approx(recall[0, counted].mean(), abs=1e-12)
        assert score.precision == pytest.approx(precision[0].mean(1), abs=1e-12)


@settings(max_examples=60)
@given(some_boxes(true=True), some_boxes(true=False))
def test_every_slice_has_the_figures_of_pycocotools(truth: Boxes, found: Boxes) -> None:
    """Over all, by label, by size, by camera and by light; what is ignored counts for neither."""
    cameras = np.array(["x", "x", "y", "y"], object)
    lights = np.array(["day", "night", "day", ""], object)
    scene = Scene(LABELS, cameras, lights, truth, found, 2, LeftOut(0, 0, {}))
    evaluation = evaluate_scene(scene)
    everything = list(range(len(LABELS)))
    whole = reference(scene, np.ones(IMAGES, np.bool_))
    agrees(evaluation.overall, whole, everything, 0)
    for number, label in enumerate(LABELS):
        agrees(evaluation.by_class[label], whole, [number], 0)
    for number, size in enumerate(SIZES, 1):
        agrees(evaluation.by_size[size], whole, everything, number)
    for names, slices in ((cameras, evaluation.by_camera), (lights, evaluation.by_light)):
        for name, score in slices.items():
            agrees(score, reference(scene, np.equal(names, name)), everything, 0)
