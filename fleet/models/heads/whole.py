"""Readers of networks that look at a whole picture: its class, a vector, or outputs as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Fit, Size
from fleet.models.heads.head import Claim, Output, Reader, Shape, Traits
from fleet.models.heads.numbers import IMAGENET_MEAN, IMAGENET_SCALE, softmax

PROBABILITIES = frozenset({"Softmax", "Sigmoid"})
"""Operators behind which outputs are scores already."""
VECTORS = frozenset({"embedding", "embeddings", "features", "image_embeds", "pooler_output"})
"""What exporters call the vector where there are several outputs."""


@dataclass(frozen=True)
class Whole(Reader):
    """A reader of one number each of a row, [N, numbers] or [N, numbers, 1, 1].

    Such networks are usually trained on ImageNet: squeezed pictures, RGB, its mean and deviation.
    """

    scale: float | tuple[float, float, float] = IMAGENET_SCALE
    mean: tuple[float, float, float] = IMAGENET_MEAN
    fit: Fit = Fit.STRETCH
    where: int = 0
    """Which output it is."""

    def rows(self, outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the output as [N, numbers]."""
        output = outputs[self.where]
        return output.reshape(len(output), -1)


@dataclass(frozen=True)
class Classify(Whole):
    """A reader of one score a class, activated by the network or not.

    Outputs behind a Softmax or Sigmoid are scores; others become scores by a softmax.
    """

    activation: str = "softmax"
    """What makes scores of outputs: softmax, or none."""
    settings: ClassVar[tuple[str, ...]] = ("where", "activation")
    instead: ClassVar[str] = "It is a classifier: jobs/classify.toml runs it, and network.classify."

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the reader for the output with a number a label, by the operator behind it."""
        fitting = [at for at, output in enumerate(outputs) if _length(output.shape) == labels]
        if len(fitting) != 1:
            return self
        activated = outputs[fitting[0]].operator in PROBABILITIES
        return replace(self, where=fitting[0], activation="none" if activated else "softmax")

    def suited(self, metadata: Mapping[str, str]) -> Self:
        """Return the reader for Ultralytics' classifiers, whose pictures are 0..1."""
        own = metadata.get("task") == "classify"
        return replace(self, mean=(0.0, 0.0, 0.0), scale=1 / 255) if own else self

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether its exporter calls it a classifier, with a number a class put out."""
        if traits.metadata.get("task") != "classify" or len(traits.outputs) != 1:
            return None
        classes = _length(traits.shapes[0])
        if not traits.are(classes):
            return None
        return Claim(classes, f"Ultralytics' classifier of {classes} classes")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why no one output has a number a label; see Reader."""
        del canvas
        lengths = [_length(shape) for shape in outputs]
        if lengths.count(labels) == 1:
            return None
        if len(outputs) == 1 and lengths[0]:
            return f"the output has {lengths[0]} classes and there are {labels} labels"
        return f"it reads one output [N, {labels}]"

    def scores(
        self, outputs: Sequence[NDArray[np.float32]], activation: str | None = None
    ) -> NDArray[np.float32]:
        """Return the scores, [N, classes]; `activation` in place of its own."""
        rows = self.rows(outputs)
        return softmax(rows) if (activation or self.activation) == "softmax" else rows


@dataclass(frozen=True)
class Embed(Whole):
    """A reader of one vector a picture; of several outputs the one that is called so."""

    dimensions: int = 0
    """How many numbers the vector has."""
    settings: ClassVar[tuple[str, ...]] = ("where", "dimensions")
    instead: ClassVar[str] = "It puts out vectors: jobs/embed.toml runs it, and network.embed."
    needs_labels: ClassVar[bool] = False

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the reader for the one output, or the one with such a name."""
        del labels
        fitting = [at for at, output in enumerate(outputs) if _length(output.shape)]
        named = [at for at in fitting if outputs[at].name in VECTORS]
        chosen = fitting if len(fitting) == 1 else named
        if len(chosen) != 1:
            return self
        return replace(self, where=chosen[0], dimensions=_length(outputs[chosen[0]].shape))

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why no one output is a vector; see Reader."""
        del labels, canvas
        if self.dimensions and _length(outputs[self.where]) == self.dimensions:
            return None
        listed = ", ".join(sorted(VECTORS))
        return f"it reads one output [N, numbers], or of several the one called {listed}"


@dataclass(frozen=True)
class Raw(Reader):
    """A reader of nothing: outputs stay as they are."""

    fit: Fit = Fit.STRETCH
    needs_labels: ClassVar[bool] = False
    batch_first: ClassVar[bool] = False
    instead: ClassVar[str] = (
        "It is compiled without a head, for `fleet infer`. Compile it with --head and --labels."
    )


def _length(shape: Shape) -> int:
    """Return how many numbers a picture has; 0 where the shape is not that of a vector."""
    return shape[1] if len(shape) == 2 or shape[2:] == (1, 1) else 0
