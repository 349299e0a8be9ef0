"""What Fleet asks of a store, whatever holds the objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Stat:
    """What a store tells of an object: `etag` changes when its bytes do.

    `path`: within the store. `modified_s`: seconds since 1970, None where the store does not tell.
    """

    path: str
    bytes: int
    etag: str
    modified_s: float | None


@dataclass(frozen=True)
class ReadResult:
    """Bytes of an object, and which object it was: its whole size and its etag when served."""

    data: bytes
    size: int
    etag: str


class PreconditionFailedError(Exception):
    """The object is not what the caller took it for: it is there already, or was changed."""


class Store(Protocol):
    """Objects by their paths; safe to use from several threads.

    A missing object is FileNotFoundError; every other trouble is StorageError, of which
    StorageRefusedError is not worth asking again.
    """

    name: str
    """What the locations of its objects begin with, such as s3://bucket; empty for local files."""

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """Yield every object below a folder, as the store's pages come; none is no error.

        `after`: only what the store lists behind that path, in its own order.
        """

    def stat(self, path: str) -> Stat:
        """Tell of one object."""

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """Read bytes start <= i < end, fewer where the object ends.

        Raises Conflict where `etag` is given and is not the object's; a store that cannot ask for
        it gives the object's etag all the same.
        """

    def put(self, path: str, data: bytes) -> None:
        """Write an object whole or not at all; readers never see a part of it."""

    def create(self, path: str, data: bytes) -> str:
        """Write an object that is not there yet, and give its version; raises Conflict."""

    def replace(self, path: str, data: bytes, version: str) -> str:
        """Write over that very version of an object, and give the new one; raises Conflict."""

    def version(self, answer: ReadResult) -> str:
        """Name the version of an object that was read whole, for `replace`.

        Equal bytes may be one version: whoever relies on it puts something unique into them.
        """

    def delete(self, path: str) -> None:
        """Remove an object; one that is gone already is no error."""
