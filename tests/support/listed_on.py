"""Archives whose listing stands still until something has happened, or breaks then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.driver.preparing import listed, prepare
from fleet.errors import StorageError
from fleet.storage import disk
from fleet.storage.store import Stat

LONGEST_S = 120.0
"""How long a listing stands still at most: then what waits for it has failed."""


class StandingListing:
    """The listing of a folder, which stands still behind its first names until it is let go on.

    `breaks`: what it raises then, in place of the further names.
    """

    def __init__(self, folder: Path, names: int, breaks: StorageError | None = None) -> None:
        self.may_go_on = threading.Event()
        self.is_late = False
        self._folder = str(folder)
        self._names = names
        self._breaks = breaks
        self._walk = disk._walk

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the folder listed like that, by whoever lists it from now on."""
        # A run begins on what it has, as it does of a large archive.
        monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
        monkeypatch.setattr(prepare, "QUIET", 1)
        monkeypatch.setattr(disk, "_walk", self._listed)

    def _listed(self, folder: str) -> Iterator[Stat]:
        for number, stat in enumerate(self._walk(folder)):
            if folder == self._folder and number == self._names:
                self.is_late = not self.may_go_on.wait(LONGEST_S)
                if self._breaks:
                    raise self._breaks
            yield stat
