"""Putting the product into a world: its store, names, machines and threads are those of the world.

What is replaced is what the product takes from its surroundings, and nothing of what it decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any, Generic, Self, TypeVar
from unittest.mock import patch

from archive import Indexes
from baton import Process
from simulated_clock import Mutex
from world import World

import fleet.driver.heartbeat
import fleet.driver.preparing.background
import fleet.driver.retry
import fleet.storage.folder
import fleet.storage.retry
import fleet.table.commits.ahead
import fleet.table.commits.commit
import fleet.table.commits.footer
import fleet.table.commits.manifest
import fleet.table.commits.pack
import fleet.table.commits.record_table
import fleet.table.diaries.diary
import fleet.table.maintenance.checksums
import fleet.table.maintenance.exchange
import fleet.table.state.holder
import fleet.table.state.own_leases
import fleet.table.state.ownership
import fleet.table.state.run_leases
import fleet.table.state.video_manifest
import fleet.table.state.video_table
from fleet.table.table import Table

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class InTurn:
    """An executor that does each task at once, in the thread that asks for it."""

    def __init__(self, *_: object, **__: object) -> None:
        """Need no threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Have nothing to wait for."""

    def shutdown(self, **_: object) -> None:
        """Have nothing to wait for."""

    def submit(self, task: Callable[..., _Result], *arguments: Any) -> Future[_Result]:
        """Do a task."""
        future: Future[_Result] = Future()
        try:
            future.set_result(task(*arguments))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future

    def map(self, task: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Do a task for each item."""
        return map(task, items)


class _Pending(Generic[_Result]):
    """A task that is done some time after it was asked for, or at once for who waits for it."""

    def __init__(self, task: Callable[[], _Result], due_s: float) -> None:
        self._task = task
        self._due_s = due_s

    def done(self) -> bool:
        """See Future."""
        assert _machine.world is not None
        return _machine.world.now_s >= self._due_s

    def result(self) -> _Result:
        """See Future."""
        return self._task()


class InTime(InTurn):
    """An executor whose tasks take as long as looking at a video does."""

    def submit(self, task: Callable[..., _Result], *arguments: Any) -> Any:
        """Do a task later."""
        world = _machine.world
        assert world is not None
        return _Pending(partial(task, *arguments), world.now_s + world.look_s)


class _Machine:
    """What a process sees of its machine."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.processes: dict[tuple[str, int], Process] = {}

    @property
    def here(self) -> Process:
        """The process that runs."""
        assert self.world is not None
        process = self.world.me.process
        self.processes[process.host, process.pid] = process
        return process

    def born(self, pid: int) -> str:
        """Return when a process of this machine began; empty where it is dead."""
        found = self.processes.get((self.here.host, pid))
        return "1" if found is not None and found.is_alive else ""

    def open_store(self, uri: str) -> tuple[Any, str]:
        """Return the store of the world."""
        assert self.world is not None
        return self.world.open_store(uri)

    def unique(self) -> SimpleNamespace:
        """Return what stands for a UUID."""
        assert self.world is not None
        return SimpleNamespace(hex=self.world.unique())


_machine = _Machine()
_MOST_REMEMBERED = 2048


def _remembered(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of bytes that takes what they came to the last time, for speed alone.

    A schedule reads the same few objects hundreds of times; what they say cannot change.
    """
    known: dict[tuple[bytes, tuple[tuple[str, ...] | None, ...]], Any] = {}

    def remember(data: bytes, *how: Sequence[str] | None) -> Any:
        key = bytes(data), tuple(None if each is None else tuple(each) for each in how)
        if key not in known:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            known[key] = read(data, *how)
        return known[key]

    return remember


def _by_value(parse: Callable[[bytes, Any], Any]) -> Callable[[bytes, Any], Any]:
    """Return a function that gives what it read in the same bytes of an object, for speed alone."""
    known: dict[tuple[bytes, Any], Any] = {}

    def remember(data: bytes, entry: Any) -> Any:
        key = data, entry
        if key not in known:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            known[key] = parse(data, entry)
        return known[key]

    return remember


def _kept(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of values that gives what it made of the same ones, for speed alone."""
    known: dict[tuple[int, ...], tuple[Any, Any]] = {}

    def keep(values: Sequence[Any]) -> Any:
        key = tuple(map(id, values))
        if key not in known:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            # The values are kept as well: another one may get the place in memory of one that ends.
            known[key] = values, make(values)
        return known[key][1]

    return keep


@contextmanager
def simulated() -> Iterator[None]:
    """Put the product into worlds; `enter` says into which one."""
    holder = fleet.table.state.holder
    uuid = SimpleNamespace(uuid4=_machine.unique)
    replacements: list[tuple[Any, str, Any]] = [
        (fleet.storage.folder, "open_store", _machine.open_store),
        (fleet.storage.folder, "uuid", uuid),
        (fleet.storage.folder, "ThreadPoolExecutor", InTurn),
        (fleet.storage.retry, "random", SimpleNamespace(random=lambda: 0.0)),
        (fleet.table.commits.manifest, "uuid", uuid),
        (fleet.table.commits.pack, "uuid", uuid),
        (fleet.table.commits.ahead, "ThreadPoolExecutor", InTurn),
        (fleet.driver.preparing.background, "ThreadPoolExecutor", InTime),
        (fleet.driver.heartbeat, "Lock", Mutex),
        (fleet.driver.retry, "IndexStore", lambda _: Indexes()),
        (fleet.table.diaries.diary, "Lock", Mutex),
        # Python 3.11 has one lock for the property of all tables, which are of many processes here.
        (Table.__dict__["conditional"], "lock", nullcontext()),
        (holder, "uuid", uuid),
        (holder, "socket", SimpleNamespace(gethostname=lambda: _machine.here.host)),
        (holder, "os", SimpleNamespace(getpid=lambda: _machine.here.pid, getuid=lambda: 1000)),
        (holder, "_machine", lambda: _machine.here.host),
        (holder, "_born", _machine.born),
    ]
    for module, name in (
        (fleet.table.commits.footer, "read_footer"),
        (fleet.table.commits.record_table, "decode"),
        (fleet.table.maintenance.exchange, "decode_rows"),
        (fleet.table.state.run_leases, "decode"),
        (fleet.table.state.ownership, "decode"),
        (fleet.table.state.video_table, "_parse"),
        (fleet.table.state.video_manifest, "decode"),
    ):
        replacements.append((module, name, _remembered(getattr(module, name))))
    commit, record_table = fleet.table.commits.commit, fleet.table.commits.record_table
    checksums = fleet.table.maintenance.checksums
    own_leases = fleet.table.state.own_leases
    replacements.append((commit, "_parse", _by_value(commit._parse)))
    replacements.append((checksums, "_rows", _by_value(checksums._rows)))
    replacements.append((own_leases, "to_table", _kept(record_table.to_table)))
    with ExitStack() as ends:
        for module, name, replacement in replacements:
            ends.enter_context(patch.object(module, name, replacement, create=True))
        yield


def enter(world: World) -> None:
    """Have the product be in this world from now on."""
    _machine.world = world
    _machine.processes.clear()
    Mutex.world = world
