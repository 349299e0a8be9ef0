"""Boxes, labels and captions, drawn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.show.detections import Mark, RecordedDetections
from fleet.show.draw import class_colour, draw_marks

GRAY = np.full((400, 600, 3), 128, np.uint8)


def test_a_box_is_drawn_where_it_was_found() -> None:
    """In its class's colour, with a label above it; the rest of the picture is left as it is."""
    drawn = draw_marks(GRAY, [Mark("car", 2, 0.75, (100, 200, 300, 350))], "here")
    colour = class_colour(2)
    for x, y in ((100, 275), (300, 275), (200, 200), (200, 350), (104, 198)):
        assert tuple(drawn[y, x]) == colour
    for x, y in ((200, 275), (50, 50), (100, 150), (400, 275), (200, 370)):
        assert tuple(drawn[y, x]) == (128, 128, 128)


def test_the_caption_stands_below_the_picture() -> None:
    """It hides nothing, and the height stays even for 4:2:0."""
    for height in (239, 240, 400, 1080):
        picture = np.full((height, 320, 3), 128, np.uint8)
        drawn = draw_marks(picture, [], "town.mp4   12.000 s")
        assert np.array_equal(drawn[:height], picture)
        assert (drawn.shape[0] - height) % 2 == 0
        assert drawn[height:].max() > 200
        assert drawn[height:].min() < 32


def test_boxes_of_an_earlier_frame_are_thin_and_without_labels() -> None:
    """They say where something was, not what is there."""
    mark = Mark("car", 2, 0.75, (100, 200, 300, 350))
    held = draw_marks(GRAY, [mark], "", held=True)
    assert tuple(held[275, 100]) == class_colour(2)
    assert tuple(held[194, 110]) == (128, 128, 128)


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    """The second of two boxes at one place has its label elsewhere: both plates are there whole."""
    one = Mark("person", 0, 0.9, (100, 200, 160, 350))
    other = Mark("car", 2, 0.8, (110, 200, 170, 350))
    drawn = draw_marks(GRAY, [one, other], "")
    plates = [(drawn == class_colour(mark.class_id)).all(axis=2).sum() for mark in (one, other)]
    alone = [
        (draw_marks(GRAY, [mark], "") == class_colour(mark.class_id)).all(axis=2).sum()
        for mark in (one, other)
    ]
    # What is lost is where lines cross, far less than a plate.
    for together, by_itself in zip(plates, alone, strict=True):
        assert by_itself - together < 0.15 * by_itself


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Mark,
            st.sampled_from(
                [
                    "car",
                    "two\nlines\0",
                    "person of a very long label that no plate has room for " * 3,
                ]
            ),
            st.integers(0, 1000),
            st.floats(0, 1) | st.just(float("nan")),
            st.tuples(*[st.floats(-5000, 5000) | st.floats(width=32)] * 4),
        ),
        max_size=5,
    )
)
def test_any_box_can_be_drawn(booleans: list[Mark]) -> None:
    """Outside the picture, of no size, turned over, nowhere: what a detector may say."""
    drawn = draw_marks(GRAY, booleans, "caption")
    assert drawn.shape[1:] == GRAY.shape[1:]


def test_neighbouring_classes_have_unlike_colours() -> None:
    """Each of the first classes differs clearly from the one before."""
    colours = [np.array(class_colour(number), int) for number in range(80)]
    assert min(np.abs(a - b).sum() for a, b in pairwise(colours)) > 150


def test_frames_looked_at_are_found_by_time() -> None:
    """The nearest one for a picture, the last one before for a film."""
    found = RecordedDetections([10, 20, 40], {})
    assert [found.nearest(frame) for frame in (0, 14, 15, 16, 31, 99)] == [10, 10, 10, 20, 40, 40]
    assert [found.latest(frame) for frame in (9, 10, 39, 40, 99)] == [None, 10, 20, 40, 40]
