"""How far a run is, folded from its events; pure, the caller passes the time."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.progress import Progress
from fleet.core.receipt import Receipt
from fleet.core.run_events import (
    ELSEWHERE,
    BackupWasted,
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    DevicesAwaited,
    DevicesShared,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    LeaseSplit,
    LeaseStarted,
    LeaseTruncated,
    PlanGrew,
    RunEnded,
    RunEvent,
    RunStarted,
    VideoRefused,
    Warned,
)
from fleet.observe.device_view import DeviceTrack
from fleet.observe.lease_assignments import LeaseAssignments
from fleet.observe.snapshot import Snapshot
from fleet.observe.speed import Speed

RUN_WINDOW_S = 60.0
"""The time that is left is estimated by the speed of so many seconds."""

DeviceEvent = DeviceJoined | DeviceDraining | DeviceLost | Progress
LeaseEvent = (
    LeaseStarted
    | BackupWasted
    | LeaseDone
    | LeaseFailed
    | LeaseTruncated
    | LeaseSplit
    | LeaseQuarantined
)


class ProgressState:
    """How far a run is; changed only by `fold`.

    Events may come in any order, twice, or for leases and devices that are unknown: late reports of
    lost workers do. A lease counts once.
    """

    def __init__(self) -> None:
        self._plan = RunStarted("", 0, 0.0, 0, 0)
        self._start_s: float | None = None
        self._devices: dict[str, DeviceTrack] = {}
        self._gone: set[str] = set()
        self._assignments = LeaseAssignments()
        self._open: dict[str, LeaseStarted] = {}
        self._ended_leases: set[str] = set()
        self._cut_leases: set[str] = set()
        self._more_leases = 0
        self._video_s = 0.0
        self._frames = self._rows = self._losses = self._lost_frames = 0
        self._host_frames = 0
        self._refused = self._devices_lost = self._backups = 0
        self._wasted_s = 0.0
        self._speed = Speed(RUN_WINDOW_S)
        self._awaited = DevicesAwaited(0, 0)
        self._ended = False
        self._shared: DevicesShared | None = None
        self._device_s = self._held_until_s = 0.0

    @property
    def started(self) -> bool:
        """Whether the plan is known; before it there is nothing to show."""
        return self._start_s is not None

    def fold(self, event: RunEvent, now_s: float) -> None:
        """Add an event of the time `now_s`, in seconds of any steady clock."""
        match event:
            case RunStarted():
                self._plan, self._start_s = event, now_s
                self._speed = Speed(RUN_WINDOW_S)
            case PlanGrew(plan):
                self._plan = plan
            case VideoRefused() | Warned():
                self._refused += isinstance(event, VideoRefused)
            case RunEnded():
                self._ended = True
            case DevicesAwaited():
                self._awaited = event
            case DevicesShared():
                self._shared = event if event.jobs > 1 else None
            case DeviceJoined() | DeviceDraining() | DeviceLost() | Progress():
                self._fold_device(event, now_s)
            case _:
                self._fold_lease(event, now_s)
        if self._start_s is not None and self._speed.is_due(now_s):
            self._add_speed(now_s)

    def _held_s(self, now_s: float) -> float:
        return self._device_s + len(self._devices) * max(0.0, now_s - self._held_until_s)

    def _add_speed(self, now_s: float) -> None:
        # Only from the first frame on: how long devices take to start says nothing of the rest.
        here_s = self._here_s()
        if here_s > 0:
            self._speed.add(now_s, here_s)

    def _fold_device(self, event: DeviceEvent, now_s: float) -> None:
        self._device_s, self._held_until_s = self._held_s(now_s), now_s
        match event:
            case DeviceJoined(device, node):
                self._gone.discard(device)
                self._device(device, now_s).node = node
                # What was counted last holds until it is counted again: one of it has come.
                self._awaited = _without_one(self._awaited)
            case DeviceDraining(device):
                self._device(device, now_s).draining = True
            case DeviceLost(device, _, cause):
                self._devices_lost += cause != Cause.RELEASED
                self._devices.pop(device, None)
                self._gone.add(device)
                self._assignments.remove_device(device)
            case Progress():
                self._device(event.device, now_s).advance(event, now_s)

    def _fold_lease(self, event: LeaseEvent, now_s: float) -> None:
        match event:
            case LeaseStarted(device, lease):
                self._gone.discard(device)
                self._device(device, now_s)
                self._backups += event.backup
                if lease not in self._ended_leases:
                    self._open[lease] = event
                    self._assignments.assign(event)
            case LeaseDone(device, lease, receipt) | LeaseTruncated(device, lease, receipt):
                if device != ELSEWHERE:
                    self._device(device, now_s).credit(lease, receipt, now_s)
                self._count(receipt)
                if isinstance(event, LeaseTruncated):
                    self._cut(lease, pieces=2)
            case LeaseQuarantined(receipt):
                self._count(receipt)
            case LeaseFailed(device, lease):
                self._release(device, lease)
            case BackupWasted(device, lease, wall_s):
                self._wasted_s += wall_s
                self._release(device, lease)
            case LeaseSplit(lease, pieces):
                self._cut(lease, len(pieces))

    def _device(self, name: str, now_s: float) -> DeviceTrack:
        if name in self._gone:
            return DeviceTrack()  # what it said before it went is heard late: it is not there again
        if name not in self._devices:
            self._devices[name] = DeviceTrack()
            self._devices[name].speed.add(now_s, 0)
        return self._devices[name]

    def _release(self, name: str, lease: str) -> None:
        self._assignments.release(name, lease)
        if name in self._devices:
            self._devices[name].release(lease)

    def _cut(self, lease: str, pieces: int) -> None:
        self._settle(lease)
        if lease not in self._cut_leases:
            self._cut_leases.add(lease)
            self._more_leases += pieces - 1

    def _settle(self, lease: str) -> None:
        self._open.pop(lease, None)
        self._assignments.settle(lease)

    def _count(self, receipt: Receipt) -> None:
        if receipt.lease in self._ended_leases:
            return
        started = self._open.get(receipt.lease)
        # The assignment's name is held elsewhere too; a receipt's is a copy of it, one a lease.
        self._ended_leases.add(started.lease if started else receipt.lease)
        self._settle(receipt.lease)
        tally = receipt.tally
        self._video_s += tally.video_s
        self._frames += tally.frames
        self._rows += tally.rows
        self._losses += tally.errors
        self._lost_frames += tally.lost_frames
        self._host_frames += receipt.host_frames

    def _in_hand(self) -> dict[str, int]:
        """Return the frames done of each lease that is not committed yet; of a backup, the most."""
        frames: dict[str, int] = {}
        for device in self._devices.values():
            if device.lease in self._open:
                most = self._open[device.lease].frames
                done = min(device.lease_frames, most)
                frames[device.lease] = max(done, frames.get(device.lease, 0))
        return frames

    def _here_s(self) -> float:
        """Return the seconds of video that were done since the run began."""
        leases = ((self._open[lease], done) for lease, done in self._in_hand().items())
        in_hand_s = sum(lease.video_s * done / max(lease.frames, 1) for lease, done in leases)
        return min(self._video_s + in_hand_s, self._plan.video_s - self._plan.done_video_s)

    def snapshot(self, now_s: float) -> Snapshot:
        """Return the state at one moment."""
        plan = self._plan
        here_s = self._here_s()
        devices = tuple(
            device.view(name, self._assignments.running_on(name), now_s)
            for name, device in sorted(self._devices.items())
        )
        return Snapshot(
            elapsed_s=max(0.0, now_s - self._start_s) if self._start_s is not None else 0.0,
            video_s=min(plan.done_video_s + here_s, plan.video_s),
            video_total_s=plan.video_s,
            frames=plan.done_frames + self._frames + sum(self._in_hand().values()),
            frames_total=plan.frames,
            leases=plan.done_leases + len(self._ended_leases),
            leases_total=plan.leases + self._more_leases,
            frames_per_s=sum(device.frames_per_s for device in devices),
            devices=devices,
            left_s=self._left_s(now_s, here_s),
            rows=self._rows,
            losses=self._losses,
            lost_frames=self._lost_frames,
            refused=self._refused,
            devices_lost=self._devices_lost,
            ended=self._ended,
            backups=self._backups,
            host_frames=self._host_frames,
            wasted_s=self._wasted_s,
            awaited=self._awaited,
            device_s=self._held_s(now_s),
            shared=self._shared,
            looked_at=plan.looked_at,
            to_look=plan.to_look,
            lists_on=plan.lists_on,
        )

    def _left_s(self, now_s: float, here_s: float) -> float | None:
        plan = self._plan
        todo_s = plan.video_s - plan.done_video_s
        # Files that were not looked at yet are taken to be like those that were, also in what of
        # them is done; the speed is that of this run, which did nothing of what was done before.
        more_s = todo_s * plan.to_look / plan.looked_at if plan.looked_at else 0.0
        # Rounded, or what sums leave over would read as a stretch of video.
        left_s = max(0.0, round(todo_s - here_s + more_s, 6))
        if self._ended:
            return 0.0
        if left_s == 0:
            return None if plan.to_look or plan.lists_on else 0.0
        video_per_s = self._speed.per_s(now_s, here_s)
        return left_s / video_per_s if video_per_s > 0 else None


def _without_one(awaited: DevicesAwaited) -> DevicesAwaited:
    if awaited.opening:
        return replace(awaited, opening=awaited.opening - 1)
    return replace(awaited, unplaced=max(0, awaited.unplaced - 1))
