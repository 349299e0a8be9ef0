"""A simulated object store: what it holds, and how one process reaches it.

Each call is a step, at which another actor may go on and trouble may befall the call. Reads by name
tell what is there now; so does a listing, unless trouble has it show an earlier moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chance import Call, Trouble

from fleet.errors import StorageError
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat

if TYPE_CHECKING:
    from world import World

OUTPUT = "/model/out"
TIMEOUT_S = 5.0
_at_once = threading.Lock()


@dataclass(frozen=True)
class Stored:
    """An object, in one version."""

    data: bytes
    version: str
    """As `replace` wants it."""
    etag: str
    """As listings and readings tell it, which `replace` does not take."""


class Objects:
    """What the store holds."""

    def __init__(self, objects: Mapping[str, bytes], *, keeps_conditions: bool) -> None:
        self.now: dict[str, Stored] = {}
        self.keeps_conditions = keeps_conditions
        self._writes = 0
        for name, data in objects.items():
            self.write(name, data)

    def write(self, name: str, data: bytes) -> str:
        """Put an object, and return its version."""
        self._writes += 1
        stored = Stored(data, f"generation-{self._writes}", f"etag-{self._writes}")
        self.now[name] = stored
        return stored.version

    def check(self, name: str, version: str | None) -> None:
        """Raise PreconditionFailedError unless an object has a version; None: is not there."""
        found = self.now.get(name)
        if self.keeps_conditions and (found.version if found else None) != version:
            raise PreconditionFailedError(name)


class SimulatedStore:
    """The store, as one process reaches it. See Store."""

    name = ""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store."""
        trouble = self._begin("list", folder)
        shown = self._world.shown(trouble.seconds if trouble and trouble.kind == "lag" else 0.0)
        head = _name(folder)
        for name in sorted(shown):
            path = f"{OUTPUT}/{name}"
            if name.startswith(f"{head}/" if head else "") and path > after:
                yield _stat(path, shown[name])

    def stat(self, path: str) -> Stat:
        """See Store."""
        self._begin("stat", path)
        return _stat(path, self._find(path))

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store."""
        trouble = self._begin("read", path)
        found = self._find(path)
        if etag and etag != found.etag:
            raise PreconditionFailedError(path)
        self._end(trouble, path)
        # What was on its way was read before what has changed it since.
        if self._world.objects.now.get(_name(path)) is found:
            self._world.note_read(_name(path))
        return ReadResult(found.data[start:end], len(found.data), found.etag)

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        self._change("put", path, lambda: self._world.objects.write(_name(path), data))

    def create(self, path: str, data: bytes) -> str:
        """See Store."""

        def create() -> str:
            self._world.objects.check(_name(path), None)
            return self._world.objects.write(_name(path), data)

        return self._change("create", path, create)

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""

        def replace() -> str:
            self._world.objects.check(_name(path), version)
            return self._world.objects.write(_name(path), data)

        return self._change("replace", path, replace)

    def version(self, result: ReadResult) -> str:
        """See Store."""
        return result.etag.replace("etag", "generation")

    def delete(self, path: str) -> None:
        """See Store."""

        def delete() -> str:
            self._world.objects.now.pop(_name(path), None)
            return ""

        self._change("delete", path, delete)

    def _find(self, path: str) -> Stored:
        found = self._world.objects.now.get(_name(path))
        if found is None:
            raise FileNotFoundError(path)
        return found

    def _begin(self, verb: str, path: str) -> Trouble | None:
        """Take a step; raises StorageError where the request is not carried out."""
        if not self._world.is_actor():
            # A thread of Arrow's, for which the actor waits.
            return None
        trouble = self._world.step(Call(verb, _name(path)))
        if trouble and trouble.kind == "fail":
            raise StorageError(f"{verb} {path}: the store fails.")
        if self._world.is_away():
            raise StorageError(f"{verb} {path}: the store does not answer.")
        return trouble

    def _end(self, trouble: Trouble | None, path: str) -> None:
        if trouble and trouble.kind == "lose":
            raise StorageError(f"{path}: the answer was lost.")
        if trouble and trouble.kind == "slow":
            self._world.sleep(trouble.seconds)

    def _change(self, verb: str, path: str, effect: Callable[[], str]) -> str:
        name = _name(path)
        trouble = self._begin(verb, path)
        if trouble and trouble.kind == "late":
            self._world.later(verb, name, trouble.seconds, effect)
            self._world.sleep(TIMEOUT_S)
            raise StorageError(f"{path}: no answer after {TIMEOUT_S:.0f} s.")
        if trouble and trouble.kind == "swallow" and "pack-" in name:
            return ""
        with nullcontext() if self._world.is_actor() else _at_once:
            version = self._world.change(verb, name, effect)
        self._end(trouble, path)
        return version


def _name(path: str) -> str:
    return path.removeprefix(OUTPUT).lstrip("/")


def _stat(path: str, stored: Stored) -> Stat:
    return Stat(path, len(stored.data), stored.etag, None)
