"""Look at one video: its index, whether it is decoded and by what, what is left to do of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.figures.footprint import Terms, decoding, given_bytes
from fleet.ascend.soc import Soc
from fleet.ascend.stream_rules import (
    check_host_stream,
    check_stream,
    is_for_chip,
    is_for_host,
)
from fleet.core.interval_set import DoneIntervals
from fleet.core.source import Source
from fleet.core.wall_time import WallTime
from fleet.driver.preparing.alike import OfStream
from fleet.driver.preparing.prepared import Known, Refusal, whole
from fleet.driver.preparing.streams import choose_streams, further_streams
from fleet.errors import (
    CredentialsRefusedError,
    StorageError,
    StreamRefusedError,
    VideoError,
)
from fleet.index_cache.cache import IndexCache
from fleet.plan.cost import CostModel
from fleet.plan.shard import VideoWork, video_work
from fleet.table.parts.videos import decoder_of
from fleet.table.state.video_manifest import Video
from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling
from fleet.video.start import video_start
from fleet.video.stream import StreamInfo


class Examiner:
    """Looks at videos, for `prepare`; from several threads at once."""

    def __init__(
        self,
        indexes: IndexCache,
        sample: Sampling,
        soc: Soc,
        known: Known,
        *,
        as_stored: bool,
    ) -> None:
        self._indexes = indexes
        self._sample = sample
        self._soc = soc
        self._known = known
        self._as_stored = as_stored
        self._streams = further_streams(known.videos)
        self._is_for_chip = OfStream(partial(is_for_chip, soc))
        self._held = OfStream(partial(_held_on_chip, soc))

    def is_quick(self, source: Source) -> bool:
        """Return whether looking at a file waits for nothing, as all is known that it takes."""
        if self._known.is_done(source):
            return False  # Its index is not needed, and may not be kept.
        index = self._indexes.at_hand(source)
        # Of a file's other streams, the indexes may not be kept.
        return index is not None and "," not in index.stream.beside

    def examine_all(self, source: Source) -> tuple[list[Outcome], int]:
        """Look at all video streams of a file that are taken; return how many are not, too."""
        known, found = self._known, self._examine(source)
        if isinstance(found, Video):
            uris = self._streams.get(source.uri, ())
            others = (Source(uri, source.bytes, source.etag) for uri in uris)
            return [found, *map(self._examine, others)], 0
        if isinstance(found, Refusal) and not isinstance(found.error, StreamRefusedError):
            return [found], 0
        stream = self._indexes.get(source).stream
        on_host = known.fallback == "cpu"
        taken = choose_streams(source, stream, known.streams, on_host=on_host)
        further = [self._examine(other) for other in taken.further]
        return [found][: taken.itself] + further, taken.left

    def _look(self, source: Source) -> tuple[VideoIndex, NDArray[np.bool_]]:
        index = self._indexes.get(source)
        index = index.as_stored() if self._as_stored else index
        return index, self._sample.wanted(index)

    def _held_bytes(
        self, source: Source, stream: StreamInfo, *, on_host: bool
    ) -> tuple[Terms, int]:
        """Return what decoding takes of a device's memory, and a picture as the job gets it."""
        if not on_host and stream.jpeg is None:
            # Of a still, what decoding takes depends on how large its file is.
            return self._held(stream)
        terms = decoding(self._soc, stream, source.bytes, on_host=on_host)
        return terms, given_bytes(self._soc, stream, on_host=on_host)

    def _is_on_host(self, index: VideoIndex) -> bool:
        return not self._is_for_chip(index.stream) and _is_on_host(self._soc, index, self._known)

    def _note(self, source: Source, decoded_by: str | None) -> None:
        if self._known.notes:
            self._known.notes.note(self._indexes.get(source), decoded_by)

    def _examine(self, source: Source) -> Outcome:
        known = self._known
        before = known.videos.get(source.uri)
        if before is not None and known.is_done(source):
            if known.notes:
                known.notes.note_done(source, self._indexes.get)
            return before
        try:
            index, wanted = self._look(source)
            on_host = self._is_on_host(index)
            self._note(source, decoder_of(index.stream, on_host=on_host))
        except CredentialsRefusedError:
            raise
        except StreamRefusedError as error:
            self._note(source, None)
            for_host_s = index.duration_s * is_for_host(self._soc, index.stream)
            return Refusal(source, error, for_host_s, self._start(source, index.stream))
        except (VideoError, StorageError) as error:
            return Refusal(source, error, start=self._start(source, None))
        done = known.done
        if on_host and known.retries and done.has(whole(source)):
            done = DoneIntervals([])
        # Works outlive this call: one whose index has left the memory asks the cache again.
        look_again = partial(self._look, source)
        decoding_bytes, picture_bytes = self._held_bytes(source, index.stream, on_host=on_host)
        work = video_work(
            index,
            wanted,
            done,
            CostModel(),
            look_again,
            forget=partial(self._indexes.forget, source),
            on_host=on_host,
            video_start=self._start(source, index.stream),
            decoding_bytes=decoding_bytes,
            picture_bytes=picture_bytes,
        )
        return Todo(work, _video(index, wanted), index.bytes_read)

    def _start(self, source: Source, stream: StreamInfo | None) -> WallTime:
        return video_start(source.uri, self._known.start_rule, stream)


@dataclass(frozen=True)
class Todo:
    """A video that is not refused, and what is left to do of it."""

    work: VideoWork
    video: Video
    bytes_read: int


Outcome = Video | Todo | Refusal


def _held_on_chip(soc: Soc, stream: StreamInfo) -> tuple[Terms, int]:
    """Return what `Examiner` tells of a stream, but a still, that the chip decodes."""
    terms = decoding(soc, stream, source_bytes=0, on_host=False)
    return terms, given_bytes(soc, stream, on_host=False)


def _is_on_host(soc: Soc, index: VideoIndex, known: Known) -> bool:
    """Return whether the host is to decode a video; raise where neither it nor the chip does.

    A video that another run does, or of which some rows are there already, goes on as it was begun,
    whatever this run's own `fallback`: recorded as refused, it would be covered twice.
    """
    source = index.source
    try:
        check_stream(soc, index.stream, source.uri)
    except StreamRefusedError:
        done = len(known.done.spans(source.uri, source.etag)) > 0
        begun = source.uri in known.at_work or (done and not known.done.has(whole(source)))
        if known.fallback == "cpu" or begun:
            check_host_stream(soc, index.stream, source.uri)
            return True
        raise
    return False


def _video(index: VideoIndex, wanted: NDArray[np.bool_]) -> Video:
    source, bounds = index.source, index.bounds
    return Video(
        source.uri,
        source.bytes,
        source.etag,
        int(bounds[0]),
        int(bounds[-1]),
        index.duration_s,
        int(wanted.sum()),
    )


def video_of(outcome: Outcome) -> Video:
    """Return the row of the video manifest that an outcome means."""
    if isinstance(outcome, Video):
        return outcome
    if isinstance(outcome, Todo):
        return outcome.video
    source, error = outcome.source, outcome.error
    unread = error.message if error.retryable else ""
    return Video(source.uri, source.bytes, source.etag, refused=not unread, unread=unread)
