"""Pickling by value, for what a worker cannot import; Ray brings cloudpickle along."""

from __future__ import annotations

from ray import cloudpickle


def dumps(value: object) -> bytes:
    """Return a value, pickled with the code of its script or notebook."""
    data: bytes = cloudpickle.dumps(value)  # type: ignore[no-untyped-call]
    return data
