"""Puts the objects of a lease while its rows are still made: they are too large to be kept."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from fleet.errors import CredentialsRefusedError, StorageError
from fleet.storage import Folder
from fleet.storage.error_mapping import unwritable

_MOST_BYTES = 64 << 20
"""So much may be on its way at once, and one object more."""


class ObjectWriter:
    """The objects of one lease; for one thread."""

    def __init__(self, folder: Folder, threads: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._threads = threads
        self._on_their_way: deque[tuple[Future[None], int]] = deque()
        self._bytes = 0

    def put(self, name: str, data: bytes) -> None:
        """Have an object put; waits while many others are on their way.

        An object of the same name holds the same bytes, so it is put over it. Raises
        OutputUnwritableError where one before it could not be put.
        """
        while self._bytes > _MOST_BYTES:
            self._wait()
        self._bytes += len(data)
        self._on_their_way.append((self._threads.submit(self._folder.put, name, data), len(data)))

    def settle(self) -> None:
        """Wait until all are there; raises OutputUnwritableError where one could not be put."""
        while self._on_their_way:
            self._wait()

    def _wait(self) -> None:
        future, size = self._on_their_way.popleft()
        self._bytes -= size
        try:
            future.result()
        except CredentialsRefusedError:
            raise
        except StorageError as error:
            raise unwritable(error) from error
