"""Pictures of a street: the same each time, and the truth about what is drawn in them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from fleet.core.geometry import Size
from fleet.street.painting.draw import Scene, render
from fleet.street.scene.actors import BUS, CAR, CYCLIST, PERSON
from fleet.street.scene.clip import Clip, Density, Light, Weather
from fleet.street.scene.weather import MARGIN_PX

SMALL = Clip(seed=5, scene=2, size=Size(640, 360), rate=Fraction(4), seconds=1.0)
TINY = replace(SMALL, size=Size(320, 180))
EVERY_AIR = [(light, weather) for light in Light for weather in Weather]


@pytest.mark.parametrize(("light", "weather"), EVERY_AIR)
def test_the_same_clip_gives_the_same_pictures(light: Light, weather: Weather) -> None:
    """Two renderings agree bit for bit, in their pictures and in their truth."""
    clip = replace(TINY, light=light, weather=weather)
    for (picture, seen), (again, seen_again) in zip(render(clip), render(clip), strict=True):
        assert np.array_equal(picture, again)
        assert seen == seen_again


def test_frames_may_be_drawn_in_any_order() -> None:
    """A frame does not depend on the frames drawn before it."""
    scene = Scene(TINY)
    last = scene.frame(3)[0]
    assert np.array_equal(list(render(TINY))[3][0], last)


def test_another_seed_gives_other_traffic_in_the_same_street() -> None:
    """The seed decides what happens, the scene where."""
    other = replace(TINY, seed=6)
    assert np.array_equal(Scene(TINY).empty, Scene(other).empty)
    assert not np.array_equal(Scene(TINY).frame(0)[0], Scene(other).frame(0)[0])
    assert not np.array_equal(Scene(TINY).empty, Scene(replace(TINY, scene=3)).empty)


@pytest.mark.parametrize("size", [Size(640, 360), Size(1280, 720), Size(1920, 1080)])
def test_pictures_have_the_size_asked_for(size: Size) -> None:
    """RGB bytes of the clip's size."""
    picture, _ = Scene(replace(SMALL, size=size)).frame(0)
    assert picture.shape == (size.height, size.width, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize(("light", "weather"), EVERY_AIR)
def test_boxes_lie_inside_the_picture(light: Light, weather: Weather) -> None:
    """Each box has an area and lies within the picture; hidden shares are shares."""
    clip = replace(TINY, light=light, weather=weather, density=Density.CROWD)
    boxes = 0
    for _, seen in render(clip):
        for figure in seen:
            left, top, right, bottom = figure.box
            assert 0 <= left < right <= TINY.size.width
            assert 0 <= top < bottom <= TINY.size.height
            assert 0 <= figure.hidden < 1
            assert figure.class_id in {PERSON, CYCLIST, CAR, BUS}
            boxes += 1
    assert boxes


def calm(scene: Scene) -> Scene:
    """The same scene without noise and shake."""
    still = scene._air
    scene._air = replace(still, moves=0 * still.moves, noise=0 * still.noise, limit=0, rain=None)
    return scene


def changed(scene: Scene, number: int) -> np.ndarray:
    """Which pixels of a frame differ clearly from the empty street: bool [height, width]."""
    picture = scene.frame(number)[0].astype(np.int16)
    size, margin = scene.clip.size, MARGIN_PX
    empty = scene.empty[margin : margin + size.height, margin : margin + size.width]
    return np.asarray(np.abs(picture - empty).max(-1) > 40)


@pytest.mark.parametrize("scene_seed", range(6))
def test_what_is_drawn_lies_in_boxes(scene_seed: int) -> None:
    """Without a sun, what differs strongly from the empty street is inside a box, nearly all of it.

    Soft spots of shadow below feet and wheels may lie outside.
    """
    clip = replace(SMALL, scene=scene_seed, weather=Weather.CLOUDY, density=Density.NORMAL)
    scene = calm(Scene(clip))
    differs, inside = changed(scene, 0), np.zeros((360, 640), np.bool_)
    for figure in scene.frame(0)[1]:
        left, top, right, bottom = (int(edge) for edge in figure.box)
        inside[top:bottom, left:right] = True
    assert differs.any()
    assert np.count_nonzero(differs & ~inside) <= 0.04 * np.count_nonzero(differs)


@pytest.mark.parametrize("scene_seed", range(6))
def test_every_box_is_filled_to_its_edges(scene_seed: int) -> None:
    """In each outermost row and column of a whole, large box something has changed."""
    clip = replace(SMALL, scene=scene_seed, weather=Weather.CLOUDY, density=Density.SPARSE)
    scene = calm(Scene(clip))
    picture, seen = scene.frame(0)
    size, margin = clip.size, MARGIN_PX
    empty = scene.empty[margin : margin + size.height, margin : margin + size.width]
    differs = (picture != empty).any(-1)
    for figure in seen:
        left, top, right, bottom = (int(edge) for edge in figure.box)
        part = differs[top:bottom, left:right]
        assert part[0].any()
        assert part[-1].any()
        assert part[:, 0].any()
        assert part[:, -1].any()


def test_empty_streets_have_empty_frames() -> None:
    """With nobody about there are frames without truth, equal to the empty street."""
    clip = replace(SMALL, density=Density.EMPTY, seconds=30.0)
    scene = calm(Scene(clip))
    empty_frames = [n for n in range(0, clip.frames, 8) if not scene.frame(n)[1]]
    assert empty_frames


def test_crowds_hold_all_classes_and_many_people() -> None:
    """Over some streets, a crowd has dozens of figures in a frame and every class appears."""
    classes: set[int] = set()
    most = 0
    for number in range(4):
        clip = replace(TINY, scene=number, seed=number, density=Density.CROWD, seconds=40.0)
        scene = Scene(clip)
        for frame in range(0, clip.frames, 20):
            seen = scene.frame(frame)[1]
            classes |= {figure.class_id for figure in seen}
            most = max(most, len(seen))
    assert classes == {PERSON, CYCLIST, CAR, BUS}
    assert most >= 24


def test_vehicles_of_a_lane_do_not_run_into_each_other() -> None:
    """Who follows in a lane stays behind the one in front."""
    clip = replace(TINY, density=Density.CROWD, seconds=60.0)
    lanes: dict[float, list[tuple[float, float]]] = {}
    actors = [a for a in Scene(clip).actors if a.kind in {CAR, BUS} and a.speed_mps]
    for time_s in np.arange(0.0, 60.0, 0.5):
        lanes.clear()
        for actor in actors:
            if pose := actor.pose(float(time_s)):
                length = 12.0 if actor.kind == BUS else 4.7
                lanes.setdefault(actor.path[0, 1], []).append((pose.along_m, length))
        for lane in lanes.values():
            lane.sort()
            for (rear, rear_length), (front, front_length) in pairwise(lane):
                assert front - rear > (rear_length + front_length) / 2


def test_nobody_crosses_in_front_of_a_vehicle() -> None:
    """While somebody is on the road, no vehicle is on the zebra crossing."""
    clip = replace(TINY, density=Density.CROWD, seconds=60.0)
    scene = Scene(clip)
    street = scene._street
    crossings = 0
    for time_s in np.arange(0.0, 60.0, 0.25):
        poses = [(a, a.pose(float(time_s))) for a in scene.actors]
        on_zebra = [
            pose for a, pose in poses
            if pose and a.kind in {CAR, BUS} and a.speed_mps and abs(pose.along_m - street.zebra_m) < 2
        ]  # fmt: skip
        walking = [
            pose for a, pose in poses
            if pose and a.kind == PERSON and a.speed_mps and abs(pose.across_m) < street.road_m
        ]  # fmt: skip
        crossings += len(walking)
        assert not (on_zebra and walking)
    assert crossings
