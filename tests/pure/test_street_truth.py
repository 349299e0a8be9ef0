"""What stands in the truth of a street: hand-made scenes, cameras and clips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.street.scene.actors import PERSON, Actor, draw_look
from fleet.street.scene.camera import Camera
from fleet.street.scene.clip import Clip, Coding
from fleet.street.scene.truth import Seen, Silhouette, visible_figures

PICTURE = Size(416, 234)
STILL = (0.0, 0.0)


def block(number: int, left: int, top: int, width: int, height: int) -> Silhouette:
    """A figure that is a full rectangle."""
    mask = np.ones((height, width), np.bool_)
    return Silhouette(number, 0, left, top, mask, width * height)


def test_one_figure_alone_is_seen_whole() -> None:
    """The box of a figure that nothing hides is its own extent, and nothing of it is hidden."""
    (seen,) = visible_figures([block(0, 50, 40, 20, 60)], PICTURE, STILL, 0)
    assert seen.box == (50, 40, 70, 100)
    assert seen.hidden == 0
    assert not seen.ignored(PICTURE)


def test_a_nearer_figure_takes_from_the_one_behind() -> None:
    """The box of a half hidden figure ends where the nearer one begins."""
    near, far = visible_figures(
        [block(0, 60, 40, 20, 60), block(1, 50, 40, 20, 60)], PICTURE, STILL, 0
    )
    assert near.box == (60, 40, 80, 100)
    assert far.box == (50, 40, 60, 100)
    assert far.hidden == pytest.approx(0.5)


@pytest.mark.parametrize(("covered", "ignored"), [(69, False), (70, False), (71, True)])
def test_more_than_seventy_percent_hidden_is_ignored(covered: int, ignored: bool) -> None:
    """70 % hidden still counts, one percent more does not."""
    seen = visible_figures(
        [block(0, 50, 40, covered, 60), block(1, 50, 40, 100, 60)], PICTURE, STILL, 0
    )
    assert seen[1].hidden == pytest.approx(covered / 100)
    assert seen[1].ignored(PICTURE) is ignored


def test_the_wholly_hidden_are_not_in_the_truth() -> None:
    """Who stands behind something larger is not seen."""
    seen = visible_figures([block(0, 40, 30, 60, 80), block(1, 50, 40, 20, 60)], PICTURE, STILL, 0)
    assert [figure.number for figure in seen] == [0]


def test_hidden_figures_still_hide_others() -> None:
    """Two figures hide a third together."""
    front = [block(0, 50, 40, 10, 60), block(1, 60, 40, 10, 60)]
    assert len(visible_figures([*front, block(2, 50, 40, 20, 60)], PICTURE, STILL, 0)) == 2


def test_the_edge_of_the_picture_hides_too() -> None:
    """Of a figure that is three quarters out of the picture, three quarters are hidden."""
    (seen,) = visible_figures([block(0, -30, 40, 40, 60)], PICTURE, STILL, 0)
    assert seen.box == (0, 40, 10, 100)
    assert seen.hidden == pytest.approx(0.75)
    assert seen.ignored(PICTURE)


def test_a_shaken_picture_moves_the_boxes() -> None:
    """Boxes follow the picture on its larger canvas."""
    (seen,) = visible_figures([block(0, 54, 44, 20, 60)], PICTURE, (1.5, -0.5), 4)
    assert seen.box == (51.5, 39.5, 71.5, 99.5)


@pytest.mark.parametrize(
    ("picture", "height", "ignored"),
    [
        (Size(416, 234), 8, False),
        (Size(416, 234), 7, True),
        (Size(832, 468), 16, False),
        (Size(832, 468), 15, True),
        (Size(234, 416), 7, True),
    ],
)
def test_smallness_is_judged_at_the_network_input(
    picture: Size, height: int, ignored: bool
) -> None:
    """Under 8 px in a picture whose longest side is shrunk to 416 px is too small."""
    assert Seen(0, 0, (10, 10, 20, 10 + height), 0.0).ignored(picture) is ignored


CAMERA = Camera(Size(640, 360), 500.0, 3.0, -4.0, 5.0, 0.2, 0.2)


@given(x=st.floats(0, 640), y=st.floats(120, 360))
def test_a_ray_and_a_projection_are_inverse(x: float, y: float) -> None:
    """Where a pixel's ray meets the ground, the ground is drawn at that pixel."""
    right, down, forward = CAMERA.axes
    ray = forward + (x - 320) / 500 * right + (y - 180) / 500 * down
    steps = -CAMERA.height_m / ray[2]
    pixels, distance = CAMERA.project((CAMERA.position + steps * ray)[None])
    assert pixels[0] == pytest.approx((x, y), abs=1e-6)
    assert distance[0] == pytest.approx(steps)


def test_twice_as_far_is_half_as_large() -> None:
    """Perspective: size goes with the inverse of the distance along the camera's axis."""
    level = Camera(Size(640, 360), 500.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    posts = np.array([[10.0, 0, 0], [10.0, 0, 1.7], [20.0, 0, 0], [20.0, 0, 1.7]])
    pixels, _ = level.project(posts)
    near, far = pixels[0, 1] - pixels[1, 1], pixels[2, 1] - pixels[3, 1]
    assert near == pytest.approx(85.0)
    assert far == pytest.approx(near / 2)


@given(time_s=st.floats(0, 60))
def test_an_actor_keeps_to_its_path_and_speed(time_s: float) -> None:
    """Somebody is as far along the path as the speed says, and gone at its end."""
    path = np.array([[0.0, 5.0], [30.0, 5.0]])
    actor = Actor(0, PERSON, draw_look(np.random.default_rng(1), PERSON), 1.7, path, 1.5, 2.0)
    pose = actor.pose(time_s)
    if 2.0 <= time_s < 22.0:
        assert pose is not None
        assert pose.along_m == pytest.approx(1.5 * (time_s - 2.0))
        assert pose.heading_rad == pytest.approx(0.0)
    else:
        assert pose is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": -1}, "seed"),
        ({"size": Size(641, 360)}, "641x360"),
        ({"size": Size(160, 90)}, "160x90"),
        ({"size": Size(3840, 2160)}, "3840x2160"),
        ({"rate": 0}, "0 frames"),
        ({"seconds": 0}, "0 s"),
        ({"seconds": float("nan")}, "nan"),
    ],
)
def test_a_clip_that_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    """The error names the value that was asked for."""
    with pytest.raises(UsageError, match=said):
        Clip(**({"seed": 1} | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"codec": "vp9"}, "vp9"),
        ({"gop_s": 0.0}, "0 s"),
        ({"b_frames": 9}, "9 B-frames"),
        ({"open_gop": True, "b_frames": 0}, "open GOP"),
    ],
)
def test_a_coding_that_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    """The error names the value that was asked for."""
    with pytest.raises(UsageError, match=said):
        Coding(**wrong)  # type: ignore[arg-type]
