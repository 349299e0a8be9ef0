"""What spares work in drawing a street: each shortcut gives what the plain way gives."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.street.canvas.brush import Layer, Sheet
from fleet.street.encode import _frame
from fleet.street.figures.figure import Drawn
from fleet.street.painting import blend
from fleet.street.painting.cutout import Props, cut_out
from fleet.street.painting.draw import Scene
from fleet.street.scene.actors import PERSON, Actor, Pose, draw_look
from fleet.street.scene.camera import NEAREST_M, Camera
from fleet.street.scene.clip import Clip, Density, Light, Weather
from fleet.street.scene.whereabouts import _REACH_M, paths_of

TINY = Clip(seed=5, scene=2, size=Size(320, 180), rate=Fraction(4), seconds=4.0)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("light", list(Light))
@pytest.mark.parametrize("weather", list(Weather))
def test_frames_prepared_together_are_those_drawn_alone(light: Light, weather: Weather) -> None:
    """Pictures and truth of frames in a row are those of each frame by itself."""
    clip = replace(TINY, light=light, weather=weather, density=Density.CROWD)
    together = Scene(clip).frames(range(0, 16, 2))
    alone = Scene(clip)
    for number, (picture, seen) in zip(range(0, 16, 2), together, strict=True):
        one, one_seen = alone.frame(number)
        assert np.array_equal(picture, one)
        assert seen == one_seen


def plainly_near(camera: Camera, actor: Actor, time_s: float) -> Pose | None:
    """The pose of an actor around whom a sphere reaches into the picture."""
    pose = actor.pose(time_s)
    if pose is None:
        return None
    points, distances = camera.project(np.array([[pose.along_m, pose.across_m, 0.8]] * 2))
    reach = _REACH_M[actor.kind]
    pad = reach * camera.focal_px / max(distances[0] - reach, NEAREST_M)
    limits = (camera.size.width, camera.size.height)
    inside = ((points[0] + pad > 0) & (points[0] - pad < limits)).all()
    return pose if inside else None


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 50), times=st.lists(st.floats(0, 8), max_size=5))
def test_all_actors_at_once_are_found_as_one_by_one(seed: int, times: list[float]) -> None:
    """Who is near the picture is who would be found actor by actor, with the same pose."""
    clip = replace(TINY, seed=seed, scene=seed, density=Density.CROWD)
    scene = Scene(clip)
    camera = scene._street.camera
    for time_s, near in zip(times, paths_of(scene.actors).near(camera, times), strict=True):
        one_by_one = [(a, pose) for a in scene.actors if (pose := plainly_near(camera, a, time_s))]
        assert near == one_by_one


def test_a_street_without_actors_has_nobody_near() -> None:
    """No actor is near at any time."""
    assert paths_of(()).near(Scene(TINY)._street.camera, [0.0, 1.0]) == [[], []]


def shapes_of(rng: np.random.Generator, size: Size, count: int) -> list[NDArray[np.float64]]:
    """Random triangles, also out of the picture."""
    low, high = (
        -0.3 * np.array([size.width, size.height]),
        1.3 * np.array([size.width, size.height]),
    )
    middles = rng.uniform(low, high, (count, 1, 2))
    return list(middles + rng.normal(0, 20, (count, 3, 2)))


@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    count=st.integers(0, 6),
    size=st.sampled_from([Size(328, 188), Size(330, 190), Size(648, 366)]),
    soft=st.sampled_from([3, 8]),
)
def test_only_the_parts_in_shadow_are_darkened(
    seed: int, count: int, size: Size, soft: int
) -> None:
    """What is darkened part by part is what a mask of whole rows makes of it."""
    rng = np.random.default_rng(seed)
    shapes = shapes_of(rng, size, count)
    picture = rng.integers(0, 256, (size.height, size.width, 3), np.uint8)
    expected = picture.copy()
    mask = blend._mask(expected, shapes, soft)
    if mask is not None:
        small, rows = mask
        whole = (size.width, rows.stop - rows.start)
        kept = cv2.resize(255 - (small * 0.37).astype(np.uint8), whole)
        part = expected[rows]
        cv2.multiply(part, cv2.cvtColor(kept, cv2.COLOR_GRAY2RGB), dst=part, scale=1 / 255)
    blend.darken(picture, shapes, 0.37, soft)
    assert np.array_equal(picture, expected)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, count=st.integers(0, 2), size=st.sampled_from([Size(328, 188), Size(330, 190)]))
def test_only_the_parts_in_beams_are_brightened(seed: int, count: int, size: Size) -> None:
    """What is lit part by part is what a mask of whole rows makes of it."""
    rng = np.random.default_rng(seed)
    shapes = shapes_of(rng, size, 3 * count)
    picture = rng.integers(0, 256, (size.height, size.width, 3), np.uint8)
    expected, colour = picture.copy(), (0.8, 0.8, 0.72)
    mask = blend._mask(expected, shapes, 20, blend._BEAM_TONES)
    if mask is not None:
        small, rows = mask
        whole = (size.width, rows.stop - rows.start)
        light = cv2.cvtColor(cv2.resize(small, whole), cv2.COLOR_GRAY2RGB)
        shine = cv2.resize((small[..., None] * (0.07 * np.array(colour))).astype(np.uint8), whole)
        part = expected[rows]
        cv2.add(part, cv2.multiply(part, light, scale=1.3 / 255), dst=part)
        cv2.add(part, shine, dst=part)
    blend.brighten(picture, shapes, colour)
    assert np.array_equal(picture, expected)


def drawn_sheet(rng: np.random.Generator, left: int, top: int, fine: int) -> Sheet:
    """A sheet with some polygons on it."""
    size = Size(int(rng.integers(8, 90)), int(rng.integers(8, 120)))
    sheet = Sheet(left, top, size, fine)
    middles = rng.uniform(0, 1, (5, 1, 2)) * (size.width, size.height) + (left, top)
    sheet.convexes(middles + rng.normal(0, 6, (5, 3, 2)), rng.uniform(0, 1, (5, 3)))
    return sheet


def plain_layer(sheet: Sheet) -> NDArray[np.uint8]:
    """The whole sheet, shrunk and in its shade: u8 [rows, columns, 4]."""
    width, height = sheet._size.width, sheet._size.height
    pixels = sheet._pixels
    if sheet.fine > 1:
        pixels = np.asarray(
            cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
    tone = Sheet(0, 0, Size(width, height), 1)
    tone._pixels[:] = 255
    full = Layer(0, 0, tone._pixels, tone.layer().tone).ink((slice(None), slice(None)))
    shade = np.dstack([full, np.full((height, width), 255, np.uint8)])
    return np.asarray(cv2.multiply(pixels, shade, scale=1 / 255), np.uint8)


def plainly_laid(picture: NDArray[np.uint8], rgba: NDArray[np.uint8], left: int, top: int) -> None:
    """Blend a layer into a picture, pixel by pixel of all that it covers."""
    for y in range(max(0, top), min(picture.shape[0], top + rgba.shape[0])):
        low, high = max(0, left), min(picture.shape[1], left + rgba.shape[1])
        if low < high:
            part = rgba[y - top, low - left : high - left].astype(np.int64)
            below = picture[y, low:high] * (255 - part[:, 3:]) / 255
            picture[y, low:high] = np.minimum(np.rint(below) + part[:, :3], 255)


def plainly_mirrored(
    picture: NDArray[np.uint8], rgba: NDArray[np.uint8], left: int, top: int
) -> None:
    """Blend the mirror image of a layer into a picture, the whole of it."""
    _, first, _, rows = cv2.boundingRect((rgba[..., 3] > 127).view(np.uint8))
    foot = first + rows
    height = max(1, foot * 2 // 3)
    strengths = np.linspace(66, 0, height).astype(np.uint16)[:, None, None]
    dim = (rgba[foot - height : foot][::-1] * strengths >> 8).astype(np.uint8)
    plainly_laid(picture, np.asarray(cv2.blur(dim, (3, 9)), np.uint8), left, top + foot)


@settings(max_examples=80, deadline=None)
@given(
    seed=SEEDS,
    left=st.integers(-60, 150),
    top=st.integers(-80, 110),
    fine=st.integers(1, 4),
    wet=st.booleans(),
    hidden=st.booleans(),
)
def test_a_cut_out_figure_is_laid_as_its_whole_sheet_would_be(
    seed: int, left: int, top: int, fine: int, wet: bool, hidden: bool
) -> None:
    """Pixels, mirror image and truth are those of the whole sheet, also at the picture's edges."""
    rng = np.random.default_rng(seed)
    sheet = drawn_sheet(rng, left, top, fine)
    rgba = plain_layer(sheet)
    picture = rng.integers(0, 256, (120, 160, 3), np.uint8)
    expected = picture.copy()
    props = Props(np.full((120, 160), np.inf, np.float32), [])
    post = (slice(20, 90), slice(70, 90))
    if hidden:
        props.stands_m[post] = 5.0
        props.windows.append((5.0, post))
    path = np.array([[0.0, 0.0], [1.0, 0.0]])
    actor = Actor(3, PERSON, draw_look(rng, PERSON), 1.7, path, 0.0, 0.0)
    figure = cut_out(actor, Drawn(sheet.layer(), 10.0), props, wet=wet)
    area = int((rgba[..., 3] > 127).sum())
    if figure is None:
        assert not area
        return
    assert figure.silhouette.area == area
    if hidden:
        inner = np.zeros((340, 400), np.bool_)
        inner[
            post[0].start + 100 : post[0].stop + 100, post[1].start + 100 : post[1].stop + 100
        ] = True
        rgba[inner[top + 100 :, left + 100 :][: rgba.shape[0], : rgba.shape[1]]] = 0
    if wet and (rgba[..., 3] > 127).any():
        plainly_mirrored(expected, rgba, left, top)
    plainly_laid(expected, rgba, left, top)
    for patch in (figure.mirror, figure.patch):
        if patch:
            patch.lay(picture)
    assert np.array_equal(picture, expected)


@pytest.mark.parametrize("size", [Size(320, 180), Size(322, 182), Size(640, 358), Size(322, 184)])
def test_frames_for_the_encoder_hold_the_planes_of_the_picture(size: Size) -> None:
    """Also where the height is no multiple of four, which PyAV would cut."""
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (size.height, size.width, 3), np.uint8)
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
    copied = av.VideoFrame.from_ndarray(planes, "yuv420p")
    made = _frame(picture)
    assert (made.width, made.height) == (size.width, size.height)
    assert np.array_equal(made.to_ndarray(), copied.to_ndarray())


def test_rendering_loads_no_pandas() -> None:
    """It takes half a second for each process, and is of no use there."""
    code = """
import sys, tempfile, pathlib
from fleet.street.archive import plan_archive, render_archive, render_shot
shot = plan_archive(pathlib.Path(tempfile.mkdtemp()), 1, 0.2, 7)[0]
shot.video.parent.mkdir(parents=True); shot.truth.parent.mkdir(parents=True)
assert render_shot(shot).figures
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
