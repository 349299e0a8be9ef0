"""A job that takes its time, so that a run lasts; its rows tell which pictures it was given."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from fleet import Device, FrameBatch, FrameJob, Rows


@dataclass(frozen=True)
class SlowDigests(FrameJob[Device]):
    """A row a frame: the digest of its pixels; `pause_s` passes before each."""

    pause_s: float = 0.0

    table: ClassVar[str] = "digests"
    schema: ClassVar[pa.Schema] = pa.schema([("pixels", pa.string())])

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Take the digest of each picture."""
        del opened
        found = []
        for picture in batch.pictures:
            time.sleep(self.pause_s)
            found.append(hashlib.sha256(picture.rgb().tobytes()).hexdigest())
        return Rows(np.arange(len(batch), dtype=np.int32), {"pixels": found})
