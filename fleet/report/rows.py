"""Rows of an output's tables, batch by batch: a table of any length takes no more memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.table.state.read import damage_named, scan_rows

if TYPE_CHECKING:
    import pyarrow.dataset as ds

PART = "__filename"
"""The column of Arrow's that says which part a row lies in."""
Key: TypeAlias = tuple[str, int]
"""A frame: its video's URI, and its number."""
NONE = "(none)"
"""What stands for a name that a row has not."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a table, all of one part."""

    columns: Mapping[str, pa.Array]
    part: ds.Fragment
    """The part that they lie in."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def numbers(self, name: str, kind: type[np.number[Any]]) -> NDArray[Any]:
        """Return a column as numbers; a null is NaN, or 0 among integers."""
        column = self.columns[name]
        missing = np.nan if issubclass(kind, np.floating) else 0
        if column.null_count:
            column = column.fill_null(missing)
        return np.asarray(column.to_numpy(zero_copy_only=False), kind)


class Names:
    """Numbers for names, from 0 in the order in which they are met."""

    def __init__(self, known: Sequence[str] = ()) -> None:
        self._numbers = {name: number for number, name in enumerate(known)}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def listed(self) -> list[str]:
        """All names, by number."""
        return list(self._numbers)

    def codes(self, column: pa.Array) -> NDArray[np.int64]:
        """Return the number of each row's name: int64 [rows]; null is the name NONE."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        words = encoded.dictionary.to_pylist()
        indices = encoded.indices
        if column.null_count or None in words:
            indices = indices.fill_null(len(words))
            words = [*words, None]
        numbers = [
            self._numbers.setdefault(NONE if word is None else str(word), len(self._numbers))
            for word in words
        ]
        places = indices.to_numpy(zero_copy_only=False).astype(np.int64)
        found: NDArray[np.int64] = np.array(numbers, np.int64)[places]
        return found


def scan(dataset: ds.Dataset, columns: Sequence[str]) -> Iterator[Rows]:
    """Yield columns of a table; raises OutputCorruptError for damage."""
    parts = {part.path: part for part in dataset.get_fragments()}
    for batch in scan_rows(dataset, [*columns, PART]):
        found = dict(zip(batch.schema.names, batch.columns, strict=True))
        yield Rows(found, parts[found[PART][0].as_py()])


def rows_of(
    part: ds.Fragment, schema: pa.Schema, columns: Sequence[str], wanted: Collection[Key]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a part that are about some frames; uri and frame are among the columns."""
    import pyarrow.dataset as ds  # noqa: PLC0415 - it may load pandas

    uris, frames = {uri for uri, _ in wanted}, {frame for _, frame in wanted}
    # A part may hold each frame number once for each video of an archive.
    only = ds.field("uri").cast(pa.string()).isin(pa.array(uris, pa.string()))
    only &= ds.field("frame").isin(list(frames))
    with damage_named():
        batches = part.to_batches(
            schema=schema, columns=list(columns), filter=only, batch_readahead=2
        )
        for batch in batches:
            yield from (row for row in batch.to_pylist() if (row["uri"], row["frame"]) in wanted)
