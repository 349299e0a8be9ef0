"""Questions to a table end soon after they are to, whatever they have found by then."""

from __future__ import annotations

from threading import Event

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from fleet.browse.questions import Questions
from fleet.browse.shelf import StoppedError
from fleet.table.state.read import scan_rows

COLUMNS = {"frame": pc.field("frame")}
NONE = pc.field("frame") < 0


@pytest.fixture
def table() -> ds.Dataset:
    """Eight batches of a hundred frames."""
    batches = [pa.record_batch({"frame": range(100)}) for _ in range(8)]
    return ds.dataset(pa.Table.from_batches(batches))


def test_a_scan_tells_of_batches_without_a_row_that_is_wanted(table: ds.Dataset) -> None:
    """Of each of them, though none is yielded."""
    told: list[None] = []
    assert list(scan_rows(table, COLUMNS, NONE, lambda: told.append(None))) == []
    assert len(told) == 8


def test_a_question_that_finds_nothing_ends_when_it_is_to(table: ds.Dataset) -> None:
    """It does not read on until the end of the table."""
    stop = Event()
    questions = Questions(stop)
    sql = "select count(*) from found"
    assert questions.ask(table, COLUMNS, NONE, sql) == ([(0,)], 0)
    stop.set()
    with pytest.raises(StoppedError):
        questions.ask(table, COLUMNS, NONE, sql)
    with pytest.raises(StoppedError):
        list(questions.scan(table, COLUMNS, NONE))
