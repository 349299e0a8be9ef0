"""Sizes, placements, and the way back from the canvas to the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.geometry import Placement, Rect, Size, align_up, letterbox, stretch

EVEN = st.integers(8, 2000).map(lambda half: half * 2)


@given(EVEN, EVEN, EVEN, EVEN)
def test_a_letterbox_keeps_the_rules_of_paste(w: int, h: int, cw: int, ch: int) -> None:
    """Inside the canvas, left a multiple of 16, all else even; one side fills the canvas."""
    placed = letterbox(Size(w, h), Size(cw, ch))
    paste = placed.paste
    assert paste.inside(placed.canvas)
    assert paste.left % 16 == 0
    assert (paste.top | paste.width | paste.height) % 2 == 0
    assert paste.width >= cw - 1 or paste.height >= ch - 1


@given(EVEN, EVEN, st.booleans())
def test_the_corners_of_the_paste_are_the_corners_of_the_source(
    w: int, h: int, boxed: bool
) -> None:
    """What lies at the edge of the pasted picture maps to the edge of the source."""
    canvas = Size(416, 320)
    placed = letterbox(Size(w, h), canvas) if boxed else stretch(Size(w, h), canvas)
    p = placed.paste
    back = placed.to_source(np.array([[p.left, p.top, p.right, p.bottom]], np.float32))
    assert back == pytest.approx(np.array([[0, 0, w, h]], np.float32), abs=1e-2)


@given(st.integers(0, 10**9), st.integers(1, 4096))
def test_align_up_gives_the_next_multiple(value: int, step: int) -> None:
    """A multiple of the step, not below the value, less than a step above it."""
    aligned = align_up(value, step)
    assert aligned % step == 0
    assert value <= aligned < value + step


@pytest.mark.parametrize("text", ["352", "x352", "352x", "0x10", "352x-1", "a x b"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    """A size is written 352x288."""
    with pytest.raises(ValueError, match="size"):
        Size.parse(text)


def test_a_placement_outside_its_canvas_is_refused() -> None:
    """Values check themselves."""
    with pytest.raises(ValueError, match="does not lie inside"):
        Placement(Size(10, 10), Size(100, 100), Rect(90, 0, 20, 20))
