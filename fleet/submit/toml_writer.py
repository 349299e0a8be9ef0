"""Writing the fields of a job file as TOML; the standard library only reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from fleet.errors import UsageError


def to_toml(fields: Mapping[str, Any]) -> str:
    """Write fields, a line each; tables within them stand on that one line.

    Reading it with tomllib gives the same fields. Raises UsageError for what TOML cannot hold.
    """
    return "".join(f"{_text(key)} = {_value(value)}\n" for key, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_text(key)} = {_value(item)}" for key, item in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    raise UsageError(f"A job file cannot hold a {type(value).__name__}.")


def _text(text: str) -> str:
    # JSON's strings are TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
