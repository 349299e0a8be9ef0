"""Reading: ranges of large objects, and small objects whole."""

from __future__ import annotations

from fleet.errors import StorageError, UsageError
from fleet.storage.place import TROUBLE, canonical, open_filesystem, trouble
from fleet.video.index import Source


class Reader:
    """Ranged reads of one object, counted; one per thread.

    `bytes_read` and `requests` say what was asked of the store.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.bytes_read = 0
        self.requests = 0
        self._filesystem, self._path = open_filesystem(source.uri)

    @property
    def size(self) -> int:
        """Bytes in the object."""
        return self.source.bytes

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`, fewer at the end of the object.

        Raises StorageError when the store fails or gives too little.
        """
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        try:
            data = bytes(self._filesystem.cat_file(self._path, start=offset, end=end))
        except TROUBLE as error:
            raise trouble(f"{self.source.uri} could not be read", error) from error
        self.requests += 1
        self.bytes_read += len(data)
        if len(data) != end - offset:
            message = f"{self.source.uri}: {len(data)} of {end - offset} bytes came at {offset}."
            raise StorageError(message, "The object may have been replaced while it was read.")
        return data


def read_file(uri: str) -> bytes:
    """Read a whole small object, such as a model.

    Raises UsageError where there is none.
    """
    filesystem, path = open_filesystem(canonical(uri))
    try:
        return bytes(filesystem.cat_file(path))
    except FileNotFoundError:
        raise UsageError(f"{uri} does not exist.", "Check the path.") from None
    except IsADirectoryError:
        raise UsageError(f"{uri} is a folder.", "Name the file in it.") from None
    except TROUBLE as error:
        raise trouble(f"{uri} could not be read", error) from error


def read_text(uri: str) -> str:
    """Read a whole small text, in UTF-8; raises UsageError where it is none."""
    try:
        return read_file(uri).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{uri} is not text in UTF-8: {error.reason}.") from None
