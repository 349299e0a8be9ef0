"""What a second network finds inside the boxes of a first one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import Detections, Rows
from fleet.models.heads import Candidates

FOUND = "found"
NOTHING = "nothing"
_Value = TypeVar("_Value")


@dataclass(frozen=True, eq=False)
class InnerDetections:
    """Boxes found inside boxes; each knows which one it lies in."""

    outer: Detections
    """The boxes that were to be looked into."""
    unseen: tuple[str, ...]
    """For each of these why the chip could not cut it out or scale it (too small, too large,
    outside); empty where the network saw it."""
    parent: NDArray[np.int32]
    """The position in `outer` of the box that each object was found in: int32 [m]."""
    found: Detections
    """The objects, in pixels of the whole picture, box by box in the order of `outer`."""

    def __post_init__(self) -> None:
        if len(self.unseen) != len(self.outer) or len(self.parent) != len(self.found):
            raise ValueError(
                f"{len(self.outer)} boxes and {len(self.found)} objects in them need as many "
                f"reasons ({len(self.unseen)}) and parents ({len(self.parent)})"
            )
        if not (self.outer.picture[self.parent] == self.found.picture).all():
            raise ValueError("an object lies in another picture than its box")
        if any(self.unseen[parent] for parent in self.parent):
            raise ValueError("an object lies in a box that the network did not see")

    def __len__(self) -> int:
        return len(self.found)

    @classmethod
    def gather(
        cls,
        outer: Detections,
        unseen: tuple[str, ...],
        found: Mapping[int, Candidates],
        labels: tuple[str, ...],
    ) -> InnerDetections:
        """Put together what was found; `found`: position in `outer` -> objects in its picture."""
        counts = np.array([len(found.get(at, ())) for at in range(len(outer))], np.int64)
        parent = np.repeat(np.arange(len(outer), dtype=np.int32), counts)
        objects = [found[at] for at in range(len(outer)) if at in found]
        inner = Detections(
            picture=outer.picture[parent],
            xyxy=np.concatenate([np.zeros((0, 4), np.float32), *(o.xyxy for o in objects)]),
            score=np.concatenate([np.zeros(0, np.float32), *(o.score for o in objects)]),
            class_id=np.concatenate([np.zeros(0, np.int32), *(o.class_id for o in objects)]),
            labels=labels,
        )
        return cls(outer, unseen, parent, inner)

    @property
    def box(self) -> NDArray[np.int32]:
        """Return the number of each outer box among those of its picture, from 0: int32 [n]."""
        pictures = self.outer.picture
        order = np.argsort(pictures, kind="stable")
        first = np.searchsorted(pictures[order], pictures[order])
        numbers = np.empty(len(pictures), np.int32)
        numbers[order] = np.arange(len(pictures)) - first
        return numbers

    def rows(self) -> Rows:
        """Return rows with the columns of `INNER_DETECTIONS`, box by box.

        A row for each object; of a box without any, one row that says why in `state`, whose
        columns of an object are null.
        """
        empty = np.setdiff1d(np.arange(len(self.outer)), self.parent)
        parents = np.concatenate([self.parent, empty]).astype(np.int64)
        order = np.argsort(parents, kind="stable")
        parents, boxes = parents[order], parents[order].tolist()
        objects = [at if at < len(self) else None for at in order.tolist()]
        reasons = [self.unseen[box] or NOTHING for box in boxes]
        columns = {
            "box": self.box[parents],
            **{f"box_{name}": _take(of, boxes) for name, of in _values(self.outer).items()},
            "state": [
                reason if at is None else FOUND for at, reason in zip(objects, reasons, strict=True)
            ],
            **{name: _take(of, objects) for name, of in _values(self.found).items()},
        }
        return Rows(self.outer.picture[parents], columns)


def _values(found: Detections) -> dict[str, list[object]]:
    columns = found.rows().columns
    return {name: np.asarray(values).tolist() for name, values in columns.items()}


def _take(values: Sequence[_Value], index: Sequence[int | None]) -> list[_Value | None]:
    return [None if at is None else values[at] for at in index]
