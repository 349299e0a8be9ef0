"""A run's word about itself, put into its output every few seconds while it lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Lock, Thread

from fleet.core.run_events import Observer, RunEvent, RunStarted
from fleet.errors import StorageError
from fleet.observe.device_view import DeviceState, DeviceView
from fleet.observe.progress import ProgressState, Snapshot
from fleet.storage import Folder
from fleet.table.state.run_records import DeviceRecord, NodeRecord, RunRecord, put_run_record

MOST = 100
"""Devices and nodes that a note tells of one by one."""
EVERY_S = 5.0


class Heartbeat:
    """Watches a run, passes on what it sees, and keeps its note in the output up to date.

    `check` is asked at every event; it raises JobFailedError to end the run, where another one has
    taken over the output.
    """

    def __init__(
        self, folder: Folder, note: RunRecord, inner: Observer, check: Callable[[], None]
    ) -> None:
        self.note = note
        self._folder = folder
        self._inner = inner
        self._check = check
        self._progress = ProgressState()
        self._lock = Lock()
        self._turn = Lock()
        self._end = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def on_event(self, event: RunEvent) -> None:
        """Take note of what happened just now; see Observer."""
        self._check()
        with self._lock:
            self._progress.fold(event, time.monotonic())
            if isinstance(event, RunStarted):
                self.note = replace(
                    self.note,
                    state="running",
                    videos=event.videos,
                    video_s=event.video_s,
                    frames=event.frames,
                    leases=event.leases,
                )
        self._inner.on_event(event)
        if isinstance(event, RunStarted):
            self.put()

    def start(self) -> None:
        """Put the first note, and go on doing so."""
        self.put()
        self._thread.start()

    def _beat(self) -> None:
        while not self._end.wait(EVERY_S):
            # The next one may come through; whoever reads notes sees how old they are.
            with suppress(StorageError):
                self.put()

    def put(self, state: str = "") -> None:
        """Put the note as things stand now, in another state where one is given."""
        # In turn, so that an older note does not replace a newer one; whoever tells of what
        # happened is not to wait for the store.
        with self._turn:
            with self._lock:
                now = self._progress.snapshot(time.monotonic())
                self.note = note = _noted(self.note, now, state or self.note.state)
            put_run_record(self._folder, note)

    def end(self) -> None:
        """Put no more notes."""
        self._end.set()
        self._thread.join()


def _noted(note: RunRecord, now: Snapshot, state: str) -> RunRecord:
    nodes = _nodes(now.devices)
    return replace(
        note,
        state=state,
        updated_unix_s=time.time(),
        done_video_s=now.video_s,
        done_frames=now.frames,
        done_leases=now.leases,
        leases=max(note.leases, now.leases_total),
        frames_per_s=now.frames_per_s,
        left_s=now.left_s,
        errors=now.losses,
        lost_frames=now.lost_frames,
        backups=now.backups,
        wasted_s=now.wasted_s,
        device_count=len(now.devices),
        devices_lost=now.devices_lost,
        devices=tuple(_device(device) for device in now.devices[:MOST]),
        node_count=len(nodes),
        nodes=tuple(nodes[:MOST]),
    )


def _device(now: DeviceView) -> DeviceRecord:
    busy = {stage: round(share, 4) for stage, share in now.busy.items()}
    return DeviceRecord(
        now.name, now.frames, now.frames_per_s, now.uri, now.node, now.state, now.lease, busy
    )


def _nodes(devices: Iterable[DeviceView]) -> list[NodeRecord]:
    by_node: dict[str, list[DeviceView]] = {}
    for device in devices:
        by_node.setdefault(device.node, []).append(device)
    return [
        NodeRecord(
            node,
            len(there),
            sum(device.state == DeviceState.WORKING for device in there),
            sum(device.state == DeviceState.DRAINING for device in there),
            sum(device.frames_per_s for device in there),
        )
        for node, there in sorted(by_node.items())
    ]


@contextmanager
def heartbeat(
    folder: Folder, note: RunRecord, inner: Observer, check: Callable[[], None]
) -> Iterator[Heartbeat]:
    """Keep a note of a run for as long as the context lasts; on an error it says failed."""
    beat = Heartbeat(folder, note, inner, check)
    beat.start()
    state = "failed"
    try:
        yield beat
        state = ""
    except KeyboardInterrupt:
        state = "interrupted"
        raise
    finally:
        beat.end()
        if state:
            with suppress(StorageError):
                beat.put(state)
