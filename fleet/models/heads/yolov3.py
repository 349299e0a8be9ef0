"""The head of YOLOv3 and similar networks without post-processing: raw maps, each with anchors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.models.heads.anchors import Anchors
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits
from fleet.models.heads.numbers import sigmoid

BEFORE_CLASSES = 5
OBJECTNESS = 4
MOST_GROWTH = math.log(1000)
"""The limit for exp: a box 1000 times its anchor is larger than any picture, infinity is no box."""


@dataclass(frozen=True)
class YoloV3(Head):
    """A head for outputs float32 [N, anchors * (5 + classes), grid height, grid width] of logits.

    There is one output a scale. For each anchor the channels are tx, ty, tw, th, objectness, then
    the classes. In the cell of row i and column j, on a map with a stride of s pixels, the centre
    is (s * (j + sigmoid tx), s * (i + sigmoid ty)), the size (anchor width * exp tw, anchor height
    * exp th), and the score sigmoid objectness * sigmoid of the best class (Redmon and Farhadi,
    "YOLOv3: An Incremental Improvement", section 2). Such networks are trained on letterboxed
    pictures, RGB, 0..1.
    See Head for the other fields.
    """

    anchors: Anchors = ()
    """The anchors of each output, in the order of the outputs."""

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there is a raw map for each group of the anchors that the file states."""
        if not self.anchors or len(self.anchors) != len(traits.outputs):
            return None
        channels = traits.shapes[0][1] if len(traits.shapes[0]) == 4 else 0
        classes = channels // len(self.anchors[0]) - BEFORE_CLASSES
        mismatch = self.explain_mismatch(traits.shapes, classes, traits.canvas)
        if mismatch or not traits.are(classes):
            return None
        return Claim(classes, f"a raw map for each of {len(self.anchors)} groups of anchors")

    @property
    def groups(self) -> Anchors:
        """The anchors in the order of the maps."""
        return self.anchors

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not one raw map for each group of anchors; see Head."""
        if not self.anchors:
            return "it needs the anchors of each output, such as --anchors '10,13 16,30; 62,45'"
        if len(outputs) != len(self.anchors):
            counts = f"groups of anchors: {len(self.anchors)}, outputs: {len(outputs)}"
            return f"{counts}; each output has one"
        reasons = (
            _map_mismatch(shape, len(group), labels, canvas)
            for shape, group in zip(outputs, self.groups, strict=True)
        )
        return next((reason for reason in reasons if reason), None)

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read the maps of each picture, map by map, anchor by anchor, row by row; see Head."""
        groups = [np.array(group, np.float32) for group in self.groups]
        pictures = zip(*outputs, strict=True)
        return [
            _joined(
                [
                    _map(raw, group, canvas, threshold)
                    for raw, group in zip(maps, groups, strict=True)
                ]
            )
            for maps in pictures
        ]


TINY_ANCHORS: Anchors = (
    ((81, 82), (135, 169), (344, 319)),
    ((10, 14), (23, 27), (37, 58)),
)
"""Those of yolov3-tiny.cfg of Darknet for its maps of strides 32 and 16."""


@dataclass(frozen=True)
class YoloV3Tiny(YoloV3):
    """A head for YOLOv3-tiny: two raw maps of strides 32 and 16, in any order; see YoloV3.

    Its anchors are those of Darknet's configuration, for pictures of any size.
    """

    anchors: Anchors = TINY_ANCHORS
    finest_first: int = 0
    """1 where the map of stride 16 comes first."""
    settings: ClassVar[tuple[str, ...]] = ("finest_first",)

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for maps of which the larger may come first."""
        del labels
        sizes = [output.shape[-1] for output in outputs if len(output.shape) == 4]
        return replace(self, finest_first=1) if sizes != sorted(sizes) else self

    @property
    def groups(self) -> Anchors:
        """The anchors in the order of the maps."""
        return self.anchors[::-1] if self.finest_first else self.anchors

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are two raw maps of strides 32 and 16, three anchors in each."""
        if len(traits.outputs) != len(TINY_ANCHORS) or len(traits.shapes[0]) != 4:
            return None
        channels = traits.shapes[0][1]
        classes = channels // len(TINY_ANCHORS[0]) - BEFORE_CLASSES
        head = self.arranged(traits.outputs, classes)
        if head.explain_mismatch(traits.shapes, classes, traits.canvas) or not traits.are(classes):
            return None
        strides = sorted(traits.canvas.width // shape[3] for shape in traits.shapes)
        darknet = all("convolutional" in output.name for output in traits.outputs)
        if strides != [16, 32] or not darknet:
            return None
        return Claim(classes, "two raw maps that Darknet names, of strides 32 and 16")


def _map_mismatch(shape: Shape, anchors: int, labels: int, canvas: Size) -> str | None:
    if len(shape) != 4:
        return "it reads raw maps [N, anchors * (5 + classes), grid height, grid width]"
    _, channels, rows, columns = shape
    wanted = anchors * (BEFORE_CLASSES + labels)
    if channels != wanted:
        return (
            f"{list(shape)} has {channels} channels; {anchors} anchors and {labels} labels "
            f"make {anchors} * (5 + {labels}) = {wanted}"
        )
    if canvas.width % columns or canvas.height % rows:
        return f"a grid of {columns}x{rows} cells does not divide the input of {canvas}"
    if canvas.width // columns != canvas.height // rows:
        return f"the cells of a grid of {columns}x{rows} on an input of {canvas} are not square"
    return None


def _map(
    raw: NDArray[np.float32], anchors: NDArray[np.float32], canvas: Size, threshold: float
) -> Candidates:
    """Read one map [anchors * (5 + classes), grid height, grid width] of one picture."""
    cells = raw.reshape(len(anchors), -1, *raw.shape[1:])
    which, rows, columns = np.nonzero(cells[:, OBJECTNESS] > _least_objectness(threshold))
    chosen = cells[which, :, rows, columns]
    classes = chosen[:, BEFORE_CLASSES:]
    score = sigmoid(chosen[:, OBJECTNESS]) * sigmoid(classes.max(axis=1))
    found = np.nonzero(score > threshold)[0]
    stride = canvas.width // raw.shape[2]
    cell = np.column_stack([columns[found], rows[found]]).astype(np.float32)
    xyxy = _boxes(chosen[found], cell, anchors[which[found]], stride)
    return Candidates(xyxy, score[found], classes[found].argmax(axis=1).astype(np.int32))


def _boxes(
    chosen: NDArray[np.float32],
    cell: NDArray[np.float32],
    anchors: NDArray[np.float32],
    stride: int,
) -> NDArray[np.float32]:
    centre = (sigmoid(chosen[:, 0:2]) + cell) * np.float32(stride)
    growth = np.exp(np.minimum(chosen[:, 2:4], np.float32(MOST_GROWTH)))
    half = growth * anchors / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _least_objectness(threshold: float) -> float:
    # A class is at most 1, so that the score cannot pass where the objectness alone does not. The
    # margin, on the probability, is far above the rounding of a float32 sigmoid.
    least = threshold * (1 - 1e-5)
    if least <= 0:
        return -math.inf
    return math.log(least / (1 - least)) if least < 1 else math.inf


def _joined(maps: Sequence[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([found.xyxy for found in maps]),
        np.concatenate([found.score for found in maps]),
        np.concatenate([found.class_id for found in maps]),
    )
