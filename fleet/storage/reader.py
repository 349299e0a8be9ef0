"""Reads of ranges of large objects, and of small objects as a whole."""

from __future__ import annotations

from pathlib import Path

from fleet.core.source import Source
from fleet.errors import StorageRefusedError, UsageError, VideoChangedError
from fleet.storage.location import canonical
from fleet.storage.resolve import open_store
from fleet.storage.store import PreconditionFailedError


class Reader:
    """Ranged reads of one object, in the version that was listed; one per thread."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.bytes_read = 0
        """Bytes that reads have returned; a retried read counts once."""
        self.requests = 0
        """Reads that have succeeded; a retried read counts once."""
        self._store, self._path = open_store(source.object_uri)

    @property
    def size(self) -> int:
        """The size of the object in bytes."""
        return self.source.bytes

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`, fewer at the end of the object.

        Raises StorageError where the store fails, and VideoChangedError where the object was
        replaced or removed since it was listed.
        """
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        etag = self.source.etag
        try:
            result = self._store.read(self._path, offset, end, etag)
        except (PreconditionFailedError, FileNotFoundError) as error:
            raise self._changed(gone=isinstance(error, FileNotFoundError)) from None
        # A store that cannot check the version on reading returns which one it served.
        if (result.etag, result.size) != (etag, self.size):
            raise self._changed()
        self.requests += 1
        self.bytes_read += len(result.data)
        return result.data

    def _changed(self, *, gone: bool = False) -> VideoChangedError:
        what = "it is gone" if gone else "it was replaced by another"
        way_out = "Run the same command again: it plans this video anew."
        return VideoChangedError(self.source.uri, f"{what} since it was listed.", way_out)


def read_file(uri: str) -> bytes:
    """Read a whole small object, such as a model; raises UsageError where there is none."""
    uri = canonical(uri)
    store, path = open_store(uri)
    try:
        return store.read(path).data
    except FileNotFoundError:
        raise UsageError(f"{uri} does not exist.", "Check the path.") from None
    except StorageRefusedError:
        if "://" in uri or not Path(uri).is_dir():
            raise
        raise UsageError(f"{uri} is a folder.", "Name the file in it.") from None


def read_text(uri: str) -> str:
    """Read a whole small text in UTF-8; raises UsageError where it is not one."""
    try:
        return read_file(uri).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{uri} is not text in UTF-8: {error.reason}.") from None
