"""The protocol of a store: what Fleet needs of anything that holds objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Stat:
    """The description of one object."""

    path: str
    """Within the store."""
    bytes: int
    """The size of the object."""
    etag: str
    """A version of the object: it changes when the bytes do."""
    modified_s: float | None
    """Seconds since 1970; None where the store does not know."""
    is_link: bool = False
    """Whether it is a symbolic link, which a listing does not follow; then it has no bytes."""


@dataclass(frozen=True)
class ReadResult:
    """Bytes of an object, and which version of it they are from."""

    data: bytes
    """The bytes of the range that was asked for."""
    size: int
    """The size of the whole object in bytes, when it was served."""
    etag: str
    """The etag of the object, when it was served."""
    generation: str = ""
    """The number of the object's version, where the store compares it as Google's does."""


class PreconditionFailedError(Exception):
    """The object is not in the state that the caller expected: it exists, or was changed."""


class Store(Protocol):
    """Objects, named by their paths; safe to use from several threads.

    Methods raise FileNotFoundError for a missing object and StorageError for every other failure;
    a retry does not help against StorageRefusedError, which is one of them.
    """

    name: str
    """What the locations of its objects begin with, such as s3://bucket; empty for local files."""

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """Yield every object below a folder, as the store's pages arrive.

        A folder without objects yields nothing. With `after`, only the objects are listed that
        follow that path in the order of the store. A link below the folder is listed as one: what
        it leads to within the folder is listed by its own name.
        """

    def stat(self, path: str) -> Stat:
        """Return the description of one object."""

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """Read bytes start <= i < end, fewer where the object ends.

        Raises PreconditionFailedError where `etag` is given and is not that of the object. A store
        that cannot check it on reading still returns the object's etag.
        """

    def put(self, path: str, data: bytes) -> None:
        """Write an object whole or not at all; readers never see a part of it."""

    def create(self, path: str, data: bytes) -> str:
        """Write an object that does not exist yet, and return its version.

        Raises PreconditionFailedError where it exists.
        """

    def replace(self, path: str, data: bytes, version: str) -> str:
        """Overwrite exactly that version of an object, and return the new version.

        Raises PreconditionFailedError where the object has another version.
        """

    def version(self, result: ReadResult) -> str:
        """Return the version of an object that was read whole, for `replace`.

        Equal bytes may be one version: a caller that relies on versions puts something unique into
        the bytes.
        """

    def delete(self, path: str) -> None:
        """Remove an object; a missing one is no error."""
