"""A folder of objects that is written to: list, read, put whole or not at all, delete."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from fleet.errors import UsageError
from fleet.storage.place import TROUBLE, canonical, open_filesystem, source_of, trouble


@dataclass(frozen=True)
class Entry:
    """One object of a folder: `name` relative to it, with forward slashes."""

    name: str
    bytes: int
    etag: str


class Folder:
    """A folder of objects: list, read, atomic put, delete."""

    def __init__(self, uri: str) -> None:
        self.uri = canonical(uri).rstrip("/")
        self._filesystem, self._path = open_filesystem(self.uri)
        self._path = self._path.rstrip("/")
        if isinstance(self._filesystem, LocalFileSystem) and Path(self._path).is_file():
            raise UsageError(f"{uri} is a file.", "Name a folder.")

    def __repr__(self) -> str:
        return f"Folder({self.uri!r})"

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}" if name else self._path

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield all objects below the folder whose name begins with `prefix`, in name order."""
        head = prefix.rpartition("/")[0]
        root = self._at(head)
        self._filesystem.invalidate_cache()
        try:
            entries = self._filesystem.find(root, detail=True)
        except FileNotFoundError:
            return
        except TROUBLE as error:
            raise trouble(f"{self.uri} could not be listed", error) from error
        for path in sorted(entries):
            name = path.removeprefix(self._path).lstrip("/")
            if name.startswith(prefix):
                source = source_of(name, entries[path])
                yield Entry(name, source.bytes, source.etag)

    def read(self, name: str) -> bytes:
        """Read a whole object; raises FileNotFoundError where there is none."""
        with self._answering("read", name):
            return bytes(self._filesystem.cat_file(self._at(name)))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; raises FileNotFoundError where there is none."""
        end = offset + length
        with self._answering("read", name):
            return bytes(self._filesystem.cat_file(self._at(name), start=offset, end=end))

    def exists(self, name: str = "") -> bool:
        """Whether there is such an object, or anything at all for the folder itself."""
        with self._answering("found", name):
            return bool(self._filesystem.exists(self._at(name)))

    def put(self, name: str, data: bytes) -> None:
        """Write an object whole or not at all; readers never see a part of it.

        Raises StorageError when the store refuses.
        """
        with self._answering("written", name):
            if isinstance(self._filesystem, LocalFileSystem):
                _put_local(Path(self._at(name)), data)
            else:
                self._filesystem.pipe_file(self._at(name), data)

    def delete(self, name: str) -> None:
        """Remove an object; one that is gone already is no error."""
        with suppress(FileNotFoundError), self._answering("deleted", name):
            self._filesystem.rm_file(self._at(name))

    @contextmanager
    def _answering(self, what: str, name: str) -> Iterator[None]:
        """Turn a store's trouble into a StorageError; a missing object stays FileNotFoundError."""
        try:
            yield
        except FileNotFoundError:
            raise
        except TROUBLE as error:
            raise trouble(f"{self.uri}/{name} could not be {what}", error) from error


def _put_local(path: Path, data: bytes) -> None:
    """Write beside the target and rename: the name appears with all its bytes behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A dot in front and .tmp behind: no glob for *.parquet sees it.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
