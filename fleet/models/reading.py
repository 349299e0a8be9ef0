"""From the raw outputs of a batch to boxes: decoded, suppressed, put back into the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import Detections
from fleet.core.geometry import Placement
from fleet.errors import ModelRefusedError, UsageError
from fleet.models.card import ModelCard
from fleet.models.heads import Candidates, Head, Reader
from fleet.models.heads.own import decode
from fleet.models.nms import suppress

_Kind = TypeVar("_Kind", bound=Reader)
KEPT_BYTES = 1 << 20
"""Outputs of so many bytes wait until those of a whole batch are there, and are read together. In
turn with the network, which fills the caches of the processor, each reading would begin cold."""
NO_BOXES = Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))


@dataclass(frozen=True, eq=False)
class Executed:
    """What a network put out for a batch."""

    outputs: Sequence[NDArray[np.generic]]
    """Its raw outputs."""
    count: int
    """How many pictures of the batch count; the others stand in empty slots."""
    slots: int
    """The size of the batch."""

    @property
    def nbytes(self) -> int:
        """How much memory the outputs take."""
        return sum(output.nbytes for output in self.outputs)


def together(executed: Iterable[Executed]) -> Iterator[list[Executed]]:
    """Yield what was executed, in order, in lists of at most KEPT_BYTES, and of one at least."""
    kept: list[Executed] = []
    kept_bytes = 0
    for run in executed:
        kept.append(run)
        kept_bytes += run.nbytes
        if kept_bytes + run.nbytes > KEPT_BYTES:
            yield kept
            kept, kept_bytes = [], 0
    if kept:
        yield kept


def read_boxes(
    head: Head, card: ModelCard, run: Executed, threshold: float, iou: float
) -> list[Candidates]:
    """Return the boxes of the pictures of a batch that count, in pixels of the input."""
    count = run.count
    raw = first_of(run.outputs, count if head.batch_first else None)
    expected = count if head.batch_first else run.slots
    pictures = decode(head, raw, card.size, threshold, expected)[:count]
    pictures += [NO_BOXES] * (count - len(pictures))
    return [
        found.take(
            suppress(found.xyxy, found.score, found.class_id if card.per_class else None, iou)
        )
        for found in pictures
    ]


def first_of(
    outputs: Sequence[NDArray[np.generic]], count: int | None
) -> list[NDArray[np.float32]]:
    """Return what the outputs hold of the first `count` pictures, as float32; None for all."""
    return [output[:count].astype(np.float32, copy=False) for output in outputs]


def gather(
    card: ModelCard,
    found: Sequence[Candidates],
    placement: Placement,
    shift: NDArray[np.float32],
) -> Detections:
    """Return the boxes of a batch in the pixels of its pictures.

    `shift`: the way from the input to the picture that was placed. Raises ModelRefusedError for a
    class without a label.
    """
    counts = [len(candidates) for candidates in found]
    xyxy = np.concatenate([candidates.xyxy for candidates in found])
    class_id = np.concatenate([candidates.class_id for candidates in found])
    if class_id.size and not 0 <= class_id.min() <= class_id.max() < len(card.labels):
        message = f"{card.name} put out class {class_id.max()} and has {len(card.labels)} labels."
        raise ModelRefusedError(message, "Compile it with one label a class.")
    return Detections(
        picture=np.repeat(np.arange(len(found), dtype=np.int32), counts),
        xyxy=placement.to_source(xyxy + shift),
        score=np.concatenate([candidates.score for candidates in found]),
        class_id=class_id,
        labels=card.labels,
    )


def read_as(kind: type[_Kind], reader: Reader, card: ModelCard) -> _Kind:
    """Return a reader as one of a kind; raises ModelRefusedError where it reads something else."""
    if isinstance(reader, kind):
        return reader
    instead = (
        reader.instead or f"It finds boxes, by the head {card.head}: jobs/detect.toml runs it."
    )
    wanted = kind.__name__.lower()
    message = f"{card.name} is not compiled with --head {wanted}, but {card.head}."
    raise ModelRefusedError(message, instead)


def check_shares(threshold: float, iou: float) -> float:
    """Return the overlap to suppress by; raises UsageError for numbers outside 0..1."""
    for name, value in (("threshold", threshold), ("iou", iou)):
        if not 0 <= value <= 1:
            raise UsageError(f"{name} is {value}.", "Give a number from 0 to 1.")
    return iou
