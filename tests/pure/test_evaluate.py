"""Average precision against cases computed by hand, and how slices are cut."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.evaluate import coco
from fleet.evaluate.coco import evaluate_scene
from fleet.evaluate.curves import draw_curves
from fleet.evaluate.report import render
from fleet.evaluate.scene import Boxes, LeftOut, Scene

Box = tuple[float, float, float, float]
Row = tuple[int, int, Box, float, bool]
"""Image, label, box, score, ignore."""


def seen(image: int, box: Box, score: float = 1.0, label: int = 0, *, ignore: bool = False) -> Row:
    """Make a box in an image."""
    return (image, label, box, score, ignore)


def boxes(rows: Sequence[Row]) -> Boxes:
    """Bring boxes into columns."""
    return Boxes(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64).reshape(-1, 4),
        np.array([row[3] for row in rows], np.float64),
        np.array([row[4] for row in rows], np.bool_),
    )


def scene(
    truth: Sequence[Row],
    found: Sequence[Row],
    cameras: Sequence[str] = ("a",),
    lights: Sequence[str] | None = None,
    labels: tuple[str, ...] = ("car",),
) -> Scene:
    """Make a scene with one image a camera name."""
    return Scene(
        labels=labels,
        camera=np.array(cameras, object),
        light=None if lights is None else np.array(lights, object),
        truth=boxes(truth),
        detections=boxes(found),
        videos=len(set(cameras)),
        left_out=LeftOut(0, 0, {}),
    )


A: Box = (0, 0, 100, 100)
B: Box = (200, 0, 300, 100)
FAR: Box = (500, 500, 600, 600)


@pytest.mark.parametrize(
    ("truth", "found", "ap50", "ap"),
    [
        pytest.param([seen(0, A)], [seen(0, A, 0.3)], 1, 1, id="found exactly"),
        pytest.param([seen(0, A)], [], 0, 0, id="missed"),
        pytest.param([seen(0, A)], [seen(0, A, 0.3), seen(0, FAR, 0.9)], 1 / 2, 1 / 2, id="a surer false alarm halves the precision"),
        pytest.param([seen(0, A)], [seen(0, A, 0.9), seen(0, FAR, 0.3)], 1, 1, id="a false alarm after everything is found costs nothing"),
        pytest.param([seen(0, A), seen(0, B)], [seen(0, A, 0.5)], 51 / 101, 51 / 101, id="half found: recall 0 to 0.50"),
        pytest.param([seen(0, A)], [seen(0, (0, 0, 100, 62), 0.5)], 1, 3 / 10, id="IoU 0.62 reaches three of ten thresholds"),
        pytest.param([seen(0, A)], [seen(0, (0, 0, 100, 49), 0.5)], 0, 0, id="IoU 0.49 reaches none"),
        pytest.param(
            [seen(0, A), seen(0, B)],
            [seen(0, A, 0.9), seen(0, A, 0.8), seen(0, B, 0.7)],
            (51 + 50 * 2 / 3) / 101,
            (51 + 50 * 2 / 3) / 101,
            id="a second box on the same object is a false alarm",
        ),
        pytest.param(
            [seen(0, A), seen(0, B, ignore=True)],
            [seen(0, B, 0.9), seen(0, B, 0.8), seen(0, A, 0.7)],
            1,
            1,
            id="on what is ignored, nothing counts, as often as it is found",
        ),
        pytest.param([seen(0, A), seen(0, B, ignore=True)], [seen(0, A, 0.7)], 1, 1, id="missing what is ignored costs nothing"),
        pytest.param([seen(0, A), seen(1, B)], [seen(0, A, 0.9), seen(1, A, 0.95), seen(1, B, 0.8)], 2 / 3, 2 / 3, id="images are apart"),
        pytest.param([seen(0, A)], [seen(0, A, 0.5), seen(1, A, 0.9)], 1 / 2, 1 / 2, id="a false alarm in an empty image counts"),
    ],
)  # fmt: skip
def test_average_precision_is_what_one_computes_by_hand(
    truth: list[Row], found: list[Row], ap50: float, ap: float
) -> None:
    """101 levels of recall, precision made monotone; ten thresholds."""
    score = evaluate_scene(scene(truth, found, cameras=("a", "b"))).overall
    assert score.ap50 == pytest.approx(ap50)
    assert score.ap == pytest.approx(ap)
    assert score.objects == sum(not row[4] for row in truth)


def test_labels_count_alike_and_apart() -> None:
    """A car is no bus; the whole is the mean over labels, however many objects each has."""
    truth = [seen(0, A), seen(0, B), seen(0, FAR, label=1)]
    found = [seen(0, A, 0.9), seen(0, B, 0.9), seen(0, FAR, 0.1)]
    evaluation = evaluate_scene(scene(truth, found, labels=("car", "bus")))
    assert evaluation.by_class["car"].ap50 == pytest.approx(1)
    assert evaluation.by_class["bus"].ap50 == 0
    assert evaluation.overall.ap50 == pytest.approx(1 / 2)
    assert evaluation.overall.recall50 == pytest.approx(1 / 2)


def test_sizes_are_judged_by_themselves() -> None:
    """What is found of another size is neither hit nor miss; sizes without objects have no score."""
    truth = [seen(0, (0, 0, 20, 20)), seen(0, (100, 100, 150, 150))]
    found = [seen(0, (100, 100, 150, 150), 0.5), seen(0, (300, 300, 320, 320), 0.9)]
    by_size = evaluate_scene(scene(truth, found)).by_size
    small, medium, large = by_size.values()
    assert (small.objects, small.ap50) == (1, 0)
    assert medium.objects == 1
    assert medium.ap50 == pytest.approx(1)
    assert (large.objects, large.ap50, large.precision) == (0, None, None)


def test_cameras_and_lights_are_judged_by_themselves() -> None:
    """An image whose light is not known is in no light, and in the whole."""
    truth = [seen(0, A), seen(1, A), seen(2, A)]
    found = [seen(0, A, 0.9), seen(2, FAR, 0.95), seen(2, A, 0.5)]
    evaluation = evaluate_scene(scene(truth, found, ("x", "y", "x"), ("day", "day", "")))
    assert list(evaluation.by_camera) == ["x", "y"]
    # Camera x, by score: a false alarm, then two hits: precision 1/2, then 2/3.
    assert evaluation.by_camera["x"].ap50 == pytest.approx(2 / 3)
    assert evaluation.by_camera["y"].ap50 == 0
    assert list(evaluation.by_light) == ["day"]
    assert evaluation.by_light["day"].ap50 == pytest.approx(51 / 101)
    assert evaluation.overall.objects == 3


def test_cameras_that_see_the_same_images_are_evaluated_once_and_none_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of an archive with many cameras the curves of all labels would take gigabytes."""
    counts = []

    class Part(coco._Part):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            parts.add(self)
            counts.append(len(parts))

    parts: weakref.WeakSet[Part] = weakref.WeakSet()
    monkeypatch.setattr(coco, "_Part", Part)
    names = ("a", "b", "c", "d")
    found = [seen(image, A) for image in range(4)]
    evaluation = evaluate_scene(scene(found, found, names, names))
    assert set(evaluation.by_camera) == set(evaluation.by_light) == set(names)
    # That of all images, and one at a time.
    assert counts == [1, 2, 2, 2, 2]


