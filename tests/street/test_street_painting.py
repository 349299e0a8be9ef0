"""What spares work in painting a street and its vehicles: the plain way gives the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.street.canvas.brush import Sheet
from fleet.street.canvas.texture import Grain, mix, wrapped
from fleet.street.figures.figure import placed
from fleet.street.figures.vehicles import mesh_of
from fleet.street.painting import draw_vehicles, facade
from fleet.street.painting.backdrop import Backdrop, _reach
from fleet.street.painting.draw import Scene
from fleet.street.painting.shade import Shade
from fleet.street.scene.actors import BUS, CAR, Actor, draw_look
from fleet.street.scene.clip import Clip, Light
from fleet.street.scene.lighting import lighting
from fleet.street.scene.world import plan_street

TINY = Clip(seed=5, scene=2, size=Size(320, 180), rate=Fraction(4), seconds=4.0)
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, finest=st.sampled_from([0.005, 0.05, 0.6]))
def test_no_window_covers_a_point_that_is_passed_over(seed: int, finest: float) -> None:
    """Fronts without what is painted at windows alone look the same elsewhere."""
    rng = np.random.default_rng(seed)
    row = plan_street(TINY.size, rng).right
    along, up = rng.uniform((-40, 0), (80, 20), (4000, 2)).astype(np.float32).T
    house = row.house(along)
    local, fine = along - row.edges[house], np.full(len(along), finest, np.float32)
    *_, cover = facade._windows(row, Grain(rng), house, local, up, fine, 0.3)
    assert cover.any()
    assert set(np.flatnonzero(cover)) <= set(facade._at_windows(row, house, local, up, fine))


@pytest.mark.parametrize("scene", range(6))
def test_fronts_that_dry_ground_hides_are_passed_over(scene: int) -> None:
    """What stands before the ground looks as on wet ground, for which all fronts are painted."""
    rng = np.random.default_rng(scene)
    clip = replace(TINY, scene=scene, light=Light.DUSK)
    street, grain, light = plan_street(clip.size, rng), Grain(rng), lighting(clip, rng)
    rays = street.camera.rays(0, clip.size.height, 1).reshape(-1, 3)
    to_ground = _reach(-street.camera.height_m, rays[:, 2])
    (picture, to_wall), (whole, farthest) = (
        Backdrop(street, grain, light, Shade(street, light), wet)._upright(rays, to_ground, 1)
        for wet in (0.0, 1.0)
    )
    before = farthest <= to_ground
    assert np.array_equal(to_wall <= to_ground, before)
    assert np.array_equal(to_wall[before], farthest[before])
    assert np.allclose(picture[before], whole[before], atol=0.02)
    assert 0 < before.sum() < len(before)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, count=st.integers(0, 2000), constant=st.booleans())
def test_colours_are_mixed_as_one_by_one(seed: int, count: int, constant: bool) -> None:
    """Also where one colour is mixed into all points, and where there are none."""
    rng = np.random.default_rng(seed)
    below, above = rng.random((2, count, 3), np.float32)
    above = rng.random(3, np.float32) if constant else above
    cover = rng.random(count, np.float32)
    assert np.array_equal(mix(below, above, cover), below + (above - below) * cover[:, None])


class Listed(Sheet):
    """A sheet that keeps what is drawn on it."""

    def polygons(self, shapes: Iterable[NDArray[np.int32]], colours: NDArray[np.float64]) -> None:
        """Keep them."""
        self.shapes, self.colours = list(shapes), colours


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, kind=st.sampled_from([CAR, BUS]), turned=st.floats(-3.2, 3.2))
def test_a_vehicle_is_drawn_solid_after_solid(seed: int, kind: int, turned: float) -> None:
    """Of each the panels that face the camera, the farthest first, each below its paints."""
    rng = np.random.default_rng(seed)
    path = np.array([[0.0, 0.0], [1.0, 0.0]])
    mesh = mesh_of(Actor(3, kind, draw_look(rng, kind), 1.5, path, 0.0, 0.0))
    scene = Scene(TINY)
    at = (12.0, float(rng.uniform(-4, 4)), turned)
    sheet = Listed(0, 0, TINY.size, 1)
    points, _ = scene._street.camera.project(placed(mesh.facets.corners, *at))
    draw_vehicles._paint(sheet, mesh.facets, points, at, scene._stage(*at[:2]), lit=False)
    expected: list[NDArray[np.float64]] = []
    for solid in mesh.solids:
        towards = [
            (scene._street.camera.position - placed(panel.corners.mean(0), *at), panel)
            for panel in solid
        ]
        facing = [
            (gap, panel) for gap, panel in towards if gap @ placed(panel.outward, 0, 0, turned) > 0
        ]
        for _, panel in sorted(facing, key=lambda each: -float(each[0] @ each[0])):
            expected += [panel.corners, *(paint.corners for paint in panel.paints)]
    drawn = [scene._street.camera.project(placed(corners, *at))[0] for corners in expected]
    assert len(drawn) == len(sheet.shapes)
    for shape, corners in zip(sheet.shapes, drawn, strict=True):
        # Many points at once may differ from few in their last digits.
        assert np.abs(shape - sheet.fixed(corners)).max() <= 1


@settings(max_examples=60, deadline=None)
@given(
    values=arrays(np.float32, st.integers(0, 40), elements=st.floats(-1e5, 1e5, width=32)),
    span=st.floats(0.25, 16, width=32),
    each=st.booleans(),
)
def test_values_are_wrapped_as_numpy_does(
    values: NDArray[np.float32], span: float, each: bool
) -> None:
    """To the last digit, by one span or by one for each value."""
    spans = np.full(len(values), span, np.float32) if each else span
    assert np.array_equal(wrapped(values, spans), np.mod(values, spans))
