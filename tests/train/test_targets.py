"""Which cells are to find a figure: read back, targets are the truth."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.geometry import Size
from fleet.train.data.targets import ANCHORS, STRIDES, assign

BAND = Size(416, 256)


@st.composite
def figures(draw: st.DrawFn) -> tuple[float, ...]:
    """Draw one row of truth within the band."""
    left, top = draw(st.integers(0, 400)), draw(st.integers(0, 240))
    right = draw(st.integers(left + 1, 416))
    bottom = draw(st.integers(top + 1, 256))
    image, label = draw(st.integers(0, 1)), draw(st.integers(0, 3))
    return (image, label, left, top, right, bottom, draw(st.sampled_from([0.0, 0.5, 0.71])))


@given(st.lists(figures(), max_size=12))
def test_targets_are_figures_that_count(rows: list[tuple[float, ...]]) -> None:
    """Each target is one of them, in the cell of its centre; no cell and anchor has two."""
    truth = np.array(rows, np.float32).reshape(-1, 7)
    counted = {tuple(row[:6]) for row in rows if row[6] <= 0.7 and row[5] - row[3] >= 8}
    for target, stride in zip(assign(truth, 2, BAND), STRIDES, strict=True):
        places = set()
        for image, anchor, row, column, box, label in zip(
            target.image, target.anchor, target.row, target.column, target.xyxy, target.label,
            strict=True,
        ):  # fmt: skip
            assert (image, label, *box) in counted
            assert column == min((box[0] + box[2]) / 2 // stride, 416 // stride - 1)
            assert row == min((box[1] + box[3]) / 2 // stride, 256 // stride - 1)
            places.add((image, anchor, row, column))
        assert len(places) == len(target.image)


@given(figures())
def test_a_lone_figure_has_a_cell_to_find_it(row: tuple[float, ...]) -> None:
    """Whatever its shape, unless it is to be ignored."""
    counts = row[6] <= 0.7 and row[5] - row[3] >= 8
    targets = assign(np.array([row], np.float32), 2, BAND)
    assert any(len(target.image) for target in targets) == counts


@given(figures())
def test_where_a_figure_is_ignored_nothing_is_judged(row: tuple[float, ...]) -> None:
    """On every map; and everything is where it is not."""
    hidden = np.array([(*row[:6], 0.9)], np.float32)
    image, left, top, right, bottom = int(row[0]), *map(int, row[2:6])
    for target, stride in zip(assign(hidden, 2, BAND), STRIDES, strict=True):
        inside = target.judged[
            image, top // stride : -(-bottom // stride), left // stride : -(-right // stride)
        ]
        assert not inside.any()
        assert (~target.judged).sum() == inside.size


def test_no_figure_gives_empty_targets() -> None:
    """An empty street is to be learnt from as well."""
    for target in assign(np.zeros((0, 7), np.float32), 2, BAND):
        assert not len(target.image)
        assert target.judged.all()


def test_every_map_has_its_anchors_and_stride() -> None:
    """From near to far in scale."""
    assert len(ANCHORS) == len(STRIDES)
    areas = [width * height for group in ANCHORS for width, height in group]
    assert max(areas[:3]) < max(areas[3:6]) < max(areas[6:])
