"""A job that looks at nothing: what its run costs is decoding, and what Fleet adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fleet import FrameBatch, FrameJob, Rows


@dataclass(frozen=True)
class Seen(FrameJob):
    """Takes pictures, and finds nothing in them."""

    table: ClassVar[str] = "seen"
    schema: ClassVar[pa.Schema] = pa.schema([("nothing", pa.bool_())])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Return no rows."""
        del opened, batch
        return Rows(np.zeros(0, np.int32), {"nothing": []})
