"""What is noted of a batch of kept indexes, so that its videos are found."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.core.source import Source
from fleet.index_cache.batch import Batch, BatchRows
from fleet.index_cache.places import Places
from fleet.index_cache.recent import Recent


def append(
    batches: list[Batch],
    places: Places,
    held: Recent[int, BatchRows],
    batch: Batch,
    rows: BatchRows,
    sources: Iterable[Source],
) -> None:
    """Note a batch as the latest of those that are known; `sources`: what its rows tell of."""
    number = len(batches)
    batches.append(batch)
    places.add([hash(source) for source in sources], number)
    if held.has_room(batch.videos):
        held.put(number, rows, batch.videos)
