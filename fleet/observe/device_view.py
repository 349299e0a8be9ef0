"""What is known of one device of a run; pure, the time is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fleet.core.progress import Progress
from fleet.core.receipt import Receipt
from fleet.observe.speed import Speed

DEVICE_WINDOW_S = 20.0
"""A device's speed is that of its last seconds."""


class DeviceState(StrEnum):
    """What a device does; `DRAINING`: its machine goes away soon, it may be at work still."""

    WORKING = "working"
    IDLE = "idle"
    DRAINING = "draining"


@dataclass(frozen=True)
class DeviceView:
    """One device at one moment; `frames`: looked at since it joined, `uri`: the video it is in.

    `node`: its machine, empty where it was not told. `lease`: what it runs. `busy`: by stage, this
    machine's CPU seconds over the seconds of the last lease that it committed; empty before.
    """

    name: str
    frames_per_s: float
    frames: int
    uri: str
    node: str = ""
    state: DeviceState = DeviceState.IDLE
    lease: str = ""
    busy: Mapping[str, float] = field(default_factory=dict)


@dataclass
class DeviceTrack:
    """A device from event to event.

    `told`: frames, by its worker's last report; `past`: by earlier workers of its name;
    `committed`: in its receipts. `lease`: what it runs, and `base`: `told` when that began.
    """

    speed: Speed = field(default_factory=lambda: Speed(DEVICE_WINDOW_S))
    committed: int = 0
    told: int = 0
    past: int = 0
    lease: str = ""
    base: int = 0
    uri: str = ""
    node: str = ""
    draining: bool = False
    busy: Mapping[str, float] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """Frames since it joined: a commit may tell of some that no report told of."""
        return max(self.past + self.told, self.committed)

    def advance(self, told: Progress, now_s: float) -> None:
        """Take in what its worker tells."""
        if told.frames < self.told:
            # A new worker of the same name counts from 0.
            self.past += self.told
            self.told = self.base = 0
        if told.lease != self.lease:
            self.lease, self.base = told.lease, self.told
        self.told, self.uri = told.frames, told.uri
        self.speed.add(now_s, self.frames)

    def credit(self, lease: str, receipt: Receipt, now_s: float) -> None:
        """Take in what it committed of a lease."""
        tally = receipt.tally
        self.committed += tally.frames
        self.speed.add(now_s, self.frames)
        if tally.wall_s > 0:
            self.busy = {stage: spent_s / tally.wall_s for stage, spent_s in tally.host_s.items()}
        self.put_down(lease)

    def put_down(self, lease: str) -> None:
        """Have it be done with a lease, one way or the other."""
        if self.lease == lease:
            self.lease, self.base = "", self.told

    def view(self, name: str, held: str, now_s: float) -> DeviceView:
        """See it now; `held`: what it was handed, of which its worker may not tell yet."""
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
        )
