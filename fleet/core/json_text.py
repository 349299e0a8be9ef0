"""Reading JSON that somebody else may have written."""

from __future__ import annotations

import json
import math
from typing import Any

MOST_LEVELS = 32
"""So deep may lists and objects lie in each other: whoever walks through a value needs no limit."""


def read_json(data: str | bytes) -> Any:
    """Return the value that a text stands for; raises ValueError for any other text.

    JSON has neither NaN nor Infinity, nor may a number be too large for a float.
    """
    try:
        value = json.loads(data, parse_float=_finite, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    _check_levels(value)
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is too large a number")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _check_levels(value: Any) -> None:
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError("it is nested too deep")
