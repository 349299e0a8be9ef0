"""Who may change an output folder: an object there that names its holder and expires.

`_LOCK.json` is held by the run that leads the job, `_REWRITE.json` by whoever brings committed
parts into another shape. Holders renew them; one whose holder died expires by itself. Where a
store has no conditional puts, two that ask in the same second may both be let in: best effort.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Self

from fleet.errors import JobFailedError, OutputBusyError, StorageError, StorageRefusedError
from fleet.storage import Folder

LEADER_LOCK = "_LOCK.json"
REWRITE_LOCK = "_REWRITE.json"
EXPIRES_S = 60
RENEW_S = 15
_SETTLE_S = 1.0
"""Without conditional puts: how long to wait before looking whether a rival wrote over it."""
_FREE = 0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: what it does, where, since when, and until when it counts.

    `machine`: the kernel and process namespace that `pid` is a number of; `born`: when the process
    began, in the kernel's ticks, so that a number used again is told apart. `job`: the digest.
    Times are seconds since 1970 by the holder's clock; an expiry of 0 means that it is free.
    """

    what: str
    host: str
    pid: int
    machine: str
    born: str
    job: str
    since_unix_s: float
    expires_unix_s: float
    mark: str

    @classmethod
    def me(cls, what: str, job: str, now_s: float) -> Self:
        """Describe this process."""
        host, pid, mark = socket.gethostname(), os.getpid(), uuid.uuid4().hex
        return cls(what, host, pid, _machine(), _born(pid), job, now_s, now_s + EXPIRES_S, mark)

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read it from a lock; None where it is none of ours, or was cut off."""
        try:
            return cls(**json.loads(data))
        except (ValueError, TypeError):
            return None

    def to_bytes(self) -> bytes:
        """Write it as a lock holds it."""
        return json.dumps(asdict(self), indent=1).encode()

    def is_dead(self) -> bool:
        """Whether it is known to have died: a process of this machine that is no more."""
        return self.machine == _machine() and self.born != _born(self.pid)

    def left_s(self, now_s: float) -> float:
        """How long it still counts unless it is renewed; 0 where it does not."""
        return 0.0 if self.is_dead() else max(0.0, self.expires_unix_s - now_s)

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(self.since_unix_s))
        return f"{self.what} on {self.host} (pid {self.pid}) since {since}"


def _machine() -> str:
    """Name what a pid is unique in; empty where it cannot be told, which equals nothing."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file, but a name
    except OSError:
        return f"unknown/{uuid.uuid4().hex}"


def _born(pid: int) -> str:
    """When a process began; empty where there is none, or only its exit code waits to be read."""
    try:
        # The second field, the program's name in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def read_holder(folder: Folder, name: str, now_s: float) -> Holder | None:
    """Tell who holds a lock now; None where nobody does."""
    try:
        holder = Holder.parse(folder.read(name))
    except FileNotFoundError:
        return None
    return holder if holder is not None and holder.left_s(now_s) > 0 else None


