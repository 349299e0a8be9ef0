"""How far a run is at one moment, as views show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.core.run_events import DevicesAwaited, DevicesShared
from fleet.observe.device_view import DeviceView


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment; what earlier runs did counts in seconds, frames and leases."""

    elapsed_s: float
    """Seconds since the plan was made."""
    video_s: float
    """Seconds of video that are done."""
    video_total_s: float
    frames: int
    """Wanted frames that are done."""
    frames_total: int
    leases: int
    """Leases that are done."""
    leases_total: int
    frames_per_s: float
    """The speed of all devices in the last seconds."""
    devices: tuple[DeviceView, ...]
    left_s: float | None
    """The estimated seconds until the end; None while they are unknown."""
    rows: int
    """Rows of the job's table from this run."""
    losses: int
    """Rows of errors/ from this run."""
    lost_frames: int
    """Wanted frames that those losses cost."""
    refused: int
    """Videos that are refused."""
    devices_lost: int
    """Devices that are gone, those that were released left out."""
    ended: bool
    backups: int = 0
    """Leases that were given to a second device."""
    host_frames: int = 0
    """Frames of this run that the host decoded, as the chip refuses their videos."""
    wasted_s: float = 0.0
    """Seconds of devices on leases that another device ended first."""
    awaited: DevicesAwaited = field(default_factory=lambda: DevicesAwaited(0, 0))
    """Devices that do not take leases yet."""
    device_s: float = 0.0
    """Seconds of devices that the run has held, all of them added up."""
    shared: DevicesShared | None = None
    """What the run has of a cluster that it shares; None where it has it to itself."""
    looked_at: int = 0
    """How many files are planned."""
    to_look: int = 0
    """How many are yet to be looked at, of those that are listed."""
    lists_on: bool = False
    """Whether the inputs are listed on; where not, and none is to be looked at, the totals are
    those of all inputs."""

    @property
    def share(self) -> float:
        """The share of the seconds of video that is done, 0..1."""
        return self.video_s / self.video_total_s if self.video_total_s > 0 else float(self.ended)
