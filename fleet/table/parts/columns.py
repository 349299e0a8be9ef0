"""A job's columns, made to fit the schema that the job declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.core.frames import Rows
from fleet.errors import UsageError
from fleet.parquet.arrays import blobs, nothing, numbers, strings

_FAMILIES: tuple[tuple[str, Callable[[pa.DataType], bool]], ...] = (
    ("numbers", lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind)),
    ("text", lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind)),
    ("bytes", lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind)),
    ("yes or no", pa.types.is_boolean),
)


def stored_type(kind: pa.DataType) -> pa.DataType:
    """Give the type that a column has while it is gathered: a dictionary's values, else itself."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def fit_columns(rows: Rows, schema: pa.Schema, table: str) -> list[pa.Array]:
    """Cast the columns of `rows` to `schema`, in its order; dictionaries stay plain values.

    Raises UsageError, naming the table and the column, where a column is missing, is not declared,
    is of another kind, or holds a value that its type cannot.
    """
    missing = [name for name in schema.names if name not in rows.columns]
    extra = [name for name in rows.columns if name not in schema.names]
    if missing or extra:
        wrong = [f"lack {', '.join(missing)}"] if missing else []
        wrong += [f"have {', '.join(extra)}, which its schema does not"] if extra else []
        raise UsageError(
            f"The job's rows for its table {table} {' and '.join(wrong)}.",
            f"Its schema declares {', '.join(schema.names) or 'no columns'}.",
        )
    return [_fit(rows.columns[field.name], field, table) for field in schema]


def count_labels(labels: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """Count the rows of each label; a row about what was not found has none."""
    counts = pc.value_counts(labels.drop_null())
    pairs = zip(counts.field("values"), counts.field("counts"), strict=True)
    return dict(sorted((str(label), count.as_py()) for label, count in pairs))


def _fit(values: Any, field: pa.Field, table: str) -> pa.Array:
    wanted = stored_type(field.type)
    try:
        return _cast(values, wanted)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise UsageError(
            f"The job's column {field.name} of its table {table} does not fit {wanted}: {error}.",
            "Give it such values, or declare another type in the job's schema.",
        ) from error


def _cast(values: Any, wanted: pa.DataType) -> pa.Array:
    family = _family(wanted)
    if not family:
        return pa.array(list(values), type=wanted)
    if not len(values):
        # Nothing has no type of its own.
        return nothing(wanted)
    given = _as_given(values)
    if given.type == wanted:
        return given
    if _family(given.type) != family and not pa.types.is_null(given.type):
        raise TypeError(f"it holds {given.type}")
    return given.cast(wanted)


def _as_given(values: Any) -> pa.Array:
    """Make an array of the type that the values have; it shares no memory with them."""
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iuf":
        # The job may use its memory again for the next batch.
        return numbers(values.copy())
    if isinstance(values, Sequence) and all(type(value) is str for value in values):
        return strings(values)
    if isinstance(values, Sequence) and all(type(value) is bytes for value in values):
        return blobs(values)
    return pa.array(values)


@cache
def _family(kind: pa.DataType) -> str:
    return next((name for name, belongs in _FAMILIES if belongs(kind)), "")
