"""What was made, kept while it has room; and threads that make it, each thing once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Any, TypeVar

Made = TypeVar("Made")


class BusyError(Exception):
    """As much is asked for as can wait; a little later there is room again."""


class StoppedError(Exception):
    """Nobody needs it any more, as the server ends."""


class Shelf:
    """Values by key, of so many bytes together; those that were not asked for longest go first.

    Safe to use from several threads.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes its values have together."""
        return self._bytes

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def get(self, key: Hashable) -> Any:
        """Return a value; None where it is not held."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Hold a value of so many bytes, unless it has more than all may have together."""
        with self._lock:
            self._bytes -= self._held.pop(key, (None, 0))[1]
            if size > self._most_bytes:
                return
            self._held[key] = value, size
            self._bytes += size
            while self._bytes > self._most_bytes:
                _, (_, dropped) = self._held.popitem(last=False)
                self._bytes -= dropped


class Crew:
    """Threads that make one kind of thing; what several ask for at once is made once.

    `stop`: set when they are to end.
    """

    def __init__(self, name: str, threads: int, most_waiting: int, stop: Event) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + most_waiting
        self._stop = stop
        self._under_way: dict[Hashable, Future[Any]] = {}

    async def make(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what is made; raises BusyError where too much waits, and what making raises.

        For the thread of the event loop alone. Where who asked goes away, it is made all the same:
        another may have asked for it, too.
        """
        future = self._under_way.get(key)
        if future is None:
            if len(self._under_way) >= self._most or self._stop.is_set():
                raise BusyError
            loop = asyncio.get_running_loop()
            future = self._pool.submit(make)
            self._under_way[key] = future
            future.add_done_callback(
                lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._forget, key)
            )
        made: Made = await asyncio.shield(asyncio.wrap_future(future))
        return made

    def close(self) -> None:
        """Wait until what is under way has ended; what has not begun is not made."""
        self._pool.shutdown(cancel_futures=True)

    def _forget(self, key: Hashable) -> None:
        self._under_way.pop(key, None)
