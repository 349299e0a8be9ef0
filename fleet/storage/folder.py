"""A folder of objects that Fleet writes to: list, read, atomic put, delete."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fleet.errors import StorageRefusedError, UsageError
from fleet.storage.location import canonical, is_object_name
from fleet.storage.resolve import open_store
from fleet.storage.store import PreconditionFailedError

PROBE_PREFIX = "_probe-"
_RIVALS = 4
_AT_ONCE = 32
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Entry:
    """One object of a folder."""

    name: str
    """Relative to the folder, with forward slashes."""
    bytes: int
    """The size of the object."""
    etag: str
    """A version of the object: it changes when the bytes do."""


@dataclass(frozen=True)
class Writable:
    """What a trial of writing into a folder has shown."""

    conditional: bool
    """Whether `create` and `replace` keep their promises: of several callers that create an object
    at once exactly one succeeds, and an object that was changed meanwhile is not overwritten."""


class Folder:
    """A folder of objects: list, read, atomic put, delete; safe to use from several threads.

    Names may have been read from the folder itself, where others write too. So each method raises
    StorageRefusedError for a name that leads out of the folder (see `is_object_name`), or through
    a link: on a disk, folders below this one are no links.
    """

    def __init__(self, uri: str) -> None:
        self.uri = canonical(uri).rstrip("/")
        self._store, path = open_store(uri)
        self._path = path.rstrip("/") or path[:1]
        self._is_local = not self._store.name
        self._prefix = self._path if self._path in {"", "/"} else f"{self._path}/"
        if self._is_local and os.path.isfile(self._path):  # noqa: PTH113 - no error for a long name
            raise UsageError(f"{uri} is a file.", "Name a folder.")

    def __repr__(self) -> str:
        return f"Folder({self.uri!r})"

    def _at(self, name: str) -> str:
        self._check_name(name)
        self._check_links(name.rpartition("/")[0])
        return f"{self._prefix}{name}"

    def _check_name(self, name: str) -> None:
        if not is_object_name(name):
            raise StorageRefusedError(
                f"{name!r} does not name an object in {self.uri}.",
                "If an object there holds this name, somebody else has put or changed it.",
            )

    def _check_links(self, folder: str) -> None:
        """Raise StorageRefusedError where a folder, or one between this one and it, is a link."""
        parts = folder.split("/") if folder and self._is_local else []
        for count in range(1, len(parts) + 1):
            at = self._prefix + "/".join(parts[:count])
            if os.path.islink(at):  # noqa: PTH114 - strings in, strings out
                raise _leads_elsewhere(at)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield all objects below the folder whose name begins with `prefix`, page by page.

        They come in the order of the store: by name where all of them lie in one folder. Objects
        with a name that no method takes are left out, and so are links to objects of the folder;
        raises StorageRefusedError where a link leads out of it.
        """
        if prefix:
            self._check_name(prefix.removesuffix("/"))
        head = prefix.rpartition("/")[0]
        self._check_links(head)
        for stat in self._store.list(f"{self._prefix}{head}" if head else self._path):
            if stat.is_link:
                self._check_leads_inside(stat.path)
                continue
            name = stat.path.removeprefix(self._prefix)
            if name.startswith(prefix) and is_object_name(name):
                yield Entry(name, stat.bytes, stat.etag)

    def _check_leads_inside(self, link: str) -> None:
        target = Path(link).resolve()
        if target.exists() and not target.is_relative_to(Path(self._path).resolve()):
            raise _leads_elsewhere(link)

    def read(self, name: str) -> bytes:
        """Read a whole object; raises FileNotFoundError where there is none."""
        return self._store.read(self._at(name)).data

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`, fewer where the object ends.

        Raises FileNotFoundError where there is none.
        """
        return self._store.read(self._at(name), offset, offset + length).data

    def read_version(self, name: str) -> tuple[bytes, str]:
        """Return a whole object, and its version for `replace`."""
        result = self._store.read(self._at(name))
        return result.data, self._store.version(result)

    def stat(self, name: str) -> Entry | None:
        """Return an object as it is now, whatever a listing says; None where there is none."""
        try:
            found = self._store.stat(self._at(name))
        except FileNotFoundError:
            return None
        return Entry(name, found.bytes, found.etag)

    def each(self, task: Callable[[_Item], _Result], items: Iterable[_Item]) -> tuple[_Result, ...]:
        """Return what `task` returns for each item, in order, with several requests under way.

        Raises what a task raises. A local disk answers at once: there they go one by one.
        """
        several = tuple(items)
        if self._is_local or len(several) < 2:
            return tuple(task(item) for item in several)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="folder") as threads:
            return tuple(threads.map(task, several))

    def exists(self, name: str = "") -> bool:
        """Return whether the object exists; without a name, whether the folder holds anything."""
        if not name:
            return next(self._store.list(self._path), None) is not None
        return self.stat(name) is not None

    def put(self, name: str, data: bytes) -> None:
        """Write an object whole or not at all; readers never see a part of it.

        Raises StorageError where the store refuses it.
        """
        self._store.put(self._at(name), data)

    def create(self, name: str, data: bytes) -> str | None:
        """Write an object that does not exist yet, and return its version; None where it exists.

        An object that exists with the very same bytes counts as written by this call, so that the
        bytes have to hold something unique to the caller. Raises StorageRefusedError where the
        store has no such put; `check_writable` finds out where a store only pretends to have it.
        """
        try:
            return self._store.create(self._at(name), data)
        except PreconditionFailedError:
            return None

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """Overwrite that version of an object, and return the new one; None where it has changed.

        `etag`: as `create`, `replace` or `read_version` returned it. See `create`.
        """
        try:
            return self._store.replace(self._at(name), data, etag)
        except PreconditionFailedError:
            return None

    def exchange(self, name: str, data: bytes, etag: str | None) -> bool:
        """Overwrite that version of an object, None for none; return whether it was still so.

        `etag`: as `read_version` returned it. See `create`.
        """
        if etag is None:
            return self.create(name, data) is not None
        return self.replace(name, data, etag) is not None

    def delete(self, name: str) -> None:
        """Remove an object; a missing one is no error."""
        self._store.delete(self._at(name))

    def check_writable(self) -> Writable:
        """Check by writing, replacing and deleting a small object whether conditions are kept.

        Raises StorageError, with the reason, where the folder cannot be written to.
        """
        name = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
        self.put(name, b"Fleet looks whether it can write here.")
        self.delete(name)
        try:
            return Writable(conditional=self._keeps_conditions(name))
        except StorageRefusedError:
            return Writable(conditional=False)
        finally:
            self.delete(name)

    def _keeps_conditions(self, name: str) -> bool:
        rivals = [f"rival {number}".encode() for number in range(_RIVALS)]
        with ThreadPoolExecutor(_RIVALS, thread_name_prefix="probe") as threads:
            won = [
                etag for etag in threads.map(lambda body: self.create(name, body), rivals) if etag
            ]
        if len(won) != 1:
            return False
        renewed = self.replace(name, b"renewed", won[0])
        return renewed is not None and self.replace(name, b"stale", won[0]) is None


def _leads_elsewhere(link: str) -> StorageRefusedError:
    return StorageRefusedError(
        f"{link} is a link, so what is put or deleted there would be put or deleted elsewhere.",
        "Take the link away. To keep objects on another disk, let the whole folder be a link to "
        "it, or mount that disk there.",
    )
