"""What commands read of videos, and the processes that look at videos for them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleet.core.source import Source
from fleet.storage import Reader
from fleet.video.containers.reader import RangeReader
from fleet.video.index import VideoIndex
from fleet.video.probe.probe import probe
from fleet.video.probe.sandbox import Probes


class Looks:
    """The videos that were looked at, by file name; each is looked at in this process."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @classmethod
    def watch(cls, monkeypatch: pytest.MonkeyPatch) -> Looks:
        """Stand in for the process that looks at videos."""
        watched = cls()
        monkeypatch.setattr(Probes, "index", watched)
        return watched

    def __call__(self, source: Source) -> VideoIndex:
        """Look, and note it."""
        self.names.append(Path(source.uri).name)
        return probe(source, Reader(source))

    def taken(self) -> list[str]:
        """Return what was looked at since the last call."""
        names, self.names = sorted(self.names), []
        return names


@dataclass
class Reads:
    """Every range that is read of a video, by whatever part of Fleet: URI, offset, end."""

    ranges: list[tuple[str, int, int]] = field(default_factory=list)

    @classmethod
    def watch(cls, monkeypatch: pytest.MonkeyPatch) -> Reads:
        """Note what is read from now on."""
        reads, read = cls(), Reader.read

        def noted(reader: Reader, offset: int, length: int) -> bytes:
            reads.ranges.append((reader.source.uri, offset, offset + length))
            return read(reader, offset, length)

        monkeypatch.setattr(Reader, "read", noted)
        return reads

    def before(self, offset: int) -> list[tuple[str, int, int]]:
        """Return the reads that touch a byte in front of `offset`."""
        return [read for read in self.ranges if read[1] < offset]


def is_running(process: int) -> bool:
    """Return whether a process has not been ended or stopped yet."""
    try:
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "TZX"


def strike(processes: list[int], how: signal.Signals) -> None:
    """Send a signal to processes, and wait until it has reached them."""
    for process in filter(is_running, processes):
        # A thread that waits for it to end may be quicker.
        with suppress(ProcessLookupError):
            os.kill(process, how)
        while is_running(process):
            time.sleep(0.01)


class Striking:
    """A video that strikes the process which asks for its bytes, as one that exploits a bug would.

    It strikes at its first `times` reads; None: at each. `ended`: the processes that were struck.
    """

    def __init__(
        self, reader: RangeReader, probes: Probes, how: signal.Signals, times: int | None = None
    ) -> None:
        self._reader = reader
        self._probes = probes
        self._how = how
        self._times = times
        self.ended: list[int] = []

    @property
    def size(self) -> int:
        """Return the bytes in the file."""
        return self._reader.size

    def read(self, offset: int, length: int) -> bytes:
        """Strike all processes there are, so the one that asks too; then read."""
        if self._times is None or self._times > 0:
            self._times = self._times and self._times - 1
            running = [process for process in self._probes.processes if is_running(process)]
            self.ended += running
            strike(running, self._how)
        return self._reader.read(offset, length)


def strike_from_now_on(monkeypatch: pytest.MonkeyPatch) -> list[Striking]:
    """Make every video a Striking one; return the list that they are added to."""
    struck: list[Striking] = []
    probe_apart = Probes.probe

    def probe_striking(
        probes: Probes, source: Source, reader: RangeReader, *, whole: bool
    ) -> VideoIndex:
        struck.append(Striking(reader, probes, signal.SIGSEGV))
        return probe_apart(probes, source, struck[-1], whole=whole)

    monkeypatch.setattr(Probes, "probe", probe_striking)
    return struck
