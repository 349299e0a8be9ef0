"""A store that fails on purpose: latency, errors, short reads and torn writes, from a seed.

The fault of a request follows from the seed, the request, and how often this process has made it
before: the same schedule makes the same faults in any order of the threads. It sits between a store
and its retries, so that a run under faults exercises the code that real faults would. The variable
FLEET_STORAGE_FAULTS, which workers inherit, switches it on: 'seed=7,fail=0.05,latency_s=0.05'.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from threading import Lock
from typing import Literal, Self

from fleet.errors import StorageError, UsageError
from fleet.storage.location import at
from fleet.storage.store import ReadResult, Stat, Store

FAULTS_VARIABLE = "FLEET_STORAGE_FAULTS"

FaultKind = Literal["nothing", "fail", "lose", "short", "torn"]
_READS = {"read"}
_PUTS = {"put"}
_LISTED_A_TIME = 100
"""A listing may fail once every so many names."""


@dataclass(frozen=True)
class Faults:
    """A schedule of faults: which share of the requests (0..1) has which fault."""

    seed: int = 0
    """The same seed makes the same faults."""
    latency_s: float = 0.0
    """Seconds that every request takes longer."""
    slow: float = 0.0
    """Share that takes `slow_s` longer."""
    slow_s: float = 2.0
    """Seconds that a slow request takes longer."""
    fail: float = 0.0
    """Share that is not carried out, and fails."""
    lose: float = 0.0
    """Share that is carried out, and fails all the same: its response is lost."""
    short: float = 0.0
    """Share of the reads that return half of the bytes."""
    torn: float = 0.0
    """Share of the puts that leave half of the bytes under the name, and fail."""

    def __post_init__(self) -> None:
        shares = (self.slow, self.fail, self.lose, self.short, self.torn)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("shares of requests are between 0 and 1")
        if self.latency_s < 0 or self.slow_s < 0:
            raise ValueError("times are not negative")

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text like 'seed=7,fail=0.05'; raises UsageError where it is no schedule."""
        known = [field.name for field in fields(cls)]
        try:
            pairs = dict(item.split("=") for item in text.replace(" ", "").split(",") if item)
            seed = int(pairs.pop("seed", "0"))
            return cls(seed, **{name: float(value) for name, value in pairs.items()})
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"{FAULTS_VARIABLE}={text} is no schedule of faults: {error}.",
                f"Write it as seed=7,fail=0.05; it knows {', '.join(known)}.",
            ) from None

    def decide(self, request: str, path: str, start: int, nth: int) -> tuple[FaultKind, float]:
        """Return the fault of a request, and how many seconds the request takes longer."""
        key = f"{self.seed}|{request}|{path}|{start}|{nth}".encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(key).digest()
        chance, slowness = (int.from_bytes(digest[i : i + 8]) / 2**64 for i in (0, 8))
        delay_s = self.latency_s + (self.slow_s if slowness < self.slow else 0.0)
        shares: tuple[tuple[FaultKind, float], ...] = (
            ("fail", self.fail),
            ("lose", self.lose),
            ("short", self.short if request in _READS else 0.0),
            ("torn", self.torn if request in _PUTS else 0.0),
        )
        for fault, share in shares:
            if chance < share:
                return fault, delay_s
            chance -= share
        return "nothing", delay_s


class Faulty:
    """A store to which a schedule of faults is applied. See Store."""

    def __init__(
        self, store: Store, faults: Faults, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = store.name
        self._store = store
        self._faults = faults
        self._sleep = sleep
        self._made: Counter[tuple[str, str, int]] = Counter()
        self._lock = Lock()

    def _begin(self, request: str, path: str, start: int = 0) -> FaultKind:
        """Wait as the schedule asks, and return the fault; raises StorageError for "fail"."""
        with self._lock:
            nth = self._made[request, path, start]
            self._made[request, path, start] += 1
        fault, delay_s = self._faults.decide(request, path, start, nth)
        if delay_s:
            self._sleep(delay_s)
        if fault == "fail":
            raise self._injected("failed", path)
        return fault

    def _end(self, fault: FaultKind, path: str) -> None:
        if fault == "lose":
            raise self._injected("was done, its answer lost", path)

    def _injected(self, what: str, path: str) -> StorageError:
        return StorageError(f"{at(self.name, path)}: a request {what} (an injected fault).")

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store."""
        for number, stat in enumerate(self._store.list(folder, after)):
            if number % _LISTED_A_TIME == 0:
                self._end(self._begin("list", stat.path), folder)
            yield stat

    def stat(self, path: str) -> Stat:
        """See Store."""
        fault = self._begin("stat", path)
        found = self._store.stat(path)
        self._end(fault, path)
        return found

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store."""
        fault = self._begin("read", path, start)
        result = self._store.read(path, start, end, etag)
        self._end(fault, path)
        if fault == "short":
            return replace(result, data=result.data[: len(result.data) // 2])
        return result

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        fault = self._begin("put", path)
        if fault == "torn":
            self._store.put(path, data[: len(data) // 2])
            raise self._injected("broke off in the middle", path)
        self._store.put(path, data)
        self._end(fault, path)

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        fault = self._begin("create", path)
        version = self._store.create(path, data)
        self._end(fault, path)
        return version

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        fault = self._begin("replace", path)
        new = self._store.replace(path, data, version)
        self._end(fault, path)
        return new

    def version(self, result: ReadResult) -> str:
        """See Store."""
        return self._store.version(result)

    def delete(self, path: str) -> None:
        """See Store."""
        fault = self._begin("delete", path)
        self._store.delete(path)
        self._end(fault, path)
