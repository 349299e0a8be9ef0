"""What an output says, as one digest a table: the same for the same rows, however they lie."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.dataset as ds

from fleet.table.state.read import read


def fingerprint(output: str) -> dict[str, str]:
    """Give a SHA-256 for each table of an output, over all its rows, sorted by every column."""
    tables = read(output)
    return {name: _digest(tables.table(name)) for name in tables.names}


def _digest(dataset: ds.Dataset) -> str:
    table = dataset.to_table()
    plain = pa.table(
        {
            name: column.cast(column.type.value_type)
            if pa.types.is_dictionary(column.type)
            else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )
    keys = [(name, "ascending") for name in plain.column_names if _sortable(plain[name].type)]
    # One chunk a column: how rows were spread over parts must not show.
    ordered = plain.sort_by(keys).combine_chunks()
    digest = hashlib.sha256()
    for batch in ordered.to_batches(max_chunksize=65536):
        digest.update(repr(batch.schema.names).encode())
        for column in batch.columns:
            digest.update(repr(column.to_pylist()).encode())
    return digest.hexdigest()


def _sortable(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind))
