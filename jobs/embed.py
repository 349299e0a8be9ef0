"""Describe each frame by a vector, with a compiled feature extractor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet import CompiledModel, Device, FrameBatch, FrameJob, Network, Rows, errors


@dataclass(frozen=True)
class Embed(FrameJob[Network]):
    """One vector a frame, of `dimensions` numbers; with `normalise` of length 1."""

    model: CompiledModel
    dimensions: int = 512
    normalise: bool = False

    table = "vectors"

    def __post_init__(self) -> None:
        if self.dimensions < 1:
            raise ValueError(f"a vector has 1 number or more, not {self.dimensions}")

    def columns(self) -> pa.Schema:
        """One column: float32, as many as `dimensions` in each row."""
        return pa.schema([("vector", pa.list_(pa.float32(), self.dimensions))])

    def open(self, device: Device) -> Network:
        """Load the model; it stays on the device for the whole run."""
        network = device.load(self.model)
        found = network.dimensions
        if found != self.dimensions:
            message = f"{self.model} puts out vectors of {found} numbers, not of {self.dimensions}."
            raise errors.UsageError(message, f"Write --set dimensions={found}.")
        return network

    def run(self, opened: Network, batch: FrameBatch) -> Rows:
        """Resize each picture (VPC), convert it (AIPP), and run the model."""
        vectors = opened.embed(batch)
        chosen = unit(vectors) if self.normalise else vectors
        return Rows(np.arange(len(batch), dtype=np.int32), {"vector": list(chosen)})


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of length 1; one of zeros has no direction, and stays as it is."""
    length = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    scaled: NDArray[np.float32] = np.divide(vectors, length, out=vectors.copy(), where=length > 0)
    return scaled
