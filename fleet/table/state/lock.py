"""Locks on an output: an object that names its holder, who renews it.

`_LOCK.json` is held by the run that leads the job, `_REWRITE.json` by a command that brings
committed parts into another shape. A lock keeps two processes from doing the same work; that they
cannot harm each other is for manifests to see to. No clocks of two machines are compared: whoever
wants a lock that is held watches, by its own steady clock, whether it is renewed; its holder stops
believing in it, by its own, before others may take it; whether it goes on all the same while the
store is away, it decides. In a store without conditional puts a lock that is held is never taken
over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from fleet.clock import Clock
from fleet.errors import JobFailedError, OutputBusyError, StorageError
from fleet.storage import Folder
from fleet.table.state.holder import Holder

LEADER_LOCK = "_LOCK.json"
REWRITE_LOCK = "_REWRITE.json"
EXPIRES_S = 60.0
"""A lock that was not renewed for so long, as somebody has watched, may be taken over."""
RENEW_S = 5.0
LOOK_S = 1.0
MARGIN_S = 15.0
"""Its holder stops believing in a lock so much earlier than others may take it."""
_SETTLE_S = 1.0
"""Without conditional puts: how long to wait before looking whether a rival wrote over it."""


@dataclass(frozen=True)
class _Seen:
    """A lock as it was read: None for a holder that makes no sense."""

    holder: Holder | None
    version: str


class Lock:
    """A lock of an output folder, for one holder; used from one thread at a time."""

    def __init__(
        self, folder: Folder, name: str, holder: Holder, clock: Clock, *, conditional: bool
    ) -> None:
        self._folder = folder
        self._name = name
        self._clock = clock
        self._conditional = conditional
        self._version = ""
        self.holder = holder

    def take(self) -> None:
        """Take it; raises OutputBusyError where somebody has it who lives."""
        seen = self._read()
        if seen is None:
            self._put(lambda data: self._folder.create(self._name, data), None)
        elif self._is_free(seen):
            self._put(lambda data: self._folder.replace(self._name, data, seen.version), seen)
        elif not self._conditional:
            raise self._busy(seen, f"If no such process is at work, delete {self._name}.")
        else:
            self._watch(seen)

    def _is_free(self, seen: _Seen) -> bool:
        return seen.holder is not None and (
            seen.holder.is_free or seen.holder.lives_here() is False
        )

    def _watch(self, seen: _Seen) -> None:
        """Take a lock over that nobody renews; raises OutputBusyError as soon as somebody does."""
        since_s = self._clock.steady_s()
        if seen.holder is not None and seen.holder.lives_here() and not self._is_late(seen.holder):
            raise self._busy(seen)
        while self._clock.steady_s() - since_s <= EXPIRES_S:
            self._clock.sleep(LOOK_S)
            now = self._read()
            if now is None or now.version != seen.version:
                if now is None or self._is_free(now):
                    self.take()
                    return
                raise self._busy(now)
        self._put(lambda data: self._folder.replace(self._name, data, seen.version), seen)

    def _is_late(self, holder: Holder) -> bool:
        """Return whether a holder on this machine, by whose clock it goes, should have renewed it.

        It may stand still. Whether it does is for watching to tell: clocks can be set.
        """
        return self._clock.unix_s() > holder.expires_unix_s

    def _read(self) -> _Seen | None:
        try:
            data, version = self._folder.read_version(self._name)
        except FileNotFoundError:
            return None
        return _Seen(Holder.parse(data), version)

    def _put(self, conditionally: Callable[[bytes], str | None], seen: _Seen | None) -> None:
        self._show_life()
        data = self.holder.to_bytes()
        version = conditionally(data) if self._conditional else self._put_anyhow(data)
        if version is None:
            raise self._busy(self._read() or seen)
        self._version = version

    def _show_life(self, renewals: int = 0) -> None:
        expires_unix_s = self._clock.unix_s() + EXPIRES_S
        self.holder = replace(self.holder, renewals=renewals, expires_unix_s=expires_unix_s)

    def _put_anyhow(self, data: bytes) -> str | None:
        """Write, wait, and see whether it is still ours."""
        self._folder.put(self._name, data)
        if not self.holder.is_free:
            self._clock.sleep(_SETTLE_S)
        return "" if self._folder.read(self._name) == data else None

    def renew(self) -> None:
        """Show that its holder lives; raises JobFailedError where it is somebody else's by now."""
        self._show_life(self.holder.renewals + 1)
        self._write_over()

    def release(self) -> None:
        """Give it up; raises JobFailedError where it is somebody else's by now."""
        self.holder = replace(self.holder, expires_unix_s=0)
        self._write_over()

    def _write_over(self) -> None:
        data = self.holder.to_bytes()
        if self._conditional:
            version = self._folder.replace(self._name, data, self._version)
        else:
            seen = self._read()
            is_ours = seen and seen.holder and seen.holder.mark == self.holder.mark
            version = self._put_anyhow(data) if is_ours else None
        if version is None:
            seen = self._read()
            message = f"{self._folder.uri} was taken over by {_name(seen)}."
            raise JobFailedError(
                message, "This process had not been heard of for too long; it stops."
            )
        self._version = version

    def _busy(self, seen: _Seen | None, way_out: str = "") -> OutputBusyError:
        message = f"{self._folder.uri} is in use: {_name(seen)}."
        return OutputBusyError(
            message, way_out or f"Wait until it ends. If it died, {EXPIRES_S:.0f} s are enough."
        )


