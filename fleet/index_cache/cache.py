"""The one way to the index of a video: memory, then the store, then the video itself."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from typing import Protocol

from fleet.core.source import Source
from fleet.errors import StorageError, VideoError
from fleet.index_cache.looking import Seen, is_kept
from fleet.index_cache.store import IndexStore
from fleet.video.index import VideoIndex
from fleet.video.probe.mended import mended
from fleet.video.probe.sandbox import Probes

BYTES_HELD = 128_000_000
"""What the indexes that stay in memory take, about; others are read from the store."""
PACKET_BYTES = 64
"""What a packet takes, with what is worked out of it."""
INDEX_BYTES = 6000
"""What an index takes beside its packets: of a short clip, far more than these do."""


class Elsewhere(Protocol):
    """Others that look at videos, and put what they find out into the same store."""

    def wait_for(self, source: Source) -> Seen | None:
        """Wait while others look at a video; return what came of it, None where nobody has."""

    def missed(self) -> None:
        """Take note of a video that neither the store nor anybody else knows."""


class IndexCache:
    """The indexes of videos, each from the cheapest place; safe to use from several threads.

    Memory is asked first, then `store`. A video that neither knows is indexed by a child process
    (`fleet.video.probe.sandbox`), so that a hostile file ends that process and not the caller's;
    the result is added to the store. Up to `lines` videos are indexed at a time, by up to
    `processes` children. These are started when they are first needed, and again when they are
    needed after `close`. What others look at, see `elsewhere`, is waited for.
    """

    def __init__(
        self,
        store: IndexStore | None = None,
        lines: int = 1,
        *,
        processes: int = 1,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._store = store
        self._elsewhere = elsewhere
        self._probes = Probes(lines, max_processes=processes)
        self._lock = Lock()
        self._held: OrderedDict[Source, VideoIndex] = OrderedDict()
        self._bytes = 0

    def get(self, source: Source) -> VideoIndex:
        """Return the index of this version of a video.

        Raises VideoError where it has none, StorageError where the video cannot be read, and
        JobFailedError where no child process can be started.
        """
        with self._lock:
            index = self._held.get(source)
            if index is not None:
                self._held.move_to_end(source)
                return index
        seen = self._elsewhere.wait_for(source) if self._elsewhere else None
        found = self._find(source)
        if found is not None:
            index = replace(found, bytes_read=seen.bytes_read) if seen else found
        else:
            index = self._probe(source)
        self._hold(index)
        return index

    def at_hand(self, source: Source) -> VideoIndex | None:
        """Return the index where `get` would neither look at the video itself nor wait for others.

        Where others look at videos it is None, as `get` tells how much these have read.
        """
        if self._elsewhere:
            return None
        with self._lock:
            held = self._held.get(source)
        if held is not None:
            return held
        try:
            found = self._find(source)
        except VideoError:
            return None
        if found is not None:
            self._hold(found)
        return found

    def mend(self, source: Source) -> None:
        """Look at the whole file where the index was made of its header alone; see `mended`.

        Raises as `get`; VideoError also where what the file holds contradicts the index.
        """
        index = self.get(source)
        if index.origin == "scan":
            return
        better = mended(index, self._probes.index(source, whole=True))
        self._hold(better, anew=True)
        if self._store is not None:
            self._store.add(source, better)
            # It is known here; a run that finds it not kept mends it again.
            with suppress(StorageError):
                self._store.flush()

    def forget(self, source: Source) -> None:
        """Let the index of a video go, which is done; who asks for it all the same has it anew."""
        with self._lock:
            index = self._held.pop(source, None)
            if index is not None:
                self._bytes -= held_bytes(index)

    def close(self) -> None:
        """End the child processes."""
        self._probes.close()

    def _find(self, source: Source) -> VideoIndex | None:
        found = None if self._store is None else self._store.find(source)
        if isinstance(found, VideoError):
            raise found
        return found

    def _probe(self, source: Source) -> VideoIndex:
        if self._elsewhere:
            self._elsewhere.missed()
        try:
            index = self._probes.index(source)
        except VideoError as error:
            if self._store is not None and is_kept(error):
                self._store.add(source, error)
            raise
        if self._store is not None:
            self._store.add(source, index)
        return index

    def _hold(self, index: VideoIndex, *, anew: bool = False) -> None:
        """Hold an index; `anew`: in the place of the one that is held, which else stays."""
        with self._lock:
            before = self._held.get(index.source)
            if before is not None and not anew:
                return
            self._held[index.source] = index
            self._held.move_to_end(index.source)
            self._bytes += held_bytes(index) - (held_bytes(before) if before else 0)
            while self._bytes > BYTES_HELD and len(self._held) > 1:
                _, oldest = self._held.popitem(last=False)
                self._bytes -= held_bytes(oldest)


def held_bytes(index: VideoIndex) -> int:
    """Return what an index takes of this process's memory, about."""
    return INDEX_BYTES + PACKET_BYTES * len(index.packets)
