"""What is known of one device of a run; pure, the caller passes the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fleet.core.progress import Progress
from fleet.core.receipt import Receipt
from fleet.observe.speed import Speed

DEVICE_WINDOW_S = 20.0
"""A device's speed is measured over so many seconds."""


class DeviceState(StrEnum):
    """What a device does."""

    WORKING = "working"
    IDLE = "idle"
    DRAINING = "draining"
    """Its machine goes away soon; it may still be at work."""


@dataclass(frozen=True)
class DeviceView:
    """One device at one moment."""

    name: str
    frames_per_s: float
    frames: int
    """Frames processed since it joined."""
    uri: str
    """The video that it processes."""
    node: str = ""
    """Its machine; empty where that is unknown."""
    state: DeviceState = DeviceState.IDLE
    lease: str = ""
    """The lease that it runs; empty for none."""
    busy: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds by stage over the seconds of its last committed lease; empty before the first."""
    chip_busy: Mapping[str, float] = field(default_factory=dict)
    """Modelled seconds by engine in that lease over those of its slowest, which is always busy."""
    pid: int = 0
    """Its process, 0 where that is unknown; so are the next two."""
    memory_bytes: int = 0
    """What its memory holds."""
    peak_memory_bytes: int = 0
    """The most that it has held."""


@dataclass
class DeviceTrack:
    """What events say of a device, up to the last one."""

    speed: Speed = field(default_factory=lambda: Speed(DEVICE_WINDOW_S))
    committed: int = 0
    """Frames in its receipts."""
    reported: int = 0
    """Frames that its worker has reported, in total."""
    past: int = 0
    """Frames that earlier workers of its name reported."""
    lease: str = ""
    """The lease that its worker reports to run; empty for none."""
    reported_before: int = 0
    """`reported` when that lease began."""
    uri: str = ""
    node: str = ""
    draining: bool = False
    busy: Mapping[str, float] = field(default_factory=dict)
    """See DeviceView, and the next one."""
    chip_busy: Mapping[str, float] = field(default_factory=dict)
    last: Progress | None = None
    """The last report of its worker."""

    @property
    def frames(self) -> int:
        """Frames since it joined; a commit may count some that no report has counted."""
        return max(self.past + self.reported, self.committed)

    def advance(self, report: Progress, now_s: float) -> None:
        """Add a report of its worker."""
        self.last = report
        if report.frames < self.reported:
            # A new worker of the same name counts from 0.
            self.past += self.reported
            self.reported = self.reported_before = 0
        if report.lease != self.lease:
            self.lease, self.reported_before = report.lease, self.reported
        self.reported, self.uri = report.frames, report.uri
        self.speed.add(now_s, self.frames)

    def credit(self, lease: str, receipt: Receipt, now_s: float) -> None:
        """Add what it has committed of a lease."""
        tally = receipt.tally
        self.committed += tally.frames
        self.speed.add(now_s, self.frames)
        if tally.wall_s > 0:
            self.busy = {stage: spent_s / tally.wall_s for stage, spent_s in tally.host_s.items()}
        if slowest_s := max(tally.chip_s.values(), default=0.0):
            self.chip_busy = {engine: s / slowest_s for engine, s in tally.chip_s.items()}
        self.release(lease)

    @property
    def lease_frames(self) -> int:
        """Frames that its worker has reported of the lease it runs."""
        return self.reported - self.reported_before

    def release(self, lease: str) -> None:
        """End a lease on it, whether it is done, failed or cancelled."""
        if self.lease == lease:
            self.lease, self.reported_before = "", self.reported

    def view(self, name: str, held: str, now_s: float) -> DeviceView:
        """Return its state now; `held`: the lease it was given, which no report may name yet."""
        state = DeviceState.WORKING if self.lease or held else DeviceState.IDLE
        return DeviceView(
            name,
            self.speed.per_s(now_s, self.frames),
            self.frames,
            self.uri,
            self.node,
            DeviceState.DRAINING if self.draining else state,
            self.lease or held,
            self.busy,
            self.chip_busy,
            *self._process(),
        )

    def _process(self) -> tuple[int, int, int]:
        last = self.last
        return (last.pid, last.memory_bytes, last.peak_memory_bytes) if last else (0, 0, 0)
