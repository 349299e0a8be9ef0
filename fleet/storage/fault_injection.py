"""A store that fails on purpose: latency, errors, short reads, torn writes, by a seed.

What is done to a request follows from the seed, the request and how often this process made it
before: the same schedule gives the same faults, whatever the threads do. It stands between a store
and what asks it again, so that a run under faults exercises the very code that real ones would.
Switched on by FLEET_STORAGE_FAULTS, which workers inherit: 'seed=7,fail=0.05,latency_s=0.05'.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from threading import Lock
from typing import Literal, Self

from fleet.errors import StorageError, UsageError
from fleet.storage.location import at
from fleet.storage.store import ReadResult, Stat, Store

FAULTS_VARIABLE = "FLEET_STORAGE_FAULTS"

Deed = Literal["nothing", "fail", "lose", "short", "torn"]
_READS = {"read"}
_PUTS = {"put"}
_LISTED_A_TIME = 100
"""Names that are listed between two chances for a listing to fail."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong, as shares of the requests (0..1).

    `latency_s`: added to each. `slow`: take `slow_s` longer. `fail`: are not carried out, and
    fail. `lose`: are carried out, and fail all the same. `short`: of the reads, give half of the
    bytes. `torn`: of the puts, leave half of the bytes under the name, and fail.
    """

    seed: int = 0
    latency_s: float = 0.0
    slow: float = 0.0
    slow_s: float = 2.0
    fail: float = 0.0
    lose: float = 0.0
    short: float = 0.0
    torn: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.slow, self.fail, self.lose, self.short, self.torn)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("shares of requests are between 0 and 1")
        if self.latency_s < 0 or self.slow_s < 0:
            raise ValueError("times are not negative")

    def __str__(self) -> str:
        """As `parse` reads it."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 'seed=7,fail=0.05'; raises UsageError."""
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

    def fate(self, request: str, path: str, start: int, nth: int) -> tuple[Deed, float]:
        """Decide what is done to a request, and how many seconds it takes longer."""
        key = f"{self.seed}|{request}|{path}|{start}|{nth}".encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(key).digest()
        chance, slowness = (int.from_bytes(digest[i : i + 8]) / 2**64 for i in (0, 8))
        delay_s = self.latency_s + (self.slow_s if slowness < self.slow else 0.0)
        shares: tuple[tuple[Deed, float], ...] = (
            ("fail", self.fail),
            ("lose", self.lose),
            ("short", self.short if request in _READS else 0.0),
            ("torn", self.torn if request in _PUTS else 0.0),
        )
        for deed, share in shares:
            if chance < share:
                return deed, delay_s
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
        self._turn = Lock()

    def _begin(self, request: str, path: str, start: int = 0) -> Deed:
        """Let a request take its time, and fail it where it is to fail; else say what is done."""
        with self._turn:
            nth = self._made[request, path, start]
            self._made[request, path, start] += 1
        deed, delay_s = self._faults.fate(request, path, start, nth)
        if delay_s:
            self._sleep(delay_s)
        if deed == "fail":
            raise self._injected("failed", path)
        return deed

    def _end(self, deed: Deed, path: str) -> None:
        if deed == "lose":
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
        deed = self._begin("stat", path)
        found = self._store.stat(path)
        self._end(deed, path)
        return found

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store."""
        deed = self._begin("read", path, start)
        answer = self._store.read(path, start, end, etag)
        self._end(deed, path)
        if deed == "short":
            return ReadResult(answer.data[: len(answer.data) // 2], answer.size, answer.etag)
        return answer

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        deed = self._begin("put", path)
        if deed == "torn":
            self._store.put(path, data[: len(data) // 2])
            raise self._injected("broke off in the middle", path)
        self._store.put(path, data)
        self._end(deed, path)

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        deed = self._begin("create", path)
        version = self._store.create(path, data)
        self._end(deed, path)
        return version

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        deed = self._begin("replace", path)
        new = self._store.replace(path, data, version)
        self._end(deed, path)
        return new

    def version(self, answer: ReadResult) -> str:
        """See Store."""
        return self._store.version(answer)

    def delete(self, path: str) -> None:
        """See Store."""
        deed = self._begin("delete", path)
        self._store.delete(path)
        self._end(deed, path)
