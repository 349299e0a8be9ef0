"""Checking the values in a table of records, which anybody may have put, before they are used."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.core.json_object import LARGEST, named, text
from fleet.core.json_text import read_json
from fleet.parquet.arrays import as_numpy, unescaped


def check_values(records: pa.Table) -> None:
    """Raise ValueError where a value of a `record_table` is none that a commit record has.

    Names are for `stored_names.check_columns` to check.
    """
    covered = records["intervals"].combine_chunks().flatten()
    if not pc.all(pc.less(covered.field("start"), covered.field("end")), min_count=0).as_py():
        raise ValueError("an interval ends before it starts")
    for uri in covered.field("uri").unique().to_pylist():
        unescaped(uri)
    for models in records["models"].unique().to_pylist():
        named(text)(read_json(models))
    for field in records.schema:
        if field.name.startswith("tally."):
            _check_numbers(records[field.name].combine_chunks(), field.name)


def _check_numbers(column: pa.Array, name: str) -> None:
    values = column.flatten().field("value") if pa.types.is_list(column.type) else column
    if pa.types.is_integer(values.type):
        return
    # Arrow would load pandas, where it is installed, for a number to compare with.
    known = as_numpy(values.drop_null())
    # NaN compares as neither smaller nor larger.
    if not (np.abs(known) <= LARGEST).all():
        raise ValueError(f"{name} has numbers that cannot be counted with")
