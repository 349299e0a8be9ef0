"""A table's columns as Iceberg has them; pure."""

from __future__ import annotations

import pyarrow as pa

from fleet.table.published.columns import typed_columns

_TYPES = {
    pa.string(): pa.string(),
    pa.large_string(): pa.string(),
    pa.binary(): pa.binary(),
    pa.large_binary(): pa.binary(),
    pa.bool_(): pa.bool_(),
    pa.int8(): pa.int32(),
    pa.int16(): pa.int32(),
    pa.int32(): pa.int32(),
    pa.int64(): pa.int64(),
    pa.float32(): pa.float32(),
    pa.float64(): pa.float64(),
    pa.date32(): pa.date32(),
    pa.timestamp("us", "UTC"): pa.timestamp("us", "UTC"),
}
"""Types of Arrow -> those that Iceberg has as well."""


def iceberg_schema(schema: pa.Schema, table: str) -> pa.Schema:
    """Return a schema of the types that Iceberg has, with what each column is about.

    Raises UsageError, naming the column of `table`, for a type that it has not.
    """
    columns = [
        pa.field(name, kind, metadata={"doc": about} if about else None)
        for name, kind, about in typed_columns(schema, table, "Iceberg", _type)
    ]
    return pa.schema(columns)


def _type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _type(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_type(kind.value_type))
    if kind not in _TYPES:
        raise ValueError(kind)
    return _TYPES[kind]
