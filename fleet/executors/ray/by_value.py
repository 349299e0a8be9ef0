"""Pickling by value, for what a worker cannot import; Ray brings cloudpickle along."""

from __future__ import annotations

from types import ModuleType

from ray import cloudpickle


def dumps(value: object, module: ModuleType | None = None) -> bytes:
    """Return a value, pickled with the code of its script or notebook, and of such a module."""
    if module:
        register(module)
    data: bytes = cloudpickle.dumps(value)  # type: ignore[no-untyped-call]
    return data


def register(module: ModuleType) -> None:
    """Have what a module defines travel by value from now on."""
    cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
