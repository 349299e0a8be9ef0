"""Rows of an output's tables, batch by batch: a table of any length takes no more memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.errors import OutputCorruptError, StorageError

if TYPE_CHECKING:
    import pyarrow.dataset as ds

BATCH_ROWS = 65_536
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
    with _named_damage():
        for tagged in dataset.scanner(list(columns), batch_size=BATCH_ROWS).scan_batches():
            batch = tagged.record_batch
            if batch.num_rows:
                batch.validate(full=True)
                found = dict(zip(batch.schema.names, batch.columns, strict=True))
                yield Rows(found, tagged.fragment)


def rows_of(
    part: ds.Fragment, schema: pa.Schema, columns: Sequence[str], frames: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the rows of a part that are about frames of these numbers, of any video."""
    import pyarrow.dataset as ds  # noqa: PLC0415 - it may load pandas

    with _named_damage():
        only = ds.field("frame").isin(list(frames))
        table = part.to_table(schema=schema, columns=list(columns), filter=only)
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows


@contextmanager
def _named_damage() -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise OutputCorruptError(
            f"Rows of the output cannot be read: {error}.",
            "`fleet verify` names what is damaged, with the way out.",
        ) from error
