"""Pictures gathered into the batches that a job looks at."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from fleet.core.frames import FrameBatch, Picture
from fleet.plan.order import ShardOrder


def batches(shard: ShardOrder, pictures: Iterable[Picture], most: int) -> Generator[FrameBatch]:
    """Gather pictures, in the order they come, into batches of at most `most` of one shape."""
    gathered: list[Picture] = []
    try:
        for picture in pictures:
            if gathered and (len(gathered) == most or _shape(picture) != _shape(gathered[0])):
                full, gathered = gathered, [picture]
                yield _batch(shard, full)
            else:
                gathered.append(picture)
        if gathered:
            last, gathered = gathered, []
            yield _batch(shard, last)
    finally:
        # Only where the way ended early: what was gathered goes nowhere.
        for picture in gathered:
            picture.release()


def _shape(picture: Picture) -> tuple[Any, Any]:
    return picture.size, picture.colour


def _batch(shard: ShardOrder, pictures: list[Picture]) -> FrameBatch:
    rows = np.array([picture.row for picture in pictures], np.int64)
    return FrameBatch(
        uri=shard.source.uri,
        pictures=tuple(pictures),
        frames=shard.frames[rows],
        pts=shard.packets.pts[rows],
        time_base=shard.stream.time_base,
        start_pts=shard.start_pts,
    )
