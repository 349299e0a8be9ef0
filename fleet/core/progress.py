"""How far a worker has come with a lease."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What a worker runs, and its totals since it started."""

    device: str
    """The device's name."""
    lease: str
    """The lease that it runs, empty between leases."""
    uri: str
    """The video that it is in."""
    frames: int
    """Wanted frames that it has processed."""
    video_s: float
    """Seconds of video that it has covered."""
    host: str = ""
    """The machine that its process runs on."""
    pid: int = 0
    """Its process number there."""
    beats: int = 0
    """How often it has shown that it works; see `fleet.worker.liveness`."""
    waiting: bool = False
    """Whether it waits for storage."""
    memory_bytes: int = 0
    """What its device's memory holds, and the most that it has held; 0 for unknown."""
    peak_memory_bytes: int = 0