def _name(seen: _Seen | None) -> str:
    return str(seen.holder) if seen and seen.holder else "another process"


def read_holder(folder: Folder, name: str) -> Holder | None:
    """Return who holds a lock, or is believed to; None where nobody does."""
    try:
        holder = Holder.parse(folder.read(name))
    except FileNotFoundError:
        return None
    is_held = holder is not None and not holder.is_free and holder.lives_here() is not False
    return holder if is_held else None


class LockGuard:
    """A lock that is held, and renewed in the background."""

    def __init__(self, lock: Lock, clock: Clock) -> None:
        self._lock = lock
        self._clock = clock
        self._failure: JobFailedError | None = None
        self._trouble = ""
        self._renewed_s = clock.steady_s()
        self._stop = clock.every(RENEW_S, self._renew, "lock")

    def _renew(self) -> None:
        sent_s = self._clock.steady_s()
        try:
            self._lock.renew()
        except JobFailedError as error:
            self._failure = error
        except StorageError as error:
            self._trouble = str(error)
        else:
            self._renewed_s = sent_s

    @property
    def is_believed(self) -> bool:
        """Return whether it was renewed so lately that nobody else may have it."""
        return self._clock.steady_s() - self._renewed_s <= EXPIRES_S - MARGIN_S

    def check_not_taken(self) -> None:
        """Raise JobFailedError where somebody else was seen to have the lock."""
        if self._failure is not None:
            raise self._failure

    def check(self) -> None:
        """Raise JobFailedError where the lock was lost, or may have been by now."""
        self.check_not_taken()
        if not self.is_believed:
            silent_s = self._clock.steady_s() - self._renewed_s
            raise JobFailedError(
                f"The lock on the output could not be renewed for {silent_s:.0f} s. "
                f"{self._trouble}".strip(),
                "Run the same command again to go on.",
            )

    def end(self) -> None:
        """Stop renewing, and give the lock up unless it is somebody else's by now."""
        self._stop()
        if self._failure is None:
            with suppress(StorageError, JobFailedError):
                self._lock.release()


@contextmanager
def locked(
    folder: Folder,
    name: str,
    holder: Holder,
    clock: Clock,
    *,
    conditional: bool,
    wait_s: float = 0.0,
) -> Iterator[LockGuard]:
    """Hold a lock; raises OutputBusyError where somebody has it for longer than `wait_s`."""
    until_s = clock.steady_s() + wait_s
    while True:
        lock = Lock(folder, name, holder, clock, conditional=conditional)
        try:
            lock.take()
            break
        except OutputBusyError:
            if clock.steady_s() >= until_s:
                raise
            clock.sleep(LOOK_S)
    guard = LockGuard(lock, clock)
    try:
        yield guard
    finally:
        guard.end()
