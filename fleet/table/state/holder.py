"""Who holds a lock, or runs a job: the words in which a process tells the others of itself."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as brief
from typing import Self

from fleet.core.json_object import JsonObject, number

_FREE = 0
_LAST_UNIX_S = 253_402_000_000
"""Some days before the year 10,000, which no calendar of the system's has."""
_UNKNOWN_USER = -1


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock, and what it does.

    Times are by its own clock: for people to read, never to be compared with another clock.
    """

    what: str
    """The command."""
    host: str
    pid: int
    machine: str
    """The kernel and the process namespace that `pid` is a number of."""
    born: str
    """When the process began, in the kernel's ticks: a number that is used again is told apart."""
    job: str
    """The job's digest."""
    since_unix_s: float
    expires_unix_s: float
    """When it is late to renew it, by the holder's clock; 0 where the lock is free."""
    mark: str
    """A name that no other process has."""
    uid: int = _UNKNOWN_USER
    """The user that it runs as."""
    renewals: int = 0
    """How often the lock was renewed: who watches it sees from this that its holder lives."""

    @classmethod
    def me(cls, what: str, job: str, now_unix_s: float) -> Self:
        """Describe this process."""
        return cls(
            what,
            socket.gethostname(),
            os.getpid(),
            _machine(),
            _born(os.getpid()),
            job,
            now_unix_s,
            now_unix_s,
            uuid.uuid4().hex,
            os.getuid(),
        )

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Return the holder in a lock; None where that makes no sense."""
        try:
            return cls.of(JsonObject.parse(data))
        except ValueError:
            return None

    @classmethod
    def of(cls, raw: JsonObject) -> Self:
        """Return a holder by its fields; raises ValueError where some are missing or of no use."""
        return raw.build(cls, since_unix_s=raw.take("since_unix_s", _moment))

    def to_bytes(self) -> bytes:
        """Write it as a lock holds it."""
        return json.dumps(vars(self), indent=1).encode()

    @property
    def is_free(self) -> bool:
        """Whether the lock was given up."""
        return self.expires_unix_s == _FREE

    def lives_here(self) -> bool | None:
        """Return whether it is a process of this machine that lives; None where that is unknown."""
        if self.machine != _machine():
            return None
        born = _born(self.pid)
        if born:
            return born == self.born
        # Where /proc hides the processes of other users, they look as if they were gone.
        return False if self.uid == os.getuid() or os.getuid() == 0 else None

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(self.since_unix_s))
        return f"{self.what} on {self.host} (pid {self.pid}) since {since}"


def _moment(value: object) -> float:
    """Return a time that a calendar can show, in seconds since 1970."""
    unix_s = number(value)
    if not 0 <= unix_s <= _LAST_UNIX_S:
        raise ValueError(f"{brief(value)} is no time")
    return unix_s


def _machine() -> str:
    """Return a name for what a pid is unique in; one that equals no other where there is none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file, but a name
    except OSError:
        return f"unknown/{uuid.uuid4().hex}"


def _born(pid: int) -> str:
    """Return when a process began; empty where none is seen, or only its exit code is left."""
    try:
        # The second field, the program's name in brackets, may hold anything.
        fields_ = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields_[0] in {"Z", "X"} else fields_[19]