def some_boxes(scores: st.SearchStrategy[float]) -> st.SearchStrategy[list[Row]]:
    """Boxes on a coarse grid, so that many of them overlap."""
    corner, side = st.integers(0, 4).map(lambda n: 30.0 * n), st.sampled_from([25.0, 40.0, 110.0])
    box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, side, side)
    row = st.builds(seen, st.integers(0, 3), box, scores, st.integers(0, 1), ignore=st.booleans())
    return st.lists(row, max_size=12)


@settings(max_examples=40)
@given(some_boxes(st.just(1.0)), some_boxes(st.floats(0.01, 1)))
def test_a_slice_is_what_it_would_be_alone(truth: list[Row], found: list[Row]) -> None:
    """Judging all images once and summing up some gives what judging only these gives."""
    found = [(*row[:4], False) for row in found]
    whole = evaluate_scene(scene(truth, found, ("x", "x", "y", "y"), labels=("car", "bus")))
    alone = evaluate_scene(
        scene(
            [row for row in truth if row[0] < 2],
            [row for row in found if row[0] < 2],
            ("x", "x"),
            labels=("car", "bus"),
        )
    )
    one, other = whole.by_camera["x"], alone.overall
    assert (one.objects, one.ap50, one.ap, one.recall50) == (
        other.objects,
        other.ap50,
        other.ap,
        other.recall50,
    )


def test_the_report_fits_a_terminal_and_says_what_is_left_out() -> None:
    """80 columns, whatever the names; a dash where there is nothing to score."""
    cameras = [f"camera-{number:02}-{'long' * 12}" for number in range(40)]
    truth = [seen(0, A), seen(1, A), seen(2, B, ignore=True)]
    made = scene(truth, [seen(0, A, 0.8)], cameras, ["night"] * 40)
    made = replace(made, left_out=LeftOut(3, 17, {"sports ball": 52, "frisbee": 3, "kite": 1}))
    text = render(made, evaluate_scene(made))
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    for words in (
        "3 of the output without truth",
        "2 objects, 1 more to be ignored; 17 on other frames",
        "sports ball 52, frisbee 3, kite 1",
        "0.505",
        "by light",
        "night",
        "and 10 more",
    ):
        assert words in flat
    (row,) = [line for line in text.splitlines() if "large" in line]
    assert row.split()[-4:] == ["2", "0.505", "0.505", "0.500"]
    (row,) = [line for line in text.splitlines() if "small" in line]
    assert row.split()[-4:] == ["0", "-", "-", "-"]


def test_curves_are_pictures_of_what_can_be_scored() -> None:
    """A PNG a way of splitting; none where nothing has a score."""
    made = scene([seen(0, A)], [seen(0, A, 0.8)])
    drawn = dict(draw_curves(evaluate_scene(made)))
    assert sorted(drawn) == ["pr_camera.png", "pr_class.png", "pr_size.png"]
    assert all(png.startswith(b"\x89PNG\r\n") for png in drawn.values())
    nothing = scene([seen(0, A, ignore=True)], [seen(0, A, 0.8)])
    assert dict(draw_curves(evaluate_scene(nothing))) == {}
