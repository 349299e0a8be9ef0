"""A job whose rows tell exactly which pictures it was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from exact import pixels

import fleet
from fleet.ascend.surface import frame_of


@dataclass(frozen=True)
class Digests(fleet.FrameJob[Any]):
    """A row a frame: the digest of its pixels."""

    table: ClassVar[str] = "digests"
    schema: ClassVar[pa.Schema] = pa.schema([("pixels", pa.string())])

    def run(self, opened: Any, batch: fleet.FrameBatch) -> fleet.Rows:
        """Take the digest of each picture."""
        del opened
        found = [pixels(frame_of(picture)) for picture in batch.pictures]
        return fleet.Rows(np.arange(len(batch), dtype=np.int32), {"pixels": found})
