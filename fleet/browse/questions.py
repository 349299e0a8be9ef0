"""Questions to the tables of an output, answered by DuckDB: batch by batch, in little memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from fleet.browse.shelf import StoppedError
from fleet.errors import FleetError, OutputCorruptError, UsageError
from fleet.table.state.read import scan_rows

if TYPE_CHECKING:
    import pyarrow.dataset as ds

MEMORY = "512MB"
"""What one question may take beside what it is asked of."""
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": MEMORY,
    "threads": "2",
    # What does not fit is refused, and put nowhere.
    "temp_directory": "",
}
# A question that went wrong reads no file and loads no code.
_CLOSED = "set enable_external_access = false; set lock_configuration = true"
ROWS = "found"
"""What the rows are called in a question."""


def check_installed() -> None:
    """Raise UsageError where DuckDB is not there."""
    try:
        import duckdb  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise UsageError(
            "Outputs are searched by DuckDB, which is not installed.",
            "Install the extra: pip install 'ascend-fleet[browse]'.",
        ) from None


class Questions:
    """Asks the tables of one output; safe to use from several threads.

    `stop`: set when questions are to end.
    """

    def __init__(self, stop: Event) -> None:
        self._stop = stop

    def ask(
        self,
        table: ds.Dataset,
        columns: Mapping[str, pc.Expression],
        only: pc.Expression | None,
        sql: str,
        values: Sequence[Any] = (),
    ) -> tuple[list[tuple[Any, ...]], int]:
        """Return the rows that a question in SQL has, and how many rows of the table it was asked.

        `columns`, `only`: what is read of the table, and by what name; the question calls it ROWS.
        Raises OutputCorruptError for damage, StorageError where parts were exchanged meanwhile,
        UsageError where it takes too much memory.
        """
        import duckdb  # noqa: PLC0415 - an extra

        schema = table.scanner(columns=dict(columns)).projected_schema
        rows = _Rows(scan_rows(table, columns, only, self._check))
        with duckdb.connect(":memory:", config=_CONFIG) as session:
            session.execute(_CLOSED)
            session.register(ROWS, pa.RecordBatchReader.from_batches(schema, rows.batches()))
            try:
                answer = session.execute(sql, list(values)).fetchall()
            except duckdb.OutOfMemoryException:
                message = f"The search needs more than {MEMORY} of memory."
                raise UsageError(message, "Narrow it.") from None
            except duckdb.Error as error:
                if rows.error is not None:
                    raise rows.error from error
                raise OutputCorruptError(
                    f"Rows of the output cannot be searched: {error}",
                    "`fleet verify` names what is damaged, with the way out.",
                ) from error
        return answer, rows.count

    def scan(
        self, table: ds.Dataset, columns: Mapping[str, pc.Expression], only: pc.Expression
    ) -> Iterator[pa.RecordBatch]:
        """Yield some rows of a table as they lie there; raises as `ask`."""
        return scan_rows(table, columns, only, self._check)

    def _check(self) -> None:
        if self._stop.is_set():
            raise StoppedError


class _Rows:
    """Batches on their way to DuckDB, which hides what kind of error reading raised."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.count = 0
        self.error: FleetError | StoppedError | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield them, and count their rows."""
        try:
            for batch in self._batches:
                self.count += len(batch)
                yield batch
        except (FleetError, StoppedError) as error:
            self.error = error
            raise


def text(column: str) -> pc.Expression:
    """Return a column of text as plain strings, whatever dictionaries its parts have."""
    return pc.field(column).cast(pa.string())
