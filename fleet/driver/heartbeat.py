"""What a run says of itself, put into its output every few seconds while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Lock

from fleet.clock import Clock
from fleet.core.run_events import DevicesShared, PlanGrew, RunEvent, RunStarted
from fleet.errors import StorageError
from fleet.observe.device_view import DeviceState, DeviceView
from fleet.observe.progress import ProgressState
from fleet.observe.snapshot import Snapshot
from fleet.table.state.run_records import (
    HEARTBEAT_S,
    DeviceRecord,
    NodeRecord,
    RunRecord,
    RunRecords,
    ShareRecord,
)

ANSWERS_S = 10.0
"""A store that takes longer for a record of some kilobytes is away, or as good as that."""
MOST = 100
"""Devices and nodes that a record tells of one by one."""


class Heartbeat:
    """An observer that keeps a run's record up to date; `put` stores it, from any thread."""

    def __init__(self, runs: RunRecords, record: RunRecord, clock: Clock) -> None:
        self.record = record
        self._runs = runs
        self._clock = clock
        self._progress = ProgressState()
        self._lock = Lock()
        self._turn = Lock()
        self._is_put = False
        self._sent_s: float | None = None

    @property
    def is_put(self) -> bool:
        """Return whether the output took the record when it was last put.

        One that it has been about to take for longer than ANSWERS_S counts as refused.
        """
        sent_s = self._sent_s
        answers = sent_s is None or self._clock.steady_s() - sent_s <= ANSWERS_S
        return self._is_put and answers

    def on_event(self, event: RunEvent) -> None:
        """Take note of what happened just now; see Observer."""
        with self._lock:
            self._progress.fold(event, self._clock.steady_s())
            if isinstance(event, RunStarted | PlanGrew):
                plan = event.plan if isinstance(event, PlanGrew) else event
                self.record = replace(
                    self.record,
                    state="running",
                    videos=plan.videos,
                    video_s=plan.video_s,
                    frames=plan.frames,
                    leases=plan.leases,
                    to_look=plan.to_look,
                    lists_on=plan.lists_on,
                )

    def work_in(self, epoch: int) -> None:
        """Take note of the epoch that the run works in, and put that."""
        with self._lock:
            self.record = replace(self.record, epoch=epoch)
        self.put()

    def put(self, state: str = "") -> None:
        """Put the record as things are now, in another state where one is given.

        Raises StorageError where the store refuses.
        """
        # In turn, so that an older record does not replace a newer one; who tells of what happened
        # does not wait for the store.
        with self._turn:
            with self._lock:
                now = self._progress.snapshot(self._clock.steady_s())
                unix_s = self._clock.unix_s()
                self.record = _updated(self.record, now, state or self.record.state, unix_s)
                record = self.record
            self._sent_s = self._clock.steady_s()
            try:
                self._runs.put(record)
            except StorageError:
                self._is_put = False
                raise
            finally:
                self._sent_s = None
            self._is_put = True


def _updated(record: RunRecord, now: Snapshot, state: str, unix_s: float) -> RunRecord:
    nodes = _nodes(now.devices)
    return replace(
        record,
        state=state,
        updated_unix_s=unix_s,
        beats=record.beats + 1,
        done_video_s=now.video_s,
        done_frames=now.frames,
        done_leases=now.leases,
        leases=max(record.leases, now.leases_total),
        frames_per_s=now.frames_per_s,
        left_s=now.left_s,
        errors=now.losses,
        lost_frames=now.lost_frames,
        backups=now.backups,
        wasted_s=now.wasted_s,
        device_count=len(now.devices),
        devices_lost=now.devices_lost,
        devices_opening=now.awaited.opening,
        devices_unplaced=now.awaited.unplaced,
        devices=tuple(_device(device) for device in now.devices[:MOST]),
        node_count=len(nodes),
        nodes=tuple(nodes[:MOST]),
        device_s=round(now.device_s, 3),
        share=_share(now.shared),
    )


def _share(shared: DevicesShared | None) -> ShareRecord | None:
    if shared is None:
        return None
    return ShareRecord(shared.share, shared.of, shared.weight, shared.weights)


def _device(now: DeviceView) -> DeviceRecord:
    busy = {stage: round(share, 4) for stage, share in now.busy.items()}
    return DeviceRecord(
        now.name,
        now.frames,
        now.frames_per_s,
        now.uri,
        now.node,
        now.state,
        now.lease,
        busy,
        {engine: round(share, 4) for engine, share in now.chip_busy.items()},
        now.pid,
        now.memory_bytes,
        now.peak_memory_bytes,
    )


def _nodes(devices: Iterable[DeviceView]) -> list[NodeRecord]:
    by_node: dict[str, list[DeviceView]] = {}
    for device in devices:
        by_node.setdefault(device.node, []).append(device)
    return [
        NodeRecord(
            node,
            len(several),
            sum(device.state == DeviceState.WORKING for device in several),
            sum(device.state == DeviceState.DRAINING for device in several),
            sum(device.frames_per_s for device in several),
        )
        for node, several in sorted(by_node.items())
    ]


@contextmanager
def beating(beat: Heartbeat, clock: Clock, *also: Callable[[], None]) -> Iterator[None]:
    """Put a run's record every few seconds, by one background thread; on an error it says failed.

    `also`: what the same thread does each time. What the store refuses may come through the next
    time; who reads the record sees that it grows old.
    """

    def publish() -> None:
        for put in (beat.put, *also):
            with suppress(StorageError):
                put()

    beat.put()
    stop = clock.every(HEARTBEAT_S, publish, "heartbeat")
    state = "failed"
    try:
        yield
        state = ""
    except KeyboardInterrupt:
        state = "interrupted"
        raise
    finally:
        stop()
        if state:
            with suppress(StorageError):
                beat.put(state)
