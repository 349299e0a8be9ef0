"""Many videos looked at beside the driver: what is found out is put as a batch of kept indexes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fleet.core.source import Source
from fleet.errors import StorageError, VideoError
from fleet.index_cache.batch import Batch, CachedResult, put_batch
from fleet.storage import Folder
from fleet.video.index import VideoIndex
from fleet.video.probe.connection import ProbeEndedError
from fleet.video.probe.sandbox import Probes
from fleet.video.probe.serialize import is_lasting


@dataclass(frozen=True)
class Seen:
    """What came of looking at a video."""

    bytes_read: int = 0
    """Bytes of it that were read."""


@dataclass(frozen=True)
class Looked:
    """What came of looking at some videos."""

    seen: tuple[Seen | None, ...]
    """Of each video, in their order; None of one of which nothing was found out that is kept.

    What failed here may be no matter of the video: this machine may lack a mount, or be too busy.
    """
    batch: Batch | None = None
    """The batch that was put, with the indexes and the lasting errors; None where there is none."""

    @property
    def count(self) -> int:
        """Of how many videos anything was found out."""
        return sum(item is not None for item in self.seen)

    @property
    def is_good(self) -> bool:
        """Whether anything was found out of most of them; else the machine may be at fault."""
        return 2 * self.count > len(self.seen)


def is_kept(error: VideoError) -> bool:
    """Return whether why a video has no index is kept: it fails alike each time it is looked at.

    Something else may have ended the child, so the next run tries such a video again.
    """
    return is_lasting(error) and not isinstance(error.__cause__, ProbeEndedError)


class Looker:
    """Looks at videos in child processes, many at a time, and puts what it finds out."""

    def __init__(self, folder: Folder, lines: int, processes: int) -> None:
        """Take the folder of the kept indexes; see `IndexCache` for the others."""
        self._folder = folder
        self._probes = Probes(lines, max_processes=processes)
        self._threads = ThreadPoolExecutor(lines, thread_name_prefix="headers")
        self.looks = 0
        """How many videos were looked at so far."""

    def look(self, sources: Sequence[Source]) -> Looked:
        """Look at some videos, and put what is found out before it is told.

        Raises StorageError where it cannot be put, JobFailedError where no child can be started.
        """
        found = list(self._threads.map(self._look, sources))
        entries: list[tuple[Source, CachedResult]] = []
        seen: list[Seen | None] = []
        for source, result in zip(sources, found, strict=True):
            if isinstance(result, VideoIndex):
                seen.append(Seen(result.bytes_read))
            elif isinstance(result, VideoError) and is_kept(result):
                seen.append(Seen())
            else:
                seen.append(None)
                continue
            entries.append((source, result))
        batch = put_batch(self._folder, entries)[0] if entries else None
        return Looked(tuple(seen), batch)

    def _look(self, source: Source) -> CachedResult | StorageError:
        try:
            return self._probes.index(source)
        except (VideoError, StorageError) as error:
            return error
        finally:
            self.looks += 1

    def close(self) -> None:
        """End the child processes."""
        self._threads.shutdown(cancel_futures=True)
        self._probes.close()
