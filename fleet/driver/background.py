"""A task that runs in a thread of its own while its caller does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Outcome = TypeVar("Outcome")


class TaskCancelled(BaseException):
    """The caller went away: the task has to end, and nobody asks how."""


@contextmanager
def background(task: Callable[[Callable[[int], None]], Outcome]) -> Iterator[Future[Outcome]]:
    """Run a task in a thread of its own for as long as the context lasts.

    The task gets a function to call now and then with how far it is; the call raises Abandoned once
    the caller has left the context, for instance because of an interrupt from the keyboard.
    """
    left = threading.Event()

    def on_progress(_: int) -> None:
        if left.is_set():
            raise TaskCancelled

    with ThreadPoolExecutor(1, thread_name_prefix="background") as threads:
        try:
            yield threads.submit(task, on_progress)
        finally:
            left.set()
