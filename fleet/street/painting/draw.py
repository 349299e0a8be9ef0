"""The pictures of a clip: still objects are painted once, all others in each frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from fleet.core.geometry import Size
from fleet.street.canvas.brush import Picture
from fleet.street.canvas.texture import Grain
from fleet.street.figures.figure import Drawn, Stage
from fleet.street.figures.props import draw_lamp, draw_tree
from fleet.street.figures.traffic import Traffic
from fleet.street.painting.backdrop import Backdrop
from fleet.street.painting.blend import brighten, darken, glow, lay
from fleet.street.painting.cutout import Cutout, Props, cut_out
from fleet.street.painting.draw_people import Person, Sketch, nobody, sketch_people
from fleet.street.painting.draw_vehicles import draw_vehicle
from fleet.street.painting.shade import Shade
from fleet.street.scene.actors import BUS, CAR, Actor
from fleet.street.scene.clip import Clip, Weather
from fleet.street.scene.lighting import lighting
from fleet.street.scene.truth import Seen, visible_figures
from fleet.street.scene.weather import MARGIN_PX, air
from fleet.street.scene.whereabouts import paths_of
from fleet.street.scene.world import plan_street

_TOGETHER = 8


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
        # Made anew for each frame, an array of this size would cost more than its copying.
        self._canvas = np.empty_like(self.empty)
        self._props = Props(np.full(self.empty.shape[:2], np.inf, np.float32), [])
        self._furnish(layout)
        self.actors = Traffic(self._street, clip, events).populate()
        self._paths = paths_of(self.actors)
        self._air = air(clip, events)
        # Figures that stand look the same in every frame and are drawn once.
        self._standing: dict[int, Cutout | None] = {}

    def frame(self, number: int) -> tuple[Picture, list[Seen]]:
        """Return a frame, RGB u8 [height, width, 3], and its visible figures, nearest first."""
        return next(self.frames([number]))

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[Picture, list[Seen]]]:
        """Yield frames; several are prepared together, which takes little longer than one."""
        for start in range(0, len(numbers), _TOGETHER):
            some = numbers[start : start + _TOGETHER]
            prepared = self._prepare([self.clip.time_s(number) for number in some])
            for number, sketches in zip(some, prepared, strict=True):
                yield self._frame(number, self._figures(sketches))

    def _frame(self, number: int, figures: list[Cutout]) -> tuple[Picture, list[Seen]]:
        canvas = self._canvas
        np.copyto(canvas, self.empty)
        self._ground_lights(canvas, [figure.drawn for figure in figures])
        for figure in figures:
            _add(canvas, figure)
        right, down = self._air.moves[number].tolist()
        nearest_first = [figure.silhouette for figure in reversed(figures)]
        seen = visible_figures(nearest_first, self.clip.size, (right, down), MARGIN_PX)
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
            self._props.add(prop.layer, prop.distance_m)

    def _figures(self, sketches: list[tuple[Actor, Sketch]]) -> list[Cutout]:
        """Return the figures of a frame, drawn, the farthest first."""
        figures = []
        for actor, sketch in sketches:
            if actor.number in self._standing:
                figure = self._standing[actor.number]
            else:
                drawn = sketch()
                figure = cut_out(actor, drawn, self._props, wet=self._wet) if drawn else None
                if not actor.speed_mps:
                    self._standing[actor.number] = figure
            if figure is not None:
                figures.append(figure)
        return sorted(figures, key=lambda each: (-each.drawn.distance_m, each.silhouette.number))

    def _prepare(self, times_s: list[float]) -> list[list[tuple[Actor, Sketch]]]:
        """Return who may be in the picture at each time, and their drawing."""
        near = self._paths.near(self._street.camera, times_s)
        # Of those who stand, one drawing serves all frames.
        keyed = [
            [(actor, pose, moment if actor.speed_mps else -1) for actor, pose in here]
            for moment, here in enumerate(near)
        ]
        figures = {
            (actor.number, moment): (actor, pose, self._stage(pose.along_m, pose.across_m))
            for here in keyed
            for actor, pose, moment in here
            if actor.number not in self._standing
        }
        sketches = dict(zip(figures, _sketched(list(figures.values())), strict=True))
        return [
            [(actor, sketches.get((actor.number, moment), nobody)) for actor, _, moment in here]
            for here in keyed
        ]

    def _ground_lights(self, canvas: Picture, figures: list[Drawn]) -> None:
        """Draw shadows and beams on the ground, before the figures."""
        contacts = [shape for drawn in figures for shape in drawn.contact]
        darken(canvas, contacts, 0.35 + 0.3 * self._light.shade, 8)
        shadows = [shape for drawn in figures for shape in drawn.shadows]
        darken(canvas, shadows, self._light.shade, 3)
        beams = [shape for drawn in figures for shape in drawn.beams]
        brighten(canvas, beams, (self._light.glow, self._light.glow, 0.9 * self._light.glow))


def _add(canvas: Picture, figure: Cutout) -> None:
    """Draw a figure into the canvas."""
    if figure.mirror:
        figure.mirror.lay(canvas)
    if figure.patch:
        figure.patch.lay(canvas)
    for lamp in figure.drawn.glows:
        glow(canvas, lamp)


def _sketched(figures: list[Person]) -> list[Sketch]:
    vehicles = [figure for figure in figures if figure[0].kind in {CAR, BUS}]
    people = [figure for figure in figures if figure[0].kind not in {CAR, BUS}]
    of_people = iter(sketch_people(people))
    of_vehicles = iter([partial(draw_vehicle, *vehicle) for vehicle in vehicles])
    return [next(of_vehicles if actor.kind in {CAR, BUS} else of_people) for actor, _, _ in figures]


def render(clip: Clip) -> Iterator[tuple[Picture, list[Seen]]]:
    """Yield the frames of a clip, RGB u8 [height, width, 3], each with its visible figures.

    Equal clips have equal pictures, bit for bit, on machines with the same libraries.
    """
    yield from Scene(clip).frames(range(clip.frames))
