"""Find objects in frames with a compiled detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from fleet import CompiledModel, FrameJob
from fleet.table.parts.schema import DETECTIONS

if TYPE_CHECKING:
    from fleet.core.frames import Detections, FrameBatch
    from fleet.device import Device
    from fleet.models.network import Network


@dataclass(frozen=True)
class Detect(FrameJob):
    """Every box that the model scores above `threshold` (0..1)."""

    model: CompiledModel
    threshold: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"the threshold {self.threshold} does not lie between 0 and 1")

    table: ClassVar[str] = "detections"
    schema: ClassVar[pa.Schema] = DETECTIONS

    def open(self, device: Device) -> Network:
        """Load the model; it stays on the device from lease to lease."""
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Detections:
        """VPC, AIPP, model and head, for every frame of the batch."""
        return opened.detect(batch, self.threshold)
