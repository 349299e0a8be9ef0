"""The drawing of cars and buses: panels that face the camera, shaded by their direction."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.brush import Points, Sheet, sheet_over
from fleet.street.figures.figure import Drawn, Glow, Stage, placed
from fleet.street.figures.mesh import Facets, Mesh
from fleet.street.figures.vehicles import mesh_of
from fleet.street.scene.actors import Actor, Pose

_BEAM = np.array([(0.2, -0.55, 0), (13.0, -2.4, 0), (14.5, 0, 0), (13.0, 2.4, 0), (0.2, 0.55, 0)])
_BEAMS = np.array([_BEAM * (reach, reach, 0) for reach in (1.0, 0.65, 0.35)])
"""The ground in the headlights, from the faint wide part to the bright near one: [3, 5, 3]."""
_LAMPS: dict[str, tuple[float, float, float]] = {
    "front": (1.0, 0.98, 0.92),
    "rear": (0.85, 0.06, 0.04),
    "inside": (0.62, 0.58, 0.46),
    "sign": (1.0, 0.66, 0.14),
}


def draw_vehicle(actor: Actor, pose: Pose, stage: Stage) -> Drawn | None:
    """Draw a car or a bus; None if it is outside the picture."""
    mesh = mesh_of(actor)
    at = (pose.along_m, pose.across_m, pose.heading_rad)
    middle = stage.camera.distance(pose.along_m, pose.across_m)
    if middle < 2:
        return None
    world = placed(mesh.points, *at)
    points, distances = stage.camera.project(world)
    outline, belly, lamps, corners = (slice(*span) for span in pairwise([0, *mesh.ends]))
    pad = 0.3 * stage.camera.focal_px / middle
    sheet = sheet_over(points[outline], pad, stage.camera.size)
    if sheet is None:
        return None
    lit = stage.light.headlights and bool(actor.speed_mps)
    _paint(sheet, mesh.facets, points[corners], at, stage, lit=lit)
    boxes = world[outline].reshape(mesh.boxes.shape)
    return Drawn(
        layer=sheet.layer(0.22),
        distance_m=middle,
        shadows=tuple(map(_hull, stage.cast(boxes))) if stage.sunny else (),
        contact=(_hull(points[belly]),),
        glows=_glows(points[lamps], distances[lamps], at, stage) if lit else (),
        beams=_beams(mesh, at, stage) if lit and stage.light.glow > 0.2 else (),
    )


def _paint(
    sheet: Sheet,
    facets: Facets,
    points: Points,
    at: tuple[float, float, float],
    stage: Stage,
    *,
    lit: bool,
) -> None:
    """Draw the panels that face the camera, solid after solid, in each the farthest first.

    `points` are their corners in the picture.
    """
    sin, cos = np.sin(at[2]), np.cos(at[2])
    offset = stage.camera.position - (at[0], at[1], 0)
    eye = np.array(
        [offset[0] * cos + offset[1] * sin, offset[1] * cos - offset[0] * sin, offset[2]]
    )
    towards = eye - facets.middle
    facing = (facets.outward * towards).sum(1) > 0
    nearness = -(towards**2).sum(1)
    shown = np.flatnonzero(facing[facets.panel])
    panel = facets.panel[shown]
    shown = shown[np.lexsort((nearness[panel], facets.solid[panel]))]
    fixed = sheet.fixed(points)
    colours = _colours(facets, at[2], stage, lit=lit)[shown]
    sheet.polygons([fixed[facets.spans[each]] for each in shown.tolist()], colours)


def _colours(facets: Facets, heading: float, stage: Stage, *, lit: bool) -> NDArray[np.float64]:
    """Return the colour of each polygon, by the light from above and the sun, or as a lamp."""
    shade = 0.72 + 0.30 * np.maximum(0.0, facets.outward[:, 2])
    if stage.sun:
        turned = placed(facets.outward, 0.0, 0.0, heading)
        sun = np.maximum(0.0, turned @ stage.light.to_sun) * stage.sun
        shade += 0.35 * sun
        shade -= 0.12 * stage.sun
    colours = stage.tint(facets.colours * shade[facets.panel, None])
    if lit:
        for lamp, polygons in facets.lit.items():
            strength = max(stage.light.glow, 0.8 if lamp in {"front", "sign"} else 0.4)
            colours[polygons] = np.maximum(colours[polygons], np.array(_LAMPS[lamp]) * strength)
    return colours


def _hull(points: Points) -> Points:
    return np.asarray(cv2.convexHull(points.astype(np.float32)), np.float64).reshape(-1, 2)


def _glows(
    points: Points,
    distances: NDArray[np.float64],
    at: tuple[float, float, float],
    stage: Stage,
) -> tuple[Glow, ...]:
    """Return the glows of the four lamps, in the order of `Mesh.lamps`, that face the camera."""
    ahead = np.array([np.cos(at[2]), np.sin(at[2])])
    towards = stage.camera.position[:2] - np.array(at[:2])
    facing = float(ahead @ towards / max(float(np.hypot(*towards)), 0.1))
    strength = stage.light.glow
    glows = []
    for point, distance, front in zip(points, distances, (True, True, False, False), strict=True):
        shows = facing if front else -facing
        if shows > 0.12:
            reach = (0.55 if front else 0.3) * (0.5 + shows)
            colour = _LAMPS["front" if front else "rear"]
            radius = reach * stage.camera.focal_px / float(distance)
            dimmed = tuple(part * strength * (0.4 + 0.6 * shows) for part in colour)
            glows.append(Glow((float(point[0]), float(point[1])), radius, dimmed[:3]))  # type: ignore[arg-type]
    return tuple(glows)


def _beams(mesh: Mesh, at: tuple[float, float, float], stage: Stage) -> tuple[Points, ...]:
    points, distances = stage.camera.project(
        placed(_BEAMS + np.array([mesh.length / 2 + 0.3, 0, 0]), *at)
    )
    return () if (distances < 2).any() else tuple(points)
