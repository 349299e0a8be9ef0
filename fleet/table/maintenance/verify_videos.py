"""Comparing the table `videos/` with what the rest of an output says of each video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from fleet.errors import OutputCorruptError
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.maintenance.finding import Finding
from fleet.table.state.state import TableState
from fleet.table.state.video_progress import composed
from fleet.table.state.video_table import (
    PUT_ANEW,
    VIDEOS_OBJECT,
    has_video_table,
    read_video_table,
)


def videos_findings(folder: Folder, job: JobRecord, state: TableState) -> Iterator[Finding]:
    """Yield what the table lacks, has twice, or says otherwise.

    For an output in which nothing else is wrong. One that an earlier version wrote has no table.
    """
    if not has_video_table(folder, job):
        return
    try:
        table = read_video_table(folder, job)
    except FileNotFoundError:
        yield Finding("missing", VIDEOS_OBJECT, "it has a row for each video", PUT_ANEW)
        return
    except OutputCorruptError as error:
        yield Finding("altered", VIDEOS_OBJECT, error.message, PUT_ANEW)
        return
    right = composed(folder, job, state, table)
    if not table.rows.equals(right):
        yield from _differences(table.rows, right)


def _differences(found: pa.Table, right: pa.Table) -> Iterator[Finding]:
    counts = Counter(found["uri"].to_pylist())
    wanted = {row["uri"]: row for row in right.to_pylist()}
    there = {row["uri"]: row for row in found.to_pylist()}
    for uri in sorted({*counts, *wanted}):
        if counts[uri] != (uri in wanted):
            detail = f"it has {counts[uri]:,} rows there, and should have {int(uri in wanted)}"
        elif there[uri] != wanted[uri]:
            detail = "; ".join(
                f"{name} is {there[uri][name]}, and should be {value}"
                for name, value in wanted[uri].items()
                if there[uri][name] != value
            )
        else:
            continue
        yield Finding("other videos", uri, detail, PUT_ANEW)
