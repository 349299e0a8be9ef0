"""Reading JSON that somebody else may have written."""

from __future__ import annotations

import json
from typing import Any


def read_json(data: str | bytes) -> Any:
    """Return the value that a text stands for; raises ValueError for any other text."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
