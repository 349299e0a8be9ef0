"""A small SSD in Caffe's form: its layers, weights, and what comes of them in loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import exp, sqrt

import numpy as np
from caffe_nets import Array, caffemodel, layer, prototxt
from numpy.typing import NDArray

SIDES = (48, 64)


CLASSES = 3
"""Besides the background."""


Box = tuple[float, ...]


@dataclass(frozen=True)
class Priors:
    """The parameters of a PriorBox."""

    least: tuple[float, ...] = (10.0,)
    most: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()
    flip: bool = True
    clip: bool = False
    variance: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    step: float = 0.0
    offset: float = 0.5

    @property
    def text(self) -> str:
        """As a prototxt has them."""
        numbers = {"min_size": self.least, "max_size": self.most, "aspect_ratio": self.ratios}
        numbers |= {"variance": self.variance, "offset": (self.offset,)}
        numbers |= {"step": (self.step,)} if self.step else {}
        fields = [f"{name}: {value}" for name, values in numbers.items() for value in values]
        fields += [f"flip: {str(self.flip).lower()}", f"clip: {str(self.clip).lower()}"]
        return f"prior_box_param {{ {' '.join(fields)} }}"

    @property
    def shapes(self) -> list[tuple[float, float]]:
        """Width and height of each box of a cell, as prior_box_layer.cpp makes them."""
        ratios = [1.0]
        for ratio in self.ratios:
            if not any(abs(ratio - known) < 1e-6 for known in ratios):
                ratios.append(ratio)
                if self.flip:
                    ratios.append(1 / ratio)
        found = []
        for number, low in enumerate(self.least):
            found.append((low, low))
            if self.most:
                side = sqrt(low * self.most[number])
                found.append((side, side))
            others = (ratio for ratio in ratios if abs(ratio - 1) >= 1e-6)
            found += [(low * sqrt(ratio), low / sqrt(ratio)) for ratio in others]
        return found

    def boxes(self, rows: int, columns: int) -> Iterator[Box]:
        """Each box, cell by cell, relative to the picture."""
        height, width = SIDES
        for row, column in product(range(rows), range(columns)):
            x = (column + self.offset) * (self.step or width / columns)
            y = (row + self.offset) * (self.step or height / rows)
            for w, h in self.shapes:
                low, high = (x - w / 2, y - h / 2), (x + w / 2, y + h / 2)
                box = low[0] / width, low[1] / height, high[0] / width, high[1] / height
                clipped = tuple(min(max(side, 0.0), 1.0) for side in box)
                yield clipped if self.clip else box


FIRST = Priors(most=(20.0,), ratios=(2.0,))


SECOND = Priors(least=(20.0, 30.0), ratios=(2.0, 3.0, 0.5), clip=True, step=16.0)


def ssd(end: str = "", batch: int = 1) -> str:
    """A backbone, two maps with a normalisation, and the end, as ATC's documentation writes it."""
    layers = [
        layer("Convolution", ["data"], ["a"], _convolution(4, 3, 8)),
        layer(
            "Normalize", ["a"], ["n"], "norm_param { across_spatial: false channel_shared: false }"
        ),
        layer("Convolution", ["a"], ["b"], _convolution(4, 3, 2)),
    ]
    for name, bottom, priors in (("n", "n", FIRST), ("b", "b", SECOND)):
        each = len(priors.shapes)
        for kind, count in (("loc", 4 * each), ("conf", (1 + CLASSES) * each)):
            top = f"{name}_{kind}"
            layers += [
                layer("Convolution", [bottom], [top], _convolution(count, 3, 1)),
                layer(
                    "Permute",
                    [top],
                    [f"{top}_p"],
                    "permute_param { order: 0 order: 2 order: 3 order: 1 }",
                ),
                layer("Flatten", [f"{top}_p"], [f"{top}_f"], "flatten_param { axis: 1 }"),
            ]
        layers.append(layer("PriorBox", [bottom, "data"], [f"{name}_prior"], priors.text))
    shape = f"reshape_param {{ shape {{ dim: 0 dim: -1 dim: {1 + CLASSES} }} }}"
    layers += [
        layer("Concat", ["n_loc_f", "b_loc_f"], ["mbox_loc"], "concat_param { axis: 1 }"),
        layer("Concat", ["n_conf_f", "b_conf_f"], ["mbox_conf"], "concat_param { axis: 1 }"),
        layer("Concat", ["n_prior", "b_prior"], ["mbox_priorbox"], "concat_param { axis: 2 }"),
        layer("Reshape", ["mbox_conf"], ["mbox_conf_reshape"], shape),
        layer("Softmax", ["mbox_conf_reshape"], ["softmax"], "softmax_param { axis: 2 }"),
        layer("Flatten", ["softmax"], ["flat"], "flatten_param { axis: 1 }"),
        layer(
            "SSDDetectionOutput",
            ["mbox_loc", "flat", "mbox_priorbox"],
            ["out_boxnum", "y"],
            f"ssddetectionoutput_param {{ num_classes: {1 + CLASSES} iou_threshold: 0.4 {end} }}",
        ),
    ]
    return prototxt((batch, 3, *SIDES), *layers)


def _convolution(outputs: int, kernel: int, stride: int) -> str:
    return (
        f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} pad: {kernel // 2} "
        f"stride: {stride} }}"
    )


def weights(seed: int) -> bytes:
    """Random weights for it."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> Array:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    found = {"a": [some(4, 3, 3, 3), some(4)], "b": [some(4, 4, 3, 3), some(4)]}
    for name, priors in (("n", FIRST), ("b", SECOND)):
        for kind, count in (("loc", 4), ("conf", 1 + CLASSES)):
            total = count * len(priors.shapes)
            found[f"{name}_{kind}"] = [some(total, 4, 3, 3), some(total)]
    found["n"] = [np.abs(some(4)) + 1]
    return caffemodel(found)


def straight(offsets: Array, scores: Array, threshold: float) -> NDArray[np.float64]:
    """Decode each box of each prior, number by number (bbox_util.cpp, CENTER_SIZE)."""
    found = []
    priors = [*FIRST.boxes(6, 8), *SECOND.boxes(3, 4)]
    assert offsets.size == 4 * len(priors)
    for number, (x1, y1, x2, y2) in enumerate(priors):
        dx, dy, dw, dh = offsets.ravel()[4 * number : 4 * number + 4].tolist()
        classes = scores.ravel()[(1 + CLASSES) * number :][: 1 + CLASSES].tolist()
        width, height = x2 - x1, y2 - y1
        x, y = 0.1 * dx * width + (x1 + x2) / 2, 0.1 * dy * height + (y1 + y2) / 2
        # The head's own limit: a thousand times the prior is larger than any picture.
        w, h = min(exp(0.2 * dw), 1000) * width, min(exp(0.2 * dh), 1000) * height
        best = max(range(1, 1 + CLASSES), key=classes.__getitem__)
        if classes[best] > threshold:
            across = (x - w / 2) * SIDES[1], (x + w / 2) * SIDES[1]
            down = (y - h / 2) * SIDES[0], (y + h / 2) * SIDES[0]
            sides = across[0], down[0], across[1], down[1]
            found.append((*sides, classes[best], best - 1))
    return np.array(found, np.float64).reshape(-1, 6)
