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
    error: VideoError | None = None
    """Why it has no index, where that is not kept; None else."""


@dataclass(frozen=True)
class Looked:
    """What came of looking at some videos."""

    seen: tuple[Seen | None, ...]
    """Of each video, in their order; None of one that could not be read."""
    batch: Batch | None = None
    """The batch that was put, with the indexes and the lasting errors; None where there is none."""


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
            if isinstance(result, StorageError):
                seen.append(None)
            elif isinstance(result, VideoError) and not is_kept(result):
                seen.append(Seen(error=result))
            else:
                entries.append((source, result))
                seen.append(Seen(result.bytes_read if isinstance(result, VideoIndex) else 0))
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
