"""The pictures of a clip: still objects are painted once, all others in each frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.street.canvas.brush import Layer, Picture
from fleet.street.canvas.texture import Grain
from fleet.street.figures.figure import Drawn, Stage
from fleet.street.figures.props import draw_lamp, draw_tree
from fleet.street.figures.traffic import Traffic
from fleet.street.painting.backdrop import Backdrop
from fleet.street.painting.blend import brighten, darken, glow, lay, overlap
from fleet.street.painting.draw_people import draw_people
from fleet.street.painting.draw_vehicles import draw_vehicle
from fleet.street.painting.shade import Shade
from fleet.street.scene.actors import BUS, CAR, Actor, Pose
from fleet.street.scene.clip import Clip, Weather
from fleet.street.scene.lighting import lighting
from fleet.street.scene.truth import Seen, Silhouette, visible_figures
from fleet.street.scene.weather import MARGIN_PX, air
from fleet.street.scene.whereabouts import paths_of
from fleet.street.scene.world import plan_street

_SOLID = 127
"""A pixel belongs to a figure with an alpha above this, out of 255."""


class Scene:
    """A clip that is ready to be drawn, frames in any order; one per thread."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        # The street is the same in all clips of a camera; the events are not.
        layout, events = np.random.default_rng(clip.scene), np.random.default_rng(clip.seed)
        size = Size(clip.size.width + 2 * MARGIN_PX, clip.size.height + 2 * MARGIN_PX)
        self._street = plan_street(size, layout)
        grain = Grain(layout)
        self._light = lighting(clip, layout)
        self._shade = Shade(self._street, self._light)
        self._wet = clip.weather is Weather.RAIN
        wet = 1.0 if self._wet else 0.0
        backdrop = Backdrop(self._street, grain, self._light, self._shade, wet).paint()
        self.empty = (np.clip(backdrop, 0, 1) * 255).astype(np.uint8)
        """The street without figures, u8 [height, width, 3], larger by MARGIN_PX on all sides."""
        self._stands_m = np.full(self.empty.shape[:2], np.inf, np.float32)
        self._furnish(layout)
        self.actors = Traffic(self._street, clip, events).populate()
        self._paths = paths_of(self.actors)
        self._air = air(clip, events)
        # Figures that stand look the same in every frame and are drawn once.
        self._standing: dict[int, tuple[Drawn, Silhouette]] = {}

    def frame(self, number: int) -> tuple[Picture, list[Seen]]:
        """Return a frame, RGB u8 [height, width, 3], and its visible figures, nearest first."""
        figures = self._figures(self.clip.time_s(number))
        canvas = self.empty.copy()
        self._ground_lights(canvas, [drawn for drawn, _ in figures])
        for drawn, silhouette in figures:
            self._add(canvas, drawn, silhouette)
        right, down = self._air.moves[number]
        nearest_first = [silhouette for _, silhouette in reversed(figures)]
        seen = visible_figures(
            nearest_first, self.clip.size, (float(right), float(down)), MARGIN_PX
        )
        return self._air.apply(canvas, number), seen

    def _stage(self, along_m: float, across_m: float) -> Stage:
        local, sun = self._shade.at(along_m, across_m)
        return Stage(self._street.camera, self._light, local, sun if self._light.sunny else 0.0)

    def _furnish(self, rng: np.random.Generator) -> None:
        """Draw trees and lamps into the empty street, the farthest first."""
        drawn = [
            draw_tree(along, across, self._stage(along, across), rng)
            for along, across in self._street.trees
        ]
        drawn += [
            draw_lamp(along, across, self._stage(along, across))
            for along, across in self._street.lamps
        ]
        props = sorted((prop for prop in drawn if prop), key=lambda prop: -prop.distance_m)
        shadows = [shadow for prop in props for shadow in prop.shadows]
        if self._light.sunny:
            darken(self.empty, shadows, self._light.shade * 0.8, 4)
        for prop in props:
            lay(self.empty, prop.layer)
            for lamp in prop.glows:
                glow(self.empty, lamp)
            window = overlap(prop.layer, *self.empty.shape[:2])
            if window:
                solid = prop.layer.rgba[window[1]][..., 3] > _SOLID
                self._stands_m[window[0]][solid] = prop.distance_m

    def _figures(self, time_s: float) -> list[tuple[Drawn, Silhouette]]:
        """Return the figures of a moment, drawn, the farthest first."""
        (near,) = self._paths.near(self._street.camera, [time_s])
        new = [(actor, pose) for actor, pose in near if actor.number not in self._standing]
        figures = [
            self._standing[actor.number] for actor, _ in near if actor.number in self._standing
        ]
        for (actor, _), drawn in zip(new, self._draw(new), strict=True):
            figure = self._cut(actor, drawn) if drawn else None
            if figure is not None:
                figures.append(figure)
                if not actor.speed_mps:
                    self._standing[actor.number] = figure
        return sorted(figures, key=lambda figure: (-figure[0].distance_m, figure[1].number))

    def _draw(self, near: list[tuple[Actor, Pose]]) -> list[Drawn | None]:
        staged = [(actor, pose, self._stage(pose.along_m, pose.across_m)) for actor, pose in near]
        vehicles = [person for person in staged if person[0].kind in {CAR, BUS}]
        people = [person for person in staged if person[0].kind not in {CAR, BUS}]
        drawn = {actor.number: draw_vehicle(actor, pose, stage) for actor, pose, stage in vehicles}
        for (actor, _, _), figure in zip(people, draw_people(people), strict=True):
            drawn[actor.number] = figure
        return [drawn[actor.number] for actor, _ in near]

    def _cut(self, actor: Actor, drawn: Drawn) -> tuple[Drawn, Silhouette] | None:
        """Return a figure without the parts that trees and lamp posts hide; None if it has none."""
        layer = drawn.layer
        mask = cv2.extractChannel(layer.rgba, 3) > _SOLID
        area = int(np.count_nonzero(mask))
        window = overlap(layer, *self.empty.shape[:2])
        if window is None or not area:
            return None
        behind = self._stands_m[window[0]] < drawn.distance_m
        if behind.any():
            layer.rgba[window[1]][behind] = 0
            mask[window[1]][behind] = False
        return drawn, Silhouette(actor.number, actor.kind, layer.left, layer.top, mask, area)

    def _ground_lights(self, canvas: Picture, figures: list[Drawn]) -> None:
        """Draw shadows and beams on the ground, before the figures."""
        contacts = [shape for drawn in figures for shape in drawn.contact]
        darken(canvas, contacts, 0.35 + 0.3 * self._light.shade, 8)
        shadows = [shape for drawn in figures for shape in drawn.shadows]
        darken(canvas, shadows, self._light.shade, 3)
        beams = [shape for drawn in figures for shape in drawn.beams]
        brighten(canvas, beams, (self._light.glow, self._light.glow, 0.9 * self._light.glow))

    def _add(self, canvas: Picture, drawn: Drawn, silhouette: Silhouette) -> None:
        """Draw a figure into the canvas."""
        if self._wet:
            _reflect(canvas, drawn.layer, silhouette.mask)
        lay(canvas, drawn.layer)
        for lamp in drawn.glows:
            glow(canvas, lamp)


