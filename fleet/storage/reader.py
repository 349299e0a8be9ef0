"""Reading: ranges of large objects, and small objects whole."""

from __future__ import annotations

from pathlib import Path

from fleet.core.source import Source
from fleet.errors import StorageRefusedError, UsageError, VideoChangedError
from fleet.storage.location import canonical
from fleet.storage.resolve import open_store
from fleet.storage.store import PreconditionFailedError


class Reader:
    """Ranged reads of one object, as it was when it was listed; one per thread.

    `bytes_read` and `requests` say what was asked of the store; what had to be asked again is
    counted once.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.bytes_read = 0
        self.requests = 0
        self._store, self._path = open_store(source.uri)

    @property
    def size(self) -> int:
        """Bytes in the object."""
        return self.source.bytes

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`, fewer at the end of the object.

        Raises StorageError when the store fails, VideoChangedError when the object is another by
        now.
        """
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        etag = self.source.etag
        try:
            answer = self._store.read(self._path, offset, end, etag)
        except (PreconditionFailedError, FileNotFoundError) as error:
            raise self._changed(gone=isinstance(error, FileNotFoundError)) from None
        # A store that cannot be asked for a version tells which one it gave.
        if (answer.etag, answer.size) != (etag, self.size):
            raise self._changed()
        self.requests += 1
        self.bytes_read += len(answer.data)
        return answer.data

    def _changed(self, *, gone: bool = False) -> VideoChangedError:
        what = "it is gone" if gone else "it was replaced by another"
        way_out = "Run the same command again: it plans this video anew."
        return VideoChangedError(self.source.uri, f"{what} since it was listed.", way_out)


def read_file(uri: str) -> bytes:
    """Read a whole small object, such as a model.

    Raises UsageError where there is none.
    """
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
    """Read a whole small text, in UTF-8; raises UsageError where it is none."""
    try:
        return read_file(uri).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{uri} is not text in UTF-8: {error.reason}.") from None
