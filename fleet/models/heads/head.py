"""What reads the raw outputs of one family of networks, and what a head is: it finds boxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes of one picture before suppression."""

    xyxy: NDArray[np.float32]
    """[n, 4]: x1, y1, x2, y2 in pixels of the network's input."""
    score: NDArray[np.float32]
    """[n], in 0..1."""
    class_id: NDArray[np.int32]
    """[n], from 0."""

    def __len__(self) -> int:
        return len(self.score)

    def take(self, index: NDArray[np.intp]) -> Candidates:
        """Return the boxes of these indices, in their order."""
        return Candidates(self.xyxy[index], self.score[index], self.class_id[index])


@dataclass(frozen=True)
class Output:
    """An output of a network, as its file names it."""

    name: str
    """Its name."""
    shape: Shape
    """Its shape; the batch comes first in most."""
    operator: str = ""
    """The operator that makes its numbers; empty where that is not known."""


Setting = str | int | tuple[int, ...]
"""A value that says which of several layouts a head reads."""


@dataclass(frozen=True)
class Reader:
    """A reader of one family of networks; it has no state, so that one serves all threads."""

    order: ChannelOrder = ChannelOrder.RGB
    """The channel order that such networks are trained on."""
    scale: float | tuple[float, float, float] = 1 / 255
    """The factor from 0..255 to the range that such networks are trained on; one a channel, in
    the channel order, where they differ."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Subtracted from each channel before the factor, in 0..255."""
    fit: Fit = Fit.LETTERBOX
    """How such networks expect the picture on their input."""
    settings: ClassVar[tuple[str, ...]] = ()
    """The fields that say which of several layouts it reads, see `arranged`."""
    batch_first: ClassVar[bool] = True
    """Whether every output has the batch as its first length."""
    one_picture: ClassVar[bool] = False
    """Whether its networks look at the first picture of a batch alone."""
    whole_numbers: ClassVar[bool] = False
    """Whether outputs may be whole numbers, such as counts or classes."""
    in_parts: ClassVar[bool] = False
    """Whether sizes of boxes are parts of the input, as long as its networks learned it to be."""
    needs_labels: ClassVar[bool] = True
    """Whether its numbers are of classes, which have names."""
    instead: ClassVar[str] = ""
    """What to do where boxes are asked for and it finds none, as a sentence."""

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the reader for these outputs: which is which, by names and shapes.

        What cannot be arranged is returned as it is; `explain_mismatch` says why then.
        """
        del outputs, labels
        return self

    def suited(self, metadata: Mapping[str, str]) -> Self:
        """Return the reader for pictures as they are where the exporter wrote this metadata."""
        del metadata
        return self

    def recognise(self, traits: Traits) -> Claim | None:
        """Return the claim that such outputs are those of its family; None where none is sure."""
        del traits
        return None

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why it cannot read outputs of these shapes, as a clause; None where it can.

        `labels` is the number of classes, `canvas` the size of the network's input.
        """
        del outputs, labels, canvas
        return None


@dataclass(frozen=True)
class Head(Reader, ABC):
    """A reader that finds boxes.

    Derive a frozen dataclass from it, with a default for each field, for outputs of your own:
    `decode` is all that it needs, `fleet.head` registers it.
    """

    iou: float = 0.45
    """The overlap above which the usual programs suppress a box; 1 where they suppress none."""
    per_class: bool = True
    """Whether only boxes of one class suppress each other."""
    registered_as: ClassVar[str] = ""
    """The name by which `fleet.head` registered it; empty for heads of Fleet."""

    @abstractmethod
    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Return for each picture of a batch the boxes with a score above `threshold`.

        `outputs` are the network's, in its order, float32, the batch first; `canvas` is the size of
        its input, in whose pixels boxes are. What overlaps is suppressed afterwards, see `iou`.
        """


@dataclass(frozen=True)
class Traits:
    """What is known of a network whose head is looked for."""

    outputs: tuple[Output, ...]
    """Its outputs, in order."""
    canvas: Size
    """The size of its input."""
    labels: int | None
    """How many classes it has, where that is known."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What its exporter wrote into the file."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of its outputs."""
        return tuple(output.shape for output in self.outputs)

    def only(self, rank: int) -> Shape | None:
        """Return the shape of the one output, where there is one of so many lengths."""
        shape = self.shapes[0] if len(self.outputs) == 1 else ()
        return shape if len(shape) == rank else None

    def are(self, classes: int) -> bool:
        """Return whether the network may have so many classes."""
        return classes > 0 and self.labels in {None, classes}


@dataclass(frozen=True)
class Claim:
    """A head that knows the outputs of a network for those of its family."""

    classes: int | None
    """How many classes they have; None where they do not say."""
    why: str
    """Why, as a clause."""
