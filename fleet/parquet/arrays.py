"""Arrow arrays, made from buffers and read from them.

`pyarrow.array`, `scalar` and `table`, `Schema.empty_table`, `to_numpy`, and `combine_chunks` of no
chunk load pandas wherever it is installed (pyarrow 26, measured: 1 s and 48 MB for each worker),
only to ask whether they were given a pandas object, or are to make one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers(values: NDArray[Any], valid: Sequence[bool] | None = None) -> pa.Array:
    """Wrap integers or floats [n]; null where not `valid`. Shares the memory of `values`."""
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [_bitmap(valid), pa.py_buffer(values)])


def booleans(values: NDArray[np.bool_], valid: Sequence[bool] | None = None) -> pa.Array:
    """Wrap yes and no [n], such as a filter; null where not `valid`."""
    data = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [_bitmap(valid), data])


def optional_numbers(values: Sequence[float | None], kind: type[np.number[Any]]) -> pa.Array:
    """Gather numbers of which some are unknown: null for None."""
    known = np.array([0 if value is None else value for value in values], kind)
    return numbers(known, [value is not None for value in values])


def strings(values: Sequence[str | None]) -> pa.Array:
    """Gather strings; null for None."""
    # Most columns of texts have few of them, each many times.
    encoded = {text: None if text is None else to_bytes(text) for text in set(values)}
    return _of_bytes([encoded[text] for text in values], pa.string())


def blobs(values: Sequence[bytes | None]) -> pa.Array:
    """Gather byte strings, 2 GB together at most; null for None."""
    return _of_bytes(values, pa.binary())


class _NoPandas:
    """Finds no pandas, wherever it is installed; of all else it says nothing."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """See importlib.abc.MetaPathFinder."""
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def forgo_pandas() -> None:
    """Have Arrow take pandas for missing in this process, which hands it nothing of pandas.

    Else Arrow loads it as soon as datasets are imported: 0.25 s and 48 MB. It asks once.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)
        try:
            pa.scalar(True)
        finally:
            sys.meta_path.remove(_NoPandas)


def as_numpy(array: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return what `to_numpy` does; of numbers without nulls it is the memory of the array."""
    if isinstance(array, pa.ChunkedArray):
        array = in_one(array)
    kind = array.type
    if pa.types.is_boolean(kind) and not array.null_count:
        # `to_numpy` loads pandas for these, where it is installed.
        return _unpacked(array)
    if array.null_count or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
        return values
    if not len(array):
        return np.empty(0, kind.to_pandas_dtype())
    end = array.offset + len(array)
    view = np.frombuffer(array.buffers()[1], kind.to_pandas_dtype(), end)[array.offset :]
    # What is changed in it would change the table.
    view.flags.writeable = False
    return view


def in_one(chunks: pa.ChunkedArray) -> pa.Array:
    """Return what lies in chunks as one array."""
    return chunks.combine_chunks() if chunks.num_chunks else nothing(chunks.type)


def nothing(kind: pa.DataType) -> pa.Array:
    """Return an array of a type that holds no value."""
    return pa.nulls(0, kind)


def no_rows(schema: pa.Schema) -> pa.Table:
    """Return a table of a schema that holds no row."""
    return pa.Table.from_arrays([nothing(field.type) for field in schema], schema=schema)


def to_bytes(text: str) -> bytes:
    """Encode as UTF-8; of a file name that is none, the odd bytes show as an escape."""
    return text.encode(errors="backslashreplace")


def escaped(text: str) -> str:
    """Write any string as one that Arrow holds, and that `unescaped` brings back.

    A file name need not be text.
    """
    return to_bytes(json.dumps(text, ensure_ascii=False)[1:-1]).decode()


def unescaped(text: str) -> str:
    """Bring back what was `escaped`."""
    return str(json.loads(f'"{text}"')) if "\\" in text else text


def _of_bytes(values: Sequence[bytes | None], kind: pa.DataType) -> pa.Array:
    present = [value or b"" for value in values]
    ends = np.cumsum(list(map(len, present)), dtype=np.int64)
    if len(ends) and ends[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"{ends[-1]:,} bytes at once are more than one array holds")
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    valid = _bitmap([value is not None for value in values]) if None in values else None
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(b"".join(present))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _unpacked(array: pa.BooleanArray) -> NDArray[np.bool_]:
    if not len(array):
        return np.zeros(0, np.bool_)
    # Of many slices of one column, each unpacks its own bytes alone.
    first, start = divmod(array.offset, 8)
    end = start + len(array)
    bits = np.frombuffer(array.buffers()[1], np.uint8, -(-end // 8), first)
    return np.unpackbits(bits, bitorder="little")[start:end].astype(np.bool_)


def _bitmap(valid: Sequence[bool] | None) -> pa.Buffer | None:
    if valid is None or all(valid):
        return None
    return pa.py_buffer(np.packbits(valid, bitorder="little"))
