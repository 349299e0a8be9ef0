"""The heads of CenterNet and CenterFace: a peak of a heat map is the centre of an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits
from fleet.models.heads.numbers import sigmoid

STRIDE = 4
MOST_GROWTH = np.float32(np.log(1000))
HEAT = ("hm", "heatmap", "center_heatmap_preds")
SIZES = ("wh", "wh_preds")
OFFSETS = ("reg", "offset", "offset_preds")
READS = "it reads a heat map [N, classes, rows, columns], and sizes and offsets [N, 2, ...]"


@dataclass(frozen=True)
class CenterNet(Head):
    """A head for a heat map [N, classes, rows, columns] with sizes and offsets [N, 2, ...].

    A cell that is the greatest of its class among its 3 x 3 neighbours is an object: its centre
    lies at (j + offset x, i + offset y), its size is that of the map; all times the stride of 4
    pixels. A map called `hm` holds logits, others are activated. Such networks are trained on
    letterboxed pictures, BGR, with a mean and a deviation a channel; none is suppressed again.
    """

    order: ChannelOrder = ChannelOrder.BGR
    scale: tuple[float, float, float] = (1 / 73.695, 1 / 69.87, 1 / 70.89)
    mean: tuple[float, float, float] = (104.04, 113.985, 119.85)
    iou: float = 1.0
    where: tuple[int, ...] = (0, 1, 2)
    """Which output has the heat, the sizes and the offsets."""
    logits: int = 1
    """1 where the heat map is not activated."""
    settings: ClassVar[tuple[str, ...]] = ("where", "logits")

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for these outputs, by their names; else in the usual order."""
        del labels
        names = [output.name for output in outputs]
        found = [
            next((names.index(name) for name in group if name in names), None)
            for group in (HEAT, SIZES, OFFSETS)
        ]
        where = tuple(at for at in found if at is not None)
        if len(where) != len(found):
            return self
        return replace(self, where=where, logits=int(names[where[0]] == HEAT[0]))

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are heat, sizes and offsets by the names of such exports."""
        names = {output.name for output in traits.outputs}
        if len(names) != 3 or not all(names.intersection(g) for g in (HEAT, SIZES, OFFSETS)):
            return None
        head = self.arranged(traits.outputs, 0)
        heat = traits.shapes[head.where[0]]
        if len(heat) != 4 or not traits.are(heat[1]):
            return None
        if head.explain_mismatch(traits.shapes, heat[1], traits.canvas):
            return None
        return Claim(heat[1], f"heat, sizes and offsets: {', '.join(sorted(names))}")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not a heat map with sizes and offsets; see Head."""
        if len(outputs) != 3:
            return READS
        heat, sizes, offsets = (outputs[at] for at in self.where)
        if len(heat) != 4 or not sizes == offsets == (heat[0], 2, *heat[2:]):
            return READS
        if heat[1] != labels:
            return f"the output has {heat[1]} classes and there are {labels} labels"
        return _grid_mismatch(heat, canvas)

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read heat, sizes and offsets; see Head."""
        del canvas
        heat, sizes, offsets = (outputs[at] for at in self.where)
        heat = sigmoid(heat) if self.logits else heat
        return [_picture(*picture, threshold) for picture in zip(heat, sizes, offsets, strict=True)]


@dataclass(frozen=True)
class CenterFace(Head):
    """A head for CenterFace: heat [N, 1, ...], log sizes and offsets [N, 2, ...], landmarks [10].

    A cell of row i and column j is a face of height 4 * e^s0 and width 4 * e^s1, its centre at
    (4 * (j + o1 + 0.5), 4 * (i + o0 + 0.5)); the landmarks are not read. Such networks are trained
    on squeezed pictures, RGB, 0..255 (github.com/Star-Clouds/CenterFace).
    """

    scale: float = 1.0
    fit: Fit = Fit.STRETCH
    iou: float = 0.3

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are maps of 1, 2, 2 and 10 channels."""
        if not traits.are(1) or self.explain_mismatch(traits.shapes, 1, traits.canvas):
            return None
        return Claim(1, "heat, sizes, offsets and ten landmarks on cells of 4 pixels")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not the four maps of CenterFace; see Head."""
        if len(outputs) != 4 or any(len(shape) != 4 for shape in outputs):
            return "it reads four maps: heat, sizes, offsets and landmarks"
        if [shape[1] for shape in outputs] != [1, 2, 2, 10]:
            return "its maps have 1, 2, 2 and 10 channels"
        if labels != 1:
            return f"it has 1 class and there are {labels} labels"
        if len({shape[2:] for shape in outputs}) != 1:
            return "its maps are of one size"
        return _grid_mismatch(outputs[0], canvas)

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read heat, sizes and offsets; see Head."""
        del canvas
        pictures = zip(outputs[0], outputs[1], outputs[2], strict=True)
        return [_face(*picture, threshold) for picture in pictures]


def _grid_mismatch(heat: Shape, canvas: Size) -> str | None:
    if (heat[3] * STRIDE, heat[2] * STRIDE) != (canvas.width, canvas.height):
        return f"a map of {heat[3]}x{heat[2]} is not a quarter of the input of {canvas}"
    return None


def _picture(
    heat: NDArray[np.float32],
    sizes: NDArray[np.float32],
    offsets: NDArray[np.float32],
    threshold: float,
) -> Candidates:
    bordered = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    around = np.lib.stride_tricks.sliding_window_view(bordered, (3, 3), axis=(1, 2))
    peak = (heat == around.max(axis=(3, 4))) & (heat > threshold)
    class_id, rows, columns = np.nonzero(peak)
    centre = np.stack([columns, rows]).astype(np.float32) + offsets[:, rows, columns]
    half = sizes[:, rows, columns] / 2
    xyxy = np.concatenate([centre - half, centre + half]).T * np.float32(STRIDE)
    return Candidates(xyxy, heat[class_id, rows, columns], class_id.astype(np.int32))


def _face(
    heat: NDArray[np.float32],
    sizes: NDArray[np.float32],
    offsets: NDArray[np.float32],
    threshold: float,
) -> Candidates:
    rows, columns = np.nonzero(heat[0] > threshold)
    cell = np.stack([columns, rows]).astype(np.float32)
    centre = cell + offsets[::-1, rows, columns] + np.float32(0.5)
    half = np.exp(np.minimum(sizes[::-1, rows, columns], MOST_GROWTH)) / 2
    xyxy = np.concatenate([centre - half, centre + half]).T * np.float32(STRIDE)
    return Candidates(xyxy, heat[0, rows, columns], np.zeros(len(rows), np.int32))
