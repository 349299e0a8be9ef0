"""Work on many things side by side, some of them ahead of whoever takes the results in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def results_in_order(
    task: Callable[[_Item], _Result],
    items: Iterable[_Item],
    threads: int,
    name: str,
    ahead: int,
) -> Iterator[_Result]:
    """Yield what `task` returns for each item, in order; raise what it raises.

    `name`: of the threads. `ahead`: for so many items at most there are results, or they are being
    made, that nobody has taken yet; items are taken from their source no faster than that.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    waiting: deque[Future[_Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(task, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
