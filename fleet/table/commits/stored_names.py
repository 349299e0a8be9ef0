"""Names that were read from storage, checked before they become parts of paths.

Whoever can write to an output can put any name into a record. With these checks a record names
objects of its own lease or pack, and no other ones: neither those of others nor any elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from reprlib import repr as brief

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.core.receipt import PartFile
from fleet.parquet.arrays import as_numpy, booleans
from fleet.table.parts.schema import FRAMES_TABLE, TABLE_NAME

_NO = booleans(np.zeros(1, np.bool_))[0]
_LEASE = "[0-9a-f]{32}"
_PACK = "[0-9]{6}-[0-9a-f]{16}"
_PART_OF_A_LEASE = re.compile(rf"part-({_LEASE})(?:-[0-9a-f]{{8}})?\.parquet")
_USUAL_PART = rf"part-{_LEASE}\.parquet"
_LEASE_AT = slice(len("part-"), len("part-") + 32)


def lease_name(name: object) -> str:
    """Return the name of a lease; raises ValueError where it is none."""
    return _checked(name, _LEASE, "lease")


def pack_name(name: object) -> str:
    """Return the name of a pack; raises ValueError where it is none."""
    return _checked(name, _PACK, "pack")


def table_name(name: object) -> str:
    """Return the name of a table's folder; raises ValueError where it is none."""
    return _checked(name, TABLE_NAME, "table")


def _checked(name: object, pattern: str, what: str) -> str:
    if not (isinstance(name, str) and re.fullmatch(pattern, name)):
        raise ValueError(f"{brief(name)} is the name of no {what}")
    return name


def check_parts(lease: str, parts: Iterable[PartFile]) -> None:
    """Raise ValueError where a part does not lie in a table's folder, or is not of that lease."""
    for part in parts:
        table_name(part.table)
        found = _PART_OF_A_LEASE.fullmatch(part.name)
        if found is None or found[1] != lease:
            raise ValueError(f"{brief(part.name)} is no part of lease {lease}")


def check_columns(records: pa.Table) -> None:
    """Raise ValueError where a row of a `record_table` has names that `check_parts` refuses.

    The name of a part may be null, which stands for the usual one; the last of a lease's parts has
    it, and is its frames part.
    """
    parts = records["parts"].combine_chunks()
    flat = parts.flatten()
    _check_column(records["lease"], _LEASE, "a lease")
    _check_column(flat.field("table"), TABLE_NAME, "a table")
    names = flat.field("name")
    _check_column(names.drop_null(), _PART_OF_A_LEASE.pattern, "a part")
    _check_column(records["was"].combine_chunks().flatten(), _LEASE, "a lease")
    owners = records["lease"].combine_chunks().take(pc.list_parent_indices(parts))
    ends = _ends_of(parts)
    _check_column(flat.field("table").filter(ends), FRAMES_TABLE, "a frames table")
    _check_column(names.filter(ends).drop_null(), _USUAL_PART, "a frames part")
    theirs = pc.utf8_slice_codeunits(names, _LEASE_AT.start, _LEASE_AT.stop)
    if pc.any(pc.not_equal(theirs, owners)).as_py():
        raise ValueError("a part is named after another lease")


def _ends_of(lists: pa.Array) -> pa.Array:
    """Mark the last item of each list, among the items of all: bool [items]."""
    parents = as_numpy(pc.list_parent_indices(lists))
    return booleans(np.append(parents[1:] != parents[:-1], np.ones(min(1, len(parents)), np.bool_)))


def _check_column(values: pa.Array, pattern: str, what: str) -> None:
    fits = pc.match_substring_regex(values, rf"\A(?:{pattern})\z").fill_null(_NO)
    if not (pc.all(fits).as_py() or not len(values)):
        raise ValueError(f"{values.filter(pc.invert(fits))[0]} is the name of {what} that is none")
