"""Find objects in frames with a compiled detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from fleet import (
    DETECTIONS,
    CompiledModel,
    Detections,
    Device,
    FrameBatch,
    FrameJob,
    Network,
)


@dataclass(frozen=True)
class Detect(FrameJob[Network]):
    """Every box that the model scores above `threshold` (0..1)."""

    model: CompiledModel
    threshold: float = 0.4

    table: ClassVar[str] = "detections"
    schema: ClassVar[pa.Schema] = DETECTIONS

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"the threshold {self.threshold} does not lie between 0 and 1")

    def open(self, device: Device) -> Network:
        """Load the model; it stays on the device for the whole run."""
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Detections:
        """Resize each picture (VPC), convert it (AIPP), and run the model and its head."""
        return opened.detect(batch, self.threshold)
