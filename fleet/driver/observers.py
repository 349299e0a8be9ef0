"""Those who watch a run: told from the loop's thread, while what they store goes another way."""

from __future__ import annotations

from fleet.core.run_events import RunEvent
from fleet.observe.observer import Observer


class Observers:
    """Several observers as one, told one after the other."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def on_event(self, event: RunEvent) -> None:
        """Pass on what happened just now; see Observer."""
        for observer in self._observers:
            observer.on_event(event)


class NullObserver:
    """An observer that takes no note."""

    def on_event(self, event: RunEvent) -> None:
        """Do nothing."""
