"""Events of a run as tests of progress tell them, and what they are folded into."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.core.fault import Fault
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    LeaseDone,
    LeaseStarted,
    RunEvent,
    RunStarted,
)
from fleet.observe.progress import ProgressState

PLAN = RunStarted("out", videos=3, video_s=1000, frames=25000, leases=10)
FAULT = Fault("vdec", 507, "BrokenVideo", "broken", retryable=False)


Story = list[tuple[float, RunEvent]]


def receipt_of(
    lease: str, frames: int = 2500, video_s: float = 100, device: str = "npu-0"
) -> Receipt:
    """Make a receipt with a row a frame."""
    return Receipt(lease, (), (), Tally(frames=frames, video_s=video_s, rows=frames), device)


def done(lease: str, device: str = "npu-0", frames: int = 2500) -> LeaseDone:
    """A lease of 100 s of video is committed."""
    return LeaseDone(device, lease, receipt_of(lease, frames, device=device))


def started(lease: str, device: str = "npu-0") -> LeaseStarted:
    """A lease of 100 s of video is handed out."""
    return LeaseStarted(device, lease, video_s=100, frames=2500)


def at(device: str, lease: str, frames: int) -> Progress:
    """Where a device stands, in frames since it started."""
    return Progress(device, lease, "in/town.mp4", frames, 0.0)


def folded(events: Sequence[tuple[float, RunEvent]]) -> ProgressState:
    """Fold events, each at its time."""
    state = ProgressState()
    for now_s, event in events:
        state.fold(event, now_s)
    return state
