"""Runs over three clips, each a window of the plan, and what is seen of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from accounts import read_books, thumbnails
from recorded import write_grays

import fleet
from fleet.core.run_events import (
    PlanGrew,
    RunEvent,
    RunStarted,
)
from fleet.driver.preparing import prepare
from fleet.table.table import Table

NAMES = ("a.mp4", "b.mp4", "c.mp4")


def clips_of_windows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write three clips into a folder, and have each be a window of the plan; return the folder."""
    monkeypatch.setattr(prepare, "is_window", lambda *_: True)
    folder.mkdir()
    for name in NAMES:
        write_grays(folder / name)
    return folder


class Watch:
    """An observer that notes events, and does something at one of a kind."""

    def __init__(
        self, at: type[RunEvent] = PlanGrew, nth: int = 0, act: Callable[[], None] | None = None
    ) -> None:
        self.events: list[RunEvent] = []
        self._at, self._left, self._act = at, nth, act

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        self.events.append(event)
        if isinstance(event, self._at) and self._act:
            if not self._left:
                self._act()
            self._left -= 1

    def plans(self) -> list[RunStarted]:
        """Return what was told of the plan."""
        grown = [e.plan for e in self.events if isinstance(e, PlanGrew)]
        return [e for e in self.events if isinstance(e, RunStarted)] + grown


def run(archive: Path, output: Path, watch: Watch | None = None) -> fleet.RunReport:
    """Run the job in this process."""
    job = thumbnails(archive, output, devices=1)
    return fleet.run(job, on="inline", observer=watch or Watch())


def check_whole(output: Path) -> None:
    """All frames of all clips are there, once, and the output says so."""
    pictures = read_books(output).pictures
    assert {Path(uri).name: len(frames) for uri, frames in pictures.items()} == dict.fromkeys(
        NAMES, 40
    )
    assert Table.open(str(output)).verify().proven


def interrupt() -> None:
    """Press Ctrl-C."""
    raise KeyboardInterrupt
