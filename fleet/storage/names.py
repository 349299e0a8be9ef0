"""Names of objects within a folder: what a name may be, whoever has written it down."""

from __future__ import annotations

_DOTS = frozenset({".", ".."})
_NOT_A_PART = _DOTS | {""}
_NOT_IN_A_NAME = frozenset("\0\\")
"""NUL ends a path for the kernel, and a backslash is a slash to some stores and tools."""


def is_object_name(name: str) -> bool:
    """Return whether a name is that of one object below its folder, in a store of any kind.

    It is relative and has no empty part, no `.` and no `..`: those lead to another object, or out
    of the folder.
    """
    return _NOT_IN_A_NAME.isdisjoint(name) and _NOT_A_PART.isdisjoint(name.split("/"))


def has_dot_part(name: str) -> bool:
    """Return whether `.` or `..` is a part of a name: in an address it would mean another object.

    Stores of objects accept such names; clients take those parts out of every address.
    """
    return not _DOTS.isdisjoint(name.split("/"))
