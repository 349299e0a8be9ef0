"""When a network in int8 may take the place of the one that it is of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.frames import Detections
from fleet.models.card import Calibration
from fleet.quantise.agreement import Agreement, agree
from fleet.quantise.verdict import Comparison, Precision, Speed
from fleet.views.quantise import render

GOOD = Comparison(
    calibration=Calibration("s3://archive", 200, 0, "00"),
    videos=6,
    left_out=(),
    compared=200,
    above=0.4,
    agreement=Agreement(100, 100, 97, 0.01),
    precision=Precision(0.5, 0.495),
    speed=Speed(0.010, 0.006, 31),
)


def boxes(*found: tuple[float, float, int, float]) -> Detections:
    """Boxes 10 wide and high, each left, top, class and score."""
    rows = np.array(found, np.float32).reshape(-1, 4)
    corner = rows[:, :2]
    count = len(rows)
    return Detections(
        picture=np.zeros(count, np.int32),
        xyxy=np.hstack([corner, corner + 10]).astype(np.float32),
        score=rows[:, 3],
        class_id=rows[:, 2].astype(np.int32),
        labels=("car", "bus", "van"),
    )


BOXES = st.lists(
    st.tuples(
        st.integers(0, 40).map(float),
        st.integers(0, 40).map(float),
        st.integers(0, 2),
        st.integers(1, 99).map(lambda percent: percent / 100),
    ),
    max_size=12,
).map(lambda found: boxes(*found))


@given(st.lists(BOXES, max_size=4), st.integers(0, 90).map(lambda percent: percent / 100))
def test_a_network_agrees_with_itself(frames: list[Detections], above: float) -> None:
    """All boxes above the score are found by both, with the same scores where none lie alike."""
    found = agree([(one, one) for one in frames], above)
    assert found.boxes == found.boxes_int8 == found.matched
    assert found.boxes == sum(int((one.score > np.float32(above)).sum()) for one in frames)
    assert found.share in ({1.0} if found.boxes else {None})
    assert found.score_difference == 0


@given(BOXES, BOXES)
def test_no_box_is_matched_twice(first: Detections, second: Detections) -> None:
    """So that no more are found by both than either found; frames add up."""
    once = agree([(first, second)], 0.0)
    assert once.matched <= min(len(first), len(second))
    twice = agree([(first, second)] * 2, 0.0)
    assert (twice.boxes, twice.boxes_int8, twice.matched) == (
        2 * once.boxes, 2 * once.boxes_int8, 2 * once.matched,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "matched", "apart"),
    [
        (boxes((1, 0, 0, 0.7)), 1, 0.2),
        (boxes((8, 0, 0, 0.9)), 0, 0.0),
        (boxes((0, 0, 1, 0.9)), 0, 0.0),
        (boxes((0, 0, 0, 0.3)), 0, 0.0),
        (boxes((2, 0, 0, 0.5), (1, 0, 0, 0.8)), 1, 0.1),
    ],
    ids=["moved a little", "moved too far", "another label", "a low score", "two"],
)
def test_boxes_match_that_are_the_same_object(
    other: Detections, matched: int, apart: float
) -> None:
    """By place, label and score; of two the surer one."""
    found = agree([(boxes((0, 0, 0, 0.9)), other)], 0.4)
    assert found.matched == matched
    assert found.score_difference == pytest.approx(apart, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ()),
        ({"agreement": Agreement(100, 90, 90, 0.01)}, ("both find 94.7 % of all boxes, less than 95%",)),
        ({"agreement": Agreement(0, 0, 0, 0.0)}, ("neither finds a box above 0.4 to compare",)),
        ({"precision": Precision(0.5, 0.48)}, ("it loses 0.020 of AP, more than 0.01",)),
        ({"precision": Precision(0.5, None)}, ("it loses 0.500 of AP, more than 0.01",)),
        ({"precision": Precision(None, None)}, ()),
        ({"precision": None}, ()),
        ({"speed": Speed(0.01, 0.01, 31)}, ("it is no faster on this machine",)),
        ({"speed": Speed(0.01, 0.02, 31), "precision": Precision(0.5, 0.4)}, ("it loses 0.100 of AP, more than 0.01", "it is no faster on this machine")),
    ],
)  # fmt: skip
def test_what_speaks_against_it_is_said(changed: dict[str, object], said: tuple[str, ...]) -> None:
    """Each part of the rule by itself, and together."""
    assert replace(GOOD, **changed).objections() == said  # type: ignore[arg-type]


def test_everything_is_printed() -> None:
    """Agreement, scores, AP, both speeds, and what was left out."""
    text = render(replace(GOOD, left_out=("s3://archive/a.mp4: broken",)))
    for said in ("200 frames of 6 videos", "97.0 % of 100 boxes in float and 100 in int8", "0.0100 apart",
                 "0.5000 in float, 0.4950 in int8", "10.00 ms a batch in float, 6.00 ms in int8: 1.67 times", "a.mp4: broken"):  # fmt: skip
        assert said in " ".join(text.split()), said
    assert "AP@" not in render(replace(GOOD, precision=None))
