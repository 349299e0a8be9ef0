"""Grafana's own types of a dashboard, as its Foundation SDK generates them from its schemas."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

PACKAGE = "grafana_foundation_sdk"
Tree = dict[str, Any]


def misfits(dashboard: Tree) -> list[str]:
    """Return which fields of a dashboard Grafana does not know, and which have values that it does not take."""
    if not os.environ.get("CI"):
        pytest.importorskip(PACKAGE, reason="grafana-foundation-sdk is not installed")
    plugins = importlib.import_module(f"{PACKAGE}.cog.plugins")
    models = importlib.import_module(f"{PACKAGE}.models.dashboard")
    encoder = importlib.import_module(f"{PACKAGE}.cog.encoder")
    plugins.register_default_plugins()
    known = models.Dashboard.from_json(dashboard)
    again = json.loads(json.dumps(known, cls=encoder.JSONEncoder))
    return [*_lost(dashboard, again, "$"), *_untyped(known, models.Dashboard, "$")]


def _lost(before: Any, after: Any, path: str) -> Iterator[str]:
    """Yield what does not come back from Grafana's types; these add defaults alone."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, each in before.items():
            if name in after:
                yield from _lost(each, after[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is not known"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _lost(old, new, f"{path}[{number}]")
    elif before != after:
        yield f"{path} is {before!r}, and is read as {after!r}"


def _untyped(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Yield the values that are not of their types."""
    origin, inner = get_origin(hint), get_args(hint)
    is_ours = type(value).__module__.startswith(PACKAGE) and not isinstance(value, Enum)
    if origin in {Union, UnionType}:
        tried = [list(_untyped(value, each, path)) for each in inner]
        if all(tried):
            yield min(tried, key=len)[0]
    elif origin is list and isinstance(value, list):
        for number, each in enumerate(value):
            yield from _untyped(each, inner[0], f"{path}[{number}]")
    elif origin is dict and isinstance(value, dict):
        for name, each in value.items():
            yield from _untyped(each, inner[1], f"{path}.{name}")
    elif is_ours:
        # What is a panel's own is declared as any object; its class says what it is.
        for name, each in get_type_hints(type(value)).items():
            yield from _untyped(getattr(value, name), each, f"{path}.{name}")
    elif not _fits(value, hint):
        yield f"{path} is {value!r}"


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any or hint is object:
        return True
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is NoneType:
        return value is None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value in [each.value for each in hint]
    if hint is float or hint is int:
        return isinstance(value, (hint, int)) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)
