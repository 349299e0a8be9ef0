"""Every layout of outputs that a head reads, against its definition in loops."""

from __future__ import annotations

import numpy as np
import pytest
from layout_reading import above
from layouts import CANVAS, LAYOUTS, Chance, Layout

from fleet.models.heads import HEADS, Output, Traits, claims, head_named, settings_of

SEEDS = 50


def outputs_of(layout: Layout) -> tuple[Output, ...]:
    """Names and shapes, as a network has them."""
    made = layout.make(Chance(0))
    return tuple(Output(name, value.shape) for name, value in made.items())


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_each_layout_is_its_definition(layout: Layout) -> None:
    """Fifty random tensors, read with what a card keeps of the head: the same boxes to 1e-5."""
    outputs = outputs_of(layout)
    arranged = head_named(layout.head, layout.anchors).arranged(outputs, len(layout.labels))
    head = head_named(layout.head, layout.anchors, settings_of(arranged))
    shapes = [output.shape for output in outputs]
    assert head.explain_mismatch(shapes, len(layout.labels), CANVAS) is None
    some = 0
    for seed in range(SEEDS):
        made = layout.make(Chance(seed))
        raw = [value.astype(np.float32) for value in made.values()]
        threshold = seed / SEEDS
        (found,) = head.decode(raw, CANVAS, threshold)
        expected = above(layout.read(made), threshold)
        table = np.column_stack([found.xyxy, found.score, found.class_id])
        # Heads return the candidates map by map or class by class: order is not their business.
        np.testing.assert_allclose(
            table[np.lexsort(table.T[::-1].round(3))],
            expected[np.lexsort(expected.T[::-1].round(3))],
            rtol=1e-5,
            atol=1e-5 * max(CANVAS.width, CANVAS.height),
        )
        assert found.class_id.dtype == np.int32
        some += len(expected)
    assert some > SEEDS


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("known", [True, False])
def test_no_head_takes_another_for_its_own(layout: Layout, *, known: bool) -> None:
    """Of all pairs of heads and layouts, with the classes counted, each knows its own alone.

    Where nothing says how many classes there are, no other head alone claims it.
    """
    labels = len(layout.labels) if known else None
    found = claims(Traits(outputs_of(layout), CANVAS, labels, layout.metadata), layout.anchors)
    if known:
        assert set(found) == {layout.head}
    else:
        assert layout.head in found or len(found) != 1


def test_each_head_is_known_from_two_layouts() -> None:
    """Two exporters at least."""
    heads = [layout.head for layout in LAYOUTS]
    assert all(heads.count(head) >= 2 for head in HEADS)
