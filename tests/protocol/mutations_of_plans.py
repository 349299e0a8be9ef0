"""Faults of a plan that is made while inputs are listed and looked at still; see mutations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleet.driver.preparing.prepared import Prepared
from fleet.table.state.kept_windows import KeptWindows

Patch = tuple[Any, str, Any]
"""An object, an attribute's name, another value."""


def window_for_all() -> Iterable[Patch]:
    """Put a window of the archive in the place of all of it."""
    add = KeptWindows.add

    def keep(kept: KeptWindows, now: Any, *_: Any) -> None:
        add(kept, now)

    yield KeptWindows, "add", keep


def names_for_all() -> Iterable[Patch]:
    """Put the names that are listed in the place of all of them."""
    add = KeptWindows.add

    def keep(kept: KeptWindows, now: Any, to_look: Any = (), _: Any = ()) -> None:
        add(kept, now, to_look)

    yield KeptWindows, "add", keep


def listed_for_all() -> Iterable[Patch]:
    """Have a plan end with what is listed by then."""
    yield Prepared, "is_last", property(lambda prepared: not prepared.to_look)
