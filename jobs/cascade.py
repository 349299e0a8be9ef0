"""Find objects with one compiled detector, and look into each of them with a second one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from fleet import (
    INNER_DETECTIONS,
    CompiledModel,
    Detections,
    Device,
    FrameBatch,
    FrameJob,
    Network,
    Rows,
    errors,
)


@dataclass(frozen=True)
class Cascade(FrameJob[tuple[Network, Network]]):
    """What the network `inner` finds inside each box of the network `model`, beside that box.

    Boxes count from a score of `threshold` on, objects in them from `inner_threshold` on (0..1).
    `labels`: the names of the boxes to look into; none for all.
    """

    model: CompiledModel
    inner: CompiledModel
    labels: tuple[str, ...] = ()
    threshold: float = 0.4
    inner_threshold: float = 0.4
    expand: float = 0.1

    table: ClassVar[str] = "inner_detections"
    schema: ClassVar[pa.Schema] = INNER_DETECTIONS

    def __post_init__(self) -> None:
        for threshold in (self.threshold, self.inner_threshold):
            if not 0 <= threshold <= 1:
                raise ValueError(f"the threshold {threshold} does not lie between 0 and 1")
        if not 0 <= self.expand <= 10:
            raise ValueError(f"boxes grow by 0 to 10 times their size, not by {self.expand}")

    def open(self, device: Device) -> tuple[Network, Network]:
        """Load both models; they stay on the device for the whole run."""
        outer = device.load(self.model)
        known = outer.card.labels
        if unknown := [label for label in self.labels if label not in known]:
            message = f"{self.model} finds no {', '.join(unknown)}."
            raise errors.UsageError(message, f"Choose among: {', '.join(known)}.")
        return outer, device.load(self.inner)

    def run(self, opened: tuple[Network, Network], batch: FrameBatch) -> Rows:
        """Find boxes; cut them out and scale them (VPC), and run the second model on each."""
        outer, inner = opened
        boxes = self._chosen(outer.detect(batch, self.threshold))
        found = inner.detect_in(batch, boxes, self.expand, threshold=self.inner_threshold)
        return found.rows()

    def _chosen(self, boxes: Detections) -> Detections:
        if not self.labels:
            return boxes
        return boxes.take(np.isin(boxes.label, self.labels))
