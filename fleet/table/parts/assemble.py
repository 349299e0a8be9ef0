"""Putting gathered stretches of rows together as one sorted Arrow table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.parquet.arrays import in_one, numbers, strings
from fleet.table.parts.schema import columns_from_path, partition_names


@dataclass(frozen=True, eq=False)
class SortKey:
    """Which video each row is of, and where in it: what a table is sorted by.

    `uris`, `lengths`: stretch by stretch, the video and how many rows are of it. `at`: int64
    [rows], the frame number, or whatever rises with it.
    """

    uris: Sequence[str]
    lengths: Sequence[int]
    at: NDArray[np.int64]


def assemble(
    schema: pa.Schema, stretches: SortKey, columns: Mapping[str, Any], pattern: str
) -> pa.Table:
    """Make a table of `schema`: uri, `columns`, and what `pattern` finds in each URI.

    `columns`: arrays of NumPy or Arrow by name, rows in the order of `stretches`. Rows are sorted
    by (uri, at); those with equal keys stay as they come.
    """
    lengths = [length for length in stretches.lengths if length]
    uris = [uri for uri, n in zip(stretches.uris, stretches.lengths, strict=True) if n]
    names = sorted(set(uris))
    number = {uri: n for n, uri in enumerate(names)}
    video = np.repeat(np.array([number[uri] for uri in uris], np.int32), lengths)
    order = np.lexsort((stretches.at, video))
    ranks = numbers(video)
    uri = pa.DictionaryArray.from_arrays(ranks, strings(names))
    found = [columns_from_path(pattern, name) for name in names]
    of_path = {
        column: strings([groups[column] for groups in found]).take(ranks)
        for column in partition_names(pattern)
    }
    whole = {"uri": uri, **columns, **of_path}
    arrays = [_ordered(whole[field.name], field.type, order) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _ordered(values: Any, kind: pa.DataType, order: NDArray[np.int64]) -> pa.Array:
    """Bring a column into order, as one array of type `kind`."""
    array = numbers(values) if isinstance(values, np.ndarray) else values
    if isinstance(array, pa.ChunkedArray):
        array = in_one(array)
    if not np.array_equal(order, np.arange(len(order))):
        array = array.take(numbers(order))
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
        # After sorting, so that equal rows have equal dictionaries whatever order they came in.
        array = array.dictionary_encode()
    return array.cast(kind)
