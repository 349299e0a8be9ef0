"""Whoever watches a run."""

from __future__ import annotations

from typing import Protocol

from fleet.core.run_events import RunEvent


class Observer(Protocol):
    """Watches a run; it is called from the loop's thread, and must not block it."""

    def on_event(self, event: RunEvent) -> None:
        """Take an event that happened just now."""
