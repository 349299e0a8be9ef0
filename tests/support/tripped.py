"""A folder in whose changes a process dies, or is looked at."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from fleet.errors import StorageError
from fleet.storage import Folder
from fleet.table.state.lock import REWRITE_LOCK


class Tripped(Folder):
    """A folder whose process dies before its next change; `before` is called ahead of each."""

    def __init__(self, uri: str, changes: int, before: Callable[[], None] = lambda: None) -> None:
        super().__init__(uri)
        self.left = changes
        self._turn = Lock()
        self._before = before

    def _change(self, name: str) -> None:
        if name.endswith(REWRITE_LOCK):
            return
        with self._turn:
            self._before()
            self.left -= 1
            if self.left < 0:
                raise StorageError("the power is gone")

    def put(self, name: str, data: bytes) -> None:
        """Put, if it lives."""
        self._change(name)
        super().put(name, data)

    def delete(self, name: str) -> None:
        """Delete, if it lives."""
        self._change(name)
        super().delete(name)
