"""Other schemes through fsspec: memory://, and those of installed packages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any

import fsspec

from fleet.errors import FleetError, StorageRefusedError, UsageError
from fleet.storage.error_mapping import translate_os_error
from fleet.storage.location import Location, at
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat

_KNOWN = "a local path, file://, memory://, s3://, obs://, gs:// or az://"
_MEMORY_LOCK = Lock()


def open_foreign(location: Location) -> tuple[ForeignStore, str]:
    """Return the file system of a location's scheme, and the path as the file system writes it.

    Raises UsageError where there is none, or its package is not installed; the error names it.
    """
    try:
        filesystem, path = fsspec.url_to_fs(location.uri)
    except (ValueError, ImportError) as error:
        raise UsageError(f"{location.uri} cannot be opened: {error}.", f"Use {_KNOWN}.") from None
    return _wrapped(filesystem, location.scheme), str(path).rstrip("/") or "/"


@lru_cache(maxsize=64)
def _wrapped(filesystem: Any, scheme: str) -> ForeignStore:
    return ForeignStore(filesystem, scheme)


class ForeignStore:
    """A file system of fsspec; a read costs one more request, which asks for the version.

    Only memory:// has conditional puts, as it lives in this process.
    """

    def __init__(self, filesystem: Any, scheme: str) -> None:
        self.name = f"{scheme}://"
        self._filesystem = filesystem
        self._in_memory = scheme == "memory"

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; objects come in the order of their names."""
        self._filesystem.invalidate_cache()
        with suppress(FileNotFoundError), self._translating("listed", folder):
            found = self._filesystem.find(folder, detail=True)
            yield from (_stat(path, found[path]) for path in sorted(found) if path > after)

    def stat(self, path: str) -> Stat:
        """See Store; a folder is no object."""
        with self._translating("read", path):
            self._filesystem.invalidate_cache()
            info = self._filesystem.info(path)
        if info["type"] != "file":
            raise FileNotFoundError(path)
        return _stat(path, info)

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store."""
        stat = self.stat(path)
        if etag and stat.etag != etag:
            raise PreconditionFailedError(path)
        stop = stat.bytes if end is None else min(end, stat.bytes)
        with self._translating("read", path):
            data = b""
            if start < stop:
                data = bytes(self._filesystem.cat_file(path, start=start, end=stop))
        return ReadResult(data, stat.bytes, stat.etag)

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        with self._translating("written", path):
            self._filesystem.pipe_file(path, data)

    def create(self, path: str, data: bytes) -> str:
        """See Store; raises StorageRefusedError where the file system cannot."""
        with self._exclusive(path):
            if self._filesystem.exists(path):
                raise PreconditionFailedError(path)
            self.put(path, data)
        return _digest(data)

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store; raises StorageRefusedError where the file system cannot."""
        with self._exclusive(path):
            try:
                found = self.read(path).data
            except FileNotFoundError:
                raise PreconditionFailedError(path) from None
            if _digest(found) != version:
                raise PreconditionFailedError(path)
            self.put(path, data)
        return _digest(data)

    def version(self, result: ReadResult) -> str:
        """See Store: the digest of its bytes."""
        return _digest(result.data)

    def delete(self, path: str) -> None:
        """See Store."""
        with suppress(FileNotFoundError), self._translating("deleted", path):
            self._filesystem.rm_file(path)

    @contextmanager
    def _exclusive(self, path: str) -> Iterator[None]:
        if not self._in_memory:
            raise StorageRefusedError(
                f"{at(self.name, path)}: {self.name} has no conditional puts."
            )
        with _MEMORY_LOCK:
            yield

    @contextmanager
    def _translating(self, what: str, path: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, FleetError):
            raise
        except OSError as error:
            what = f"{at(self.name, path.lstrip('/'))} could not be {what}"
            raise translate_os_error(what, error) from None


def _stat(path: str, info: dict[str, Any]) -> Stat:
    size = int(info["size"] or 0)
    stamp = info.get("mtime") or info.get("LastModified") or info.get("created")
    modified_s = _seconds(stamp)
    for key in ("ETag", "e_tag", "etag", "md5Hash"):
        if info.get(key):
            return Stat(path, size, str(info[key]).strip('"'), modified_s)
    stamped = stamp if modified_s is None else f"{modified_s:.6f}"
    return Stat(path, size, f"mtime-{stamped}-{size}", modified_s)


def _seconds(stamp: object) -> float | None:
    if isinstance(stamp, datetime):
        return stamp.timestamp()
    return float(stamp) if isinstance(stamp, int | float) else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
