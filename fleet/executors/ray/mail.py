"""Answers of actors, taken by callbacks and read by one thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from fleet.core.run_events import Event
from fleet.executors.arrivals import arrivals

Take = Callable[["Future[Any]"], list[Event]]


class Mail:
    """What has been answered, each with what is to be made of it; `open` in the pool's thread."""

    def __init__(self) -> None:
        self._answers: SimpleQueue[tuple[Take, Future[Any]]] = SimpleQueue()

    def expect(self, reference: Any, take: Take) -> None:
        """Have an answer of Ray taken once it has come."""
        reference.future().add_done_callback(lambda future: self._answers.put((take, future)))

    def open(self, timeout_s: float) -> list[Event]:
        """Wait for an answer, and return what comes of it and of those that have come by then."""
        mail = arrivals(self._answers, timeout_s)
        return [event for take, future in mail for event in take(future)]
