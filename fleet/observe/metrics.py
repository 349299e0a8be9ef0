"""Fold the events of a run into values of its metrics (`fleet.observe.metric`); pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet.core.receipt import Receipt
from fleet.core.run_events import (
    ELSEWHERE,
    BackupWasted,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    LeaseSplit,
    LeaseStarted,
    LeaseTruncated,
    OutputRefused,
    PlanGrew,
    RunEvent,
    RunStarted,
    VideoRefused,
)
from fleet.observe import metric as known
from fleet.observe.device_view import DeviceState
from fleet.observe.lease_assignments import LeaseAssignments
from fleet.observe.metric import DIGEST_DIGITS, RUN_LABELS, Metric
from fleet.text import ascii_label


@dataclass(frozen=True)
class Sample:
    """One value of a metric."""

    metric: Metric
    value: float
    """What a counter grew by, what a gauge is now, or one observation of a histogram."""
    labels: Mapping[str, str]


class RunMetrics:
    """The values of a run's metrics since the last `drain`; changed only by `fold` and `drain`.

    A lease counts once, however often and by whichever device it is reported. A lease that another
    run on the same output did counts in that run. So the frames of all runs on an output add up to
    the rows of its frames/, unless two runs that share it did the same lease at the same time.
    """

    def __init__(self) -> None:
        self._plan: RunStarted | None = None
        self._grown: dict[tuple[Metric, str], float] = {}
        self._lease_s: list[float] = []
        self._assignments = LeaseAssignments()
        self._devices: dict[str, bool] = {}
        self._counted: set[str] = set()
        self._elsewhere: set[str] = set()
        self._cut_leases: set[str] = set()
        self._more_leases = 0
        self._output_waits = False

    def fold(self, event: RunEvent) -> None:
        """Add an event."""
        match event:
            case RunStarted() | PlanGrew():
                self._plan = event.plan if isinstance(event, PlanGrew) else event
            case VideoRefused():
                self._grow(known.REFUSED)
            case LeaseStarted():
                self._start(event)
            case LeaseDone() | LeaseTruncated():
                self._end(event)
            case LeaseQuarantined(receipt):
                self._grow(known.GIVEN_UP)
                self._count(receipt)
            case LeaseFailed(device, lease, fault):
                self._grow(known.FAILED, 1, fault.stage)
                self._assignments.release(device, lease)
            case BackupWasted(device, lease, wall_s):
                self._grow(known.BACKUPS_LOST)
                self._grow(known.WASTED, wall_s)
                self._assignments.release(device, lease)
            case LeaseSplit(lease, pieces):
                self._cut(lease, len(pieces))
            case _:
                self._fold_state(event)

    def _fold_state(self, event: RunEvent) -> None:
        """Add an event that says how devices or the output are now."""
        match event:
            case OutputRefused():
                self._output_waits = event.waits
            case DeviceJoined(device):
                self._grow(known.JOINED)
                self._devices[device] = False
            case DeviceDraining(device):
                self._grow(known.NOTICES, not event.given_back)
                self._devices[device] = True
            case DeviceLost(device, _, cause):
                self._grow(known.LEFT, 1, cause)
                self._devices.pop(device, None)
                self._assignments.remove_device(device)

    def _start(self, started: LeaseStarted) -> None:
        if started.backup:
            self._grow(known.BACKUPS)
        if started.lease not in self._counted and started.lease not in self._elsewhere:
            self._assignments.assign(started)

    def _end(self, event: LeaseDone | LeaseTruncated) -> None:
        if event.device == ELSEWHERE:
            self._assignments.settle(event.lease)
            self._elsewhere.add(event.lease)
            return
        self._elsewhere.discard(event.lease)
        if self._count(event.receipt):
            self._grow(known.DONE)
            self._lease_s.append(event.receipt.tally.wall_s)
        if isinstance(event, LeaseTruncated):
            self._cut(event.lease, 2)

    def _cut(self, lease: str, pieces: int) -> None:
        self._assignments.settle(lease)
        if lease not in self._cut_leases:
            self._cut_leases.add(lease)
            self._more_leases += pieces - 1
            self._grow(known.CUT)

    def _count(self, receipt: Receipt) -> bool:
        """Count a committed lease; return whether it was not counted before."""
        if receipt.lease in self._counted:
            return False
        self._counted.add(receipt.lease)
        self._assignments.settle(receipt.lease)
        tally = receipt.tally
        self._grow(known.FRAMES, tally.frames)
        self._grow(known.LOST_FRAMES, tally.lost_frames)
        self._grow(known.ROWS, tally.rows)
        self._grow(known.VIDEO, tally.video_s)
        self._grow(known.READ, tally.bytes_read)
        self._grow(known.ERRORS, tally.errors)
        for stage, spent_s in tally.host_s.items():
            self._grow(known.HOST, spent_s, stage)
        for engine, modelled_s in tally.chip_s.items():
            self._grow(known.CHIP, modelled_s, engine)
        return True

    def _grow(self, metric: Metric, value: float = 1, label: str = "") -> None:
        self._grown[metric, label] = self._grown.get((metric, label), 0) + value

    def drain(self) -> list[Sample]:
        """Return what was added since the last call, and all gauges; nothing before the plan.

        Gauges are returned each time, because Ray drops one that was not set for two of its report
        intervals (`ray._private.telemetry.open_telemetry_metric_recorder`).
        """
        if self._plan is None:
            return []
        labels = (self._plan.job[:DIGEST_DIGITS], ascii_label(self._plan.output))
        run = dict(zip(RUN_LABELS, labels, strict=True))
        values = [*self._take(), *self._gauges(self._plan)]
        return [
            Sample(metric, value, run | ({metric.label: label} if metric.label else {}))
            for metric, label, value in values
        ]

    def _take(self) -> Iterator[tuple[Metric, str, float]]:
        grown, self._grown = self._grown, {}
        observed, self._lease_s = self._lease_s, []
        for (metric, label), by in grown.items():
            names = (metric, known.FORMER[metric]) if metric in known.FORMER else (metric,)
            yield from ((name, label, by) for name in names if by > 0)
        yield from ((known.LEASE_TIME, "", lease_s) for lease_s in observed)

    def _gauges(self, plan: RunStarted) -> Iterator[tuple[Metric, str, float]]:
        held = self._assignments
        ended = plan.done_leases + len(self._counted) + len(self._elsewhere)
        waiting = plan.leases + self._more_leases - ended - held.leases
        yield known.LEASES, "waiting", max(0, waiting)
        yield known.LEASES, "running", held.running
        yield known.LEASES, "ahead", held.ahead
        states = Counter(self._state(device) for device in self._devices)
        yield from ((known.DEVICES, state, states[state]) for state in DeviceState)
        yield known.WANTED, "", plan.frames
        yield known.BEFORE, "", plan.done_frames
        yield known.WAITS, "", float(self._output_waits)

    def _state(self, device: str) -> DeviceState:
        if self._devices[device]:
            return DeviceState.DRAINING
        return DeviceState.WORKING if self._assignments.running_on(device) else DeviceState.IDLE