class Lock:
    """A lock of an output folder, for one holder; used from one thread at a time.

    `conditional`: whether the store's conditional puts can be relied on.
    """

    def __init__(
        self, folder: Folder, name: str, holder: Holder, *, conditional: bool = True
    ) -> None:
        self._folder = folder
        self._name = name
        self._conditional = conditional
        self._version = ""
        self.holder = holder

    def take(self) -> None:
        """Take it; raises OutputBusyError where somebody else has it."""
        if not self._try():
            rival = read_holder(self._folder, self._name, time.time())
            raise OutputBusyError(*_refusal(self._folder, rival, time.time()))

    def _try(self) -> bool:
        data = self.holder.to_bytes()
        try:
            present, version = self._folder.read_version(self._name)
        except FileNotFoundError:
            return self._put(lambda: self._folder.create(self._name, data), data)
        locked = Holder.parse(present)
        if locked is not None and locked.left_s(time.time()) > 0:
            return False
        return self._put(lambda: self._folder.replace(self._name, data, version), data)

    def renew(self) -> None:
        """Hold it for another while; raises JobFailedError where it is somebody else's by now."""
        self.holder = replace(self.holder, expires_unix_s=time.time() + EXPIRES_S)
        data = self.holder.to_bytes()
        if not self._put(lambda: self._folder.replace(self._name, data, self._version), data):
            rival = read_holder(self._folder, self._name, time.time())
            message = f"{self._folder.uri} was taken over by {rival or 'somebody else'}."
            raise JobFailedError(
                message, "This process had not been heard of for too long; it stops."
            )

    def release(self) -> None:
        """Give it up, unless it is somebody else's by now."""
        self.holder = replace(self.holder, expires_unix_s=_FREE)
        data = self.holder.to_bytes()
        self._put(lambda: self._folder.replace(self._name, data, self._version), data)

    def _put(self, conditionally: Callable[[], str | None], data: bytes) -> bool:
        try:
            version = conditionally() if self._conditional else ""
        except StorageRefusedError:
            self._conditional, version = False, ""
        if not self._conditional:
            return self._put_anyhow(data)
        if version is None:
            return False
        self._version = version
        return True

    def _put_anyhow(self, data: bytes) -> bool:
        """Where the store knows no conditions: write, wait, and see whether it is still ours."""
        with suppress(FileNotFoundError):
            locked = Holder.parse(self._folder.read(self._name))
            others = locked is not None and locked.mark != self.holder.mark
            if locked is not None and others and locked.left_s(time.time()) > 0:
                return False
        self._folder.put(self._name, data)
        if self.holder.expires_unix_s != _FREE:
            time.sleep(_SETTLE_S)
        return self._folder.read(self._name) == data


def _refusal(folder: Folder, rival: Holder | None, now_s: float) -> tuple[str, str]:
    if rival is None:
        return f"{folder.uri} was taken by somebody else just now.", "Run the command again."
    left_s = rival.left_s(now_s)
    return (
        f"{folder.uri} is in use: {rival}, last heard of {max(0.0, EXPIRES_S - left_s):.0f} s ago.",
        f"Wait until it ends. If it is dead, its hold expires in {left_s:.0f} s.",
    )


class LockGuard:
    """A lock that is held and renewed by a thread; `check` tells whether it still is."""

    def __init__(self, lock: Lock) -> None:
        self.holder = lock.holder
        self._lock = lock
        self._end = Event()
        self._failure: JobFailedError | None = None
        self._thread = Thread(target=self._renew, name="lock", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        renewed_s = time.monotonic()
        while not self._end.wait(RENEW_S):
            try:
                self._lock.renew()
                renewed_s = time.monotonic()
            except JobFailedError as error:
                self._failure = error
                return
            except StorageError as error:
                if time.monotonic() - renewed_s > EXPIRES_S:
                    message = f"The hold on the output could not be renewed: {error}"
                    self._failure = JobFailedError(message, "Run the same command again to go on.")
                    return

    def check(self) -> None:
        """Raise JobFailedError where the lock was lost: its new holder may change everything."""
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Stop renewing and give the lock up, as far as it is still ours."""
        self._end.set()
        self._thread.join()
        if self._failure is None:
            with suppress(StorageError):
                self._lock.release()


@contextmanager
def locked(
    folder: Folder,
    name: str,
    what: str,
    job: str,
    wait_s: float = 0.0,
    *,
    conditional: bool = True,
) -> Iterator[LockGuard]:
    """Hold a lock; raises OutputBusyError where somebody has it for longer than `wait_s`."""
    lock = Lock(folder, name, Holder.me(what, job, time.time()), conditional=conditional)
    until_s = time.monotonic() + wait_s
    while True:
        try:
            lock.take()
            break
        except OutputBusyError:
            if time.monotonic() >= until_s:
                raise
            time.sleep(min(1.0, max(0.1, wait_s / 20)))
            lock.holder = Holder.me(what, job, time.time())
    hold = LockGuard(lock)
    try:
        yield hold
    finally:
        hold.end()