def _reflect(canvas: Picture, layer: Layer, mask: NDArray[np.bool_]) -> None:
    """Draw a faint mirror image of a figure on the wet ground below it."""
    _, top, _, rows = cv2.boundingRect(mask.view(np.uint8))
    if not rows:
        return
    foot = top + rows
    height = max(1, foot * 2 // 3)
    mirrored = layer.rgba[foot - height : foot][::-1]
    dim = (np.multiply(mirrored, _fading(height), dtype=np.uint16) >> 8).astype(np.uint8)
    blurred = np.asarray(cv2.blur(dim, (3, 9)), np.uint8)
    lay(canvas, Layer(layer.left, layer.top + foot, blurred))


@lru_cache(1024)
def _fading(height: int) -> NDArray[np.uint16]:
    """Return the strength of each row of a mirror image, of 256: u16 [height, 1, 1]."""
    return np.linspace(66, 0, height).astype(np.uint16)[:, None, None]


def render(clip: Clip) -> Iterator[tuple[Picture, list[Seen]]]:
    """Yield the frames of a clip, RGB u8 [height, width, 3], each with its visible figures.

    Equal clips have equal pictures, bit for bit, on machines with the same libraries.
    """
    scene = Scene(clip)
    for number in range(clip.frames):
        yield scene.frame(number)
