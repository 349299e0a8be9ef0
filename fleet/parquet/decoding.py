"""Small Parquet objects that somebody else may have written, as tables of a known schema."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from fleet.parquet.arrow_threads import native_buffer

_SMALL_BYTES = 1 << 16
_TROUBLE = (pa.ArrowException, OSError, KeyError)
"""What Arrow raises for bytes, columns and values that are not as they should be."""


def decode(
    data: bytes, names: Sequence[str] | Callable[[pa.Schema], Sequence[str]] | None = None
) -> tuple[pa.Table, Mapping[str, str]]:
    """Read a whole object: its rows, and the key-value pairs in its footer; see `decode_rows`."""
    with _opened(data) as file:
        pairs = (file.metadata.metadata or {}).items()
        return _rows(file, data, names), {key.decode(): value.decode() for key, value in pairs}


def decode_rows(
    data: bytes, names: Sequence[str] | Callable[[pa.Schema], Sequence[str]] | None = None
) -> pa.Table:
    """Read the rows of a whole object.

    `names`: the columns to read, if they are there, or what chooses them of its schema; None for
    all. Raises ValueError where it is no Parquet file, or damaged.
    """
    with _opened(data) as file:
        return _rows(file, data, names)


@contextmanager
def _opened(data: bytes) -> Iterator[pq.ParquetFile]:
    source = pa.BufferReader(native_buffer(data))
    options = {"page_checksum_verification": True, "pre_buffer": len(data) > _SMALL_BYTES}
    try:
        with pq.ParquetFile(source, **options) as file:
            yield file
    except _TROUBLE as error:
        raise ValueError(f"it cannot be read as Parquet: {error!r}") from error


def _rows(
    file: pq.ParquetFile,
    data: bytes,
    names: Sequence[str] | Callable[[pa.Schema], Sequence[str]] | None,
) -> pa.Table:
    chosen = names(file.schema_arrow) if callable(names) else names
    # Handing the few pages of a small object to other threads takes longer than reading them.
    return file.read(chosen, use_threads=len(data) > _SMALL_BYTES)


def conform(table: pa.Table, schema: pa.Schema, nullable: Collection[str] = ()) -> pa.Table:
    """Return the columns of `schema`, in their types; others are left aside.

    Raises ValueError where one is missing or of another type, where text is none, and for a null in
    any column or field of a structure but those in `nullable`, written as `column.field`.
    """
    try:
        table.validate(full=True)
        found = table.select(schema.names)
        found = found if found.schema.equals(schema, check_metadata=True) else found.cast(schema)
    except _TROUBLE as error:
        raise ValueError(f"its columns are others: {error!r}") from error
    check_filled(found, nullable)
    return found


def check_filled(table: pa.Table, nullable: Collection[str] = ()) -> None:
    """Raise ValueError for a null where none may be; see `conform`."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        for array in column.chunks:
            _check_array(array, name, nullable)


def _check_array(array: pa.Array, name: str, nullable: Collection[str]) -> None:
    if name not in nullable and array.null_count:
        raise ValueError(f"{name} has nulls")
    if pa.types.is_dictionary(array.type):
        _check_array(array.dictionary, name, ())
    elif pa.types.is_list(array.type):
        _check_array(array.flatten(), name, nullable)
    elif pa.types.is_struct(array.type):
        for field, inner in zip(array.type, array.flatten(), strict=True):
            _check_array(inner, f"{name}.{field.name}", nullable)
