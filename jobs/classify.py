"""Say what each frame shows, with a compiled classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from fleet import CLASSES, CompiledModel, Device, FrameBatch, FrameJob, Network, Rows


@dataclass(frozen=True)
class Classify(FrameJob[Network]):
    """The `top` classes of each frame with their scores, the best first.

    `scores`: what makes scores of outputs: `model`, as its card says; `softmax`; `none`, they are.
    """

    model: CompiledModel
    top: int = 5
    scores: str = "model"

    table: ClassVar[str] = "classes"
    schema: ClassVar[pa.Schema] = CLASSES

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"a frame has 1 class or more, not {self.top}")
        if self.scores not in {"model", "softmax", "none"}:
            raise ValueError(f"scores are model, softmax or none, not {self.scores}")

    def open(self, device: Device) -> Network:
        """Load the model; it stays on the device for the whole run."""
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Rows:
        """Resize each picture (VPC), convert it (AIPP), and run the model."""
        scores = None if self.scores == "model" else self.scores
        return opened.classify(batch, self.top, scores).rows()
