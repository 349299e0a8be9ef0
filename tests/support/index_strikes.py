"""A run whose headers are looked at by a cluster, of which a node goes as soon as it has some."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from index_hands import PATIENCE_S
from recorded import write_grays

from fleet.core.run_events import DeviceLost, Event
from fleet.core.source import Source
from fleet.driver.preparing import index_leases, prepare
from fleet.executors.index_pool import IndexLeaseDone
from fleet.executors.ray import index_pool
from fleet.executors.ray.index_pool import RayIndexPool
from fleet.plan import index_leases as cutting
from fleet.plan.index_leases import IndexLease
from fleet.storage import Reader
from fleet.video.index import VideoIndex
from fleet.video.probe.probe import probe
from fleet.video.probe.sandbox import Probes

CLIPS = 24


def write_clips(folder: Path) -> Path:
    """Write clips of forty frames; return their folder."""
    folder.mkdir()
    first = write_grays(folder / "00.mp4")
    for number in range(1, CLIPS):
        shutil.copy(first, folder / f"{number:02}.mp4")
    return folder


class IndexStrike:
    """What a run is to go through; `had`: the leases that the node had which is gone.

    `here`: the videos that the driver looked at itself, which it does not do before the node is
    gone: so there is something left for the others.
    """

    def __init__(self, node: Any, remove: Callable[[Any], None]) -> None:
        self.told: list[Event] = []
        self.had: list[str] = []
        self.here: list[str] = []
        self._node = node
        self._remove = remove
        self._gone = threading.Event()

    @property
    def lost(self) -> list[DeviceLost]:
        """The processes that were lost."""
        return [event for event in self.told if isinstance(event, DeviceLost)]

    @property
    def done(self) -> list[IndexLeaseDone]:
        """The leases that were done."""
        return [event for event in self.told if isinstance(event, IndexLeaseDone)]

    def set_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have leases be few files, and the cluster be asked for the first file."""
        monkeypatch.setattr(index_leases, "MISSES", 1)
        monkeypatch.setattr(cutting, "HEADERS_A_WORKER", 1)
        monkeypatch.setattr(cutting, "FIRST_HEADERS", 4)
        monkeypatch.setattr(prepare, "LOOKED_AHEAD", 1)
        monkeypatch.setattr(Probes, "index", self._look)
        monkeypatch.setattr(index_pool, "RayIndexPool", self._pool)

    def _look(self, source: Source) -> VideoIndex:
        self.here.append(source.uri)
        assert self._gone.wait(PATIENCE_S), "the node was given nothing to look at"
        return probe(source, Reader(source))

    def _pool(self, folder: str) -> RayIndexPool:
        strike = self

        class Struck(RayIndexPool):
            def apply(self, device: str, lease: IndexLease) -> None:
                super().apply(device, lease)
                if self._seats[device].node == strike._node.node_id:
                    strike.had.append(lease.id)
                    if not strike._gone.is_set():
                        strike._remove(strike._node)
                        strike._gone.set()

            def poll(self, timeout_s: float) -> list[Event]:
                events = super().poll(timeout_s)
                strike.told.extend(events)
                return events

        return Struck(folder)
