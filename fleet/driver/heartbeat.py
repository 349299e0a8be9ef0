"""A run's word about itself, put into its output every few seconds while it lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Lock, Thread

from fleet.errors import StorageError
from fleet.observe.events import Observer, RunEvent, RunStarted
from fleet.observe.progress import ProgressState
from fleet.output.runs import DeviceNote, RunNote, put_note
from fleet.storage import Folder

MOST_DEVICES = 100
EVERY_S = 5.0


class Heartbeat:
    """Watches a run, passes on what it sees, and keeps its note in the output up to date.

    `check` is asked at every event; it raises JobFailed to end the run, where another one has
    taken over the output.
    """

    def __init__(
        self, folder: Folder, note: RunNote, inner: Observer, check: Callable[[], None]
    ) -> None:
        self.note = note
        self._folder = folder
        self._inner = inner
        self._check = check
        self._progress = ProgressState()
        self._lock = Lock()
        self._end = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def see(self, event: RunEvent) -> None:
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
        self._inner.see(event)
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
        with self._lock:
            now = self._progress.snapshot(time.monotonic())
            self.note = replace(
                self.note,
                state=state or self.note.state,
                updated_unix_s=time.time(),
                done_video_s=now.video_s,
                done_frames=now.frames,
                frames_per_s=now.frames_per_s,
                left_s=now.left_s,
                device_count=len(now.devices),
                devices_lost=now.devices_lost,
                devices=tuple(
                    DeviceNote(device.name, device.frames, device.frames_per_s, device.uri)
                    for device in now.devices[:MOST_DEVICES]
                ),
            )
            put_note(self._folder, self.note)

    def end(self) -> None:
        """Put no more notes."""
        self._end.set()
        self._thread.join()


@contextmanager
def heartbeat(
    folder: Folder, note: RunNote, inner: Observer, check: Callable[[], None]
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
