"""What has come to a pool from the threads that listen for it."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TypeVar

_Item = TypeVar("_Item")


def arrivals(queue: SimpleQueue[_Item], timeout_s: float) -> list[_Item]:
    """Wait for something to come, no longer than `timeout_s`; return all that is there by then."""
    try:
        first = queue.get(timeout=timeout_s)
    except Empty:
        return []
    # Whatever else is there is taken in the same turn.
    return [first, *(queue.get_nowait() for _ in range(queue.qsize()))]
