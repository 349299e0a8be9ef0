"""What happens in a run, noted with the time and put into its output now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from fleet.clock import Clock
from fleet.core.run_events import (
    BackupWasted,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    DevicesShared,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    LeaseSplit,
    LeaseStarted,
    LeaseTruncated,
    OutputRefused,
    PlanGrew,
    RunEnded,
    RunEvent,
    RunStarted,
    VideoRefused,
    Warned,
)
from fleet.errors import StorageError
from fleet.table.diaries.diaries import Noted, RunDiaries

PUT_S = 60.0
"""What was noted is put so long after it was last put."""
MOST_HELD = 5_000
"""What is noted meanwhile, before it is put at once."""
BACKUP = "backup"
IDLE = frozenset(each.__name__ for each in (RunStarted, PlanGrew, RunEnded, VideoRefused, Warned))
"""What happens in a run that has nothing to do as well."""


class Diary:
    """An observer that notes what happens; `flush` stores it, from any thread."""

    def __init__(self, diaries: RunDiaries, run: str, clock: Clock) -> None:
        self._diaries, self._run, self._clock = diaries, run, clock
        self._held: list[Noted] = []
        self._put = 0
        self._last_s = clock.steady_s()
        self._lock, self._turn = Lock(), Lock()

    def on_event(self, event: RunEvent) -> None:
        """Note what happened just now; see Observer."""
        noted = note(event, self._clock.unix_s())
        if noted is not None:
            with self._lock:
                self._held.append(noted)

    def flush(self, *, at_once: bool = False) -> None:
        """Put what was noted, where it is time for that; raises StorageError where that fails.

        A run that had nothing to do leaves none.
        """
        with self._turn:
            with self._lock:
                held, now_s = list(self._held), self._clock.steady_s()
            is_due = now_s - self._last_s >= PUT_S or len(held) >= MOST_HELD
            is_idle = not self._put and all(noted.event in IDLE for noted in held)
            if not held or is_idle or not (at_once or is_due):
                return
            self._diaries.put(self._run, self._put, held)
            self._put, self._last_s = self._put + 1, now_s
            with self._lock:
                del self._held[: len(held)]


@contextmanager
def noting(diary: Diary) -> Iterator[None]:
    """Put what is left of a diary when a run ends, however it ends; no run fails for that."""
    try:
        yield
    finally:
        with suppress(StorageError):
            diary.flush(at_once=True)


def note(event: RunEvent, unix_s: float) -> Noted | None:
    """Return an event as a diary has it; None for one that is not noted."""
    details = _DETAILS.get(type(event))
    return Noted(unix_s, type(event).__name__, **details(event)) if details else None


def _done(event: LeaseDone | LeaseTruncated) -> dict[str, Any]:
    tally = event.receipt.tally
    return {
        "device": event.device,
        "lease": event.lease,
        "frames": tally.frames,
        "wall_s": tally.wall_s,
    }


_DETAILS: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    RunStarted: lambda e: {"frames": e.frames},
    PlanGrew: lambda e: {"frames": e.plan.frames, "text": f"{e.plan.to_look} files to look at"},
    DeviceJoined: lambda e: {"device": e.device, "node": e.node},
    DeviceDraining: lambda e: {
        "device": e.device,
        "text": f"{e.left_s:.0f} s left{', given back' if e.given_back else ''}",
    },
    DevicesShared: lambda e: {"text": f"{e.share} of {e.of}, {e.jobs} jobs"},
    DeviceLost: lambda e: {
        "device": e.device,
        "lease": e.ran,
        "text": f"{e.cause}: {e.reason}",
    },
    LeaseStarted: lambda e: {
        "device": e.device,
        "lease": e.lease,
        "frames": e.frames,
        "text": BACKUP if e.backup else "",
    },
    LeaseDone: _done,
    LeaseTruncated: _done,
    LeaseFailed: lambda e: {"device": e.device, "lease": e.lease, "text": str(e.fault)},
    BackupWasted: lambda e: {"device": e.device, "lease": e.lease, "wall_s": e.wall_s},
    LeaseSplit: lambda e: {
        "device": e.device,
        "lease": e.lease,
        "text": f"into {len(e.pieces)}",
    },
    LeaseQuarantined: lambda e: {"lease": e.receipt.lease, "text": str(e.fault)},
    VideoRefused: lambda e: {"text": f"{e.loss.uri}: {e.loss.message}"},
    Warned: lambda e: {"text": e.text},
    OutputRefused: lambda e: {"text": e.text},
    RunEnded: lambda e: {"text": "whole" if e.whole else "not whole"},
}
"""Kind of event -> what a diary has of it; of others, such as progress, it has nothing."""
