"""What is drawn to be decoded again, and how tables are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.driver.recheck.compare import TOLERANCE, Comparison, WantedFrames, compare
from fleet.driver.recheck.sample import draw, gops_at
from fleet.table.parts.schema import ERRORS, FRAMES

WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e9)), max_size=20)
SEEDS = st.integers(0, 2**64)


@given(WEIGHTS, st.integers(1, 50), SEEDS)
def test_a_draw_is_of_videos_that_have_something(
    weights: list[float], count: int, seed: int
) -> None:
    """As many places as asked for, in order, none in a video without weight; none of nothing."""
    places = draw(weights, count, seed)
    assert len(places) == (count if any(weights) else 0)
    assert all(weights[video] > 0 and 0 <= share < 1 for video, share in places)
    assert all(one <= other for one, other in pairwise(places))


@given(SEEDS)
def test_a_draw_is_spread_over_all_videos(seed: int) -> None:
    """Of as many equal videos as places each gets one; twice the weight gets twice as many."""
    assert [video for video, _ in draw([7.0] * 9, 9, seed)] == list(range(9))
    counts = np.bincount([video for video, _ in draw([2.0, 1.0], 30, seed)])
    assert counts.tolist() == [20, 10]


def test_the_same_seed_draws_the_same_places_and_another_one_others() -> None:
    """As numbers that are written down here: they do not change from version to version."""
    drawn = draw([3.0, 1.0], 4, 7)
    assert drawn == draw([3.0, 1.0], 4, 7) != draw([3.0, 1.0], 4, 8)
    assert drawn[0][0] == 0
    assert drawn[0][1] == pytest.approx(0.1079442765)


def test_a_share_of_frames_leads_to_the_gop_that_has_them() -> None:
    """GOPs without a frame are never drawn; two places in one GOP count once."""
    frames = np.array([0, 4, 0, 4, 2, 0])
    assert gops_at([0.0, 0.39, 0.4, 0.79, 0.8, 0.9999], frames) == [1, 3, 4]
    assert gops_at([0.5], np.zeros(3, np.int64)) == gops_at([0.5], np.zeros(0, np.int64)) == []


ROWS = pa.schema(
    [
        ("frame", pa.int64()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("score", pa.float32()),
    ]
)
FRAME = {"uri": "a", "time_s": 0.0, "rows": 1}
LOSS = dict.fromkeys(ERRORS.names) | {"uri": "a", "stage": "vdec", "name": "Broken"}
WANTED = WantedFrames(np.arange(4), np.arange(4) * 10)
WHOLE = [(0, "car", 0.5), (1, "car", 0.25), (1, "dog", 0.75), (3, "car", 0.5)]


def tables(
    rows: Sequence[tuple[Any, ...]],
    frames: Sequence[int],
    losses: Sequence[tuple[int | None, int | None]] = (),
) -> Mapping[str, pa.Table]:
    """Make the tables of a stretch: rows, frames, and the spans of losses."""
    return {
        "boxes": pa.Table.from_pylist(
            [dict(zip(ROWS.names, row, strict=True)) for row in rows], ROWS
        ),
        "errors": pa.Table.from_pylist(
            [LOSS | {"start_pts": start, "end_pts": end} for start, end in losses], ERRORS
        ),
        "frames": pa.Table.from_pylist(
            [FRAME | {"frame": number, "pts": 10 * number} for number in frames], FRAMES
        ),
    }


def differences(stored: Any, made: Any) -> Mapping[int, str]:
    """Compare, and return what differs."""
    return compare(WANTED, tables(*stored), tables(*made)).differences


def test_equal_tables_are_equal_whatever_the_order_of_their_frames() -> None:
    """Rows of a frame keep their order; parts of several leases may come in any."""
    made = tables(WHOLE, [0, 1, 2, 3])
    turned = tables([WHOLE[3], WHOLE[1], WHOLE[2], WHOLE[0]], [3, 1, 2, 0])
    assert compare(WANTED, turned, made) == Comparison(4, 4, 0, 0, {}, {})
    swapped = tables([WHOLE[0], WHOLE[2], WHOLE[1], WHOLE[3]], [0, 1, 2, 3])
    assert list(compare(WANTED, swapped, made).differences) == [1]


@pytest.mark.parametrize(
    ("at", "row", "said"),
    [
        (0, (0, "dog", 0.5), "label dog, and car when decoded again"),
        (0, (0, None, 0.5), "label None, and car when decoded again"),
        (3, (3, "car", 0.51), "score 0.51, and 0.5 when decoded again"),
        (3, (3, "car", None), "score None, and 0.5 when decoded again"),
        (3, (3, "car", float("nan")), "score nan, and 0.5 when decoded again"),
        (0, (1, "car", 0.5), "it has 0 rows, and 1 when decoded again"),
    ],
)
def test_another_value_is_a_difference_of_its_frame(at: int, row: Any, said: str) -> None:
    """Of text, of a float, of a null, of a row that is of another frame."""
    altered = [*WHOLE[:at], row, *WHOLE[at + 1 :]]
    found = differences((altered, [0, 1, 2, 3]), (WHOLE, [0, 1, 2, 3]))
    assert found[WHOLE[at][0]] == said


def test_floats_may_be_rounded_otherwise_and_that_is_counted() -> None:
    """Within TOLERANCE, which is small; a NaN is itself."""
    nan = (0, "car", float("nan"))
    near = (3, "car", 0.5 * (1 + TOLERANCE / 2))
    found = compare(
        WANTED,
        tables([nan, *WHOLE[1:3], near], [0, 1, 2, 3]),
        tables([nan, *WHOLE[1:]], [0, 1, 2, 3]),
    )
    assert (found.differences, found.rounded, found.rows) == ({}, 1, 4)


def test_a_frame_is_there_or_lost_on_both_sides() -> None:
    """Each way in which one side lacks it is said; a recorded loss that comes out now is apart."""
    whole = (WHOLE, [0, 1, 2, 3])
    without_2 = (WHOLE, [0, 1, 3])
    lost_2 = (WHOLE, [0, 1, 3], [(20, 21)])
    assert differences(whole, lost_2)[2] == "it is there, and lost when decoded again: Broken"
    assert differences(without_2, whole)[2] == "it is neither there nor recorded as lost"
    assert differences(without_2, lost_2)[2] == "it is neither there nor recorded as lost"
    assert differences((WHOLE, [0, 1, 2, 3, 9]), whole) == {9: "it is there, and is not wanted"}
    again = compare(WANTED, tables(*lost_2), tables(*lost_2))
    assert (again.lost, again.readable, again.differences) == (1, {}, {})
    now = compare(WANTED, tables(*without_2, [(None, None)]), tables(*whole))
    assert (now.lost, now.readable, now.differences) == (0, {2: "Broken"}, {})


def test_columns_of_any_type_are_compared() -> None:
    """Bytes, and lists of floats, which are equal exactly or not at all."""
    schema = pa.schema(
        [("frame", pa.int64()), ("jpeg", pa.binary()), ("at", pa.list_(pa.float32()))]
    )

    def boxes(jpeg: bytes, at: list[float]) -> Mapping[str, pa.Table]:
        row = {"frame": 0, "jpeg": jpeg, "at": at}
        return {**tables([], [0, 1, 2, 3]), "boxes": pa.Table.from_pylist([row], schema)}

    nan = float("nan")
    stored = boxes(b"12", [1.0, nan])
    assert compare(WANTED, stored, boxes(b"12", [1.0, nan])).differences == {}
    (said,) = compare(WANTED, stored, boxes(b"1234", [1.0, nan])).differences.values()
    assert said == "jpeg 2 bytes, and 4 bytes when decoded again"
    assert list(compare(WANTED, stored, boxes(b"12", [2.0, nan])).differences) == [0]
