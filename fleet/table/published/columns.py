"""A table's columns with the types of another form of tables; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pyarrow as pa

from fleet.errors import UsageError

_Type = TypeVar("_Type")


def typed_columns(
    schema: pa.Schema, table: str, form: str, type_of: Callable[[pa.DataType], _Type]
) -> Iterator[tuple[str, _Type, bytes]]:
    """Yield each column's name, its type in a form such as Delta, and what it is about.

    `type_of`: raises ValueError for a type that the form has not; then UsageError names the column
    of `table`.
    """
    for column in schema:
        try:
            kind = type_of(column.type)
        except ValueError:
            message = f"{form} has no type for the column {column.name} of {table}: {column.type}."
            raise UsageError(message, "Tables of such jobs can be read as Parquet alone.") from None
        yield column.name, kind, (column.metadata or {}).get(b"about", b"")
