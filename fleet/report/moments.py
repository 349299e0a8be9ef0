"""When rows were taken: hours and dates in a time zone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def hours_of(times: pa.Array, zone: str) -> NDArray[np.int64]:
    """Return the hour of day of each moment in a time zone; -1 where it is not known."""
    hours = pc.hour(times.cast(pa.timestamp("us", zone))).fill_null(-1)
    return np.asarray(hours.to_numpy(zero_copy_only=False), np.int64)


def dates_of(times: pa.Array, zone: str) -> pa.Array:
    """Return the date of each moment in a time zone, as text."""
    return pc.strftime(times.cast(pa.timestamp("us", zone)), format="%Y-%m-%d")
