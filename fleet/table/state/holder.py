"""Who holds a lock, or runs a job: the words in which a process tells the others of itself."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from fleet.core.json_text import read_json

_FREE = 0
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
    """0 where the lock is free. Version 0.1 compared it with a clock."""
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
            return cls.from_fields(read_json(data))
        except (ValueError, TypeError, AttributeError):
            return None

    @classmethod
    def from_fields(cls, raw: dict[str, Any]) -> Self:
        """Return a holder by its fields; raises TypeError where some are missing or of no use."""
        known = {item.name for item in fields(cls)}
        found = cls(**{name: value for name, value in raw.items() if name in known})
        texts = (found.what, found.host, found.machine, found.born, found.job, found.mark)
        numbers = (found.pid, found.since_unix_s, found.expires_unix_s, found.uid, found.renewals)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("its texts are none")
        if not all(isinstance(number, int | float) for number in numbers):
            raise TypeError("its numbers are none")
        return found

    def to_bytes(self) -> bytes:
        """Write it as a lock holds it."""
        return json.dumps(asdict(self), indent=1).encode()

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
