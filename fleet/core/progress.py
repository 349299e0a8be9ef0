"""Where a worker stands while it runs a lease."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a worker stands: totals since it started.

    `lease`: what it runs now, empty between leases. `uri`: the video it is in. `host`, `pid`: where
    it lives. `beats`, `waiting`: see `Liveness`.
    """

    device: str
    lease: str
    uri: str
    frames: int
    video_s: float
    host: str = ""
    pid: int = 0
    beats: int = 0
    waiting: bool = False
