"""Noting what the indexes of videos say while a run looks at them, for the table of videos."""

from __future__ import annotations

from collections.abc import Callable

from fleet.core.source import Source
from fleet.errors import CredentialsRefusedError, StorageError, VideoError
from fleet.table.parts.videos import DescribedVideo, decoder_of
from fleet.table.state.video_table import VideoTable
from fleet.video.facts import facts_of
from fleet.video.index import VideoIndex
from fleet.video.start import NO_START, StartRule, video_start
from fleet.video.stream import StreamInfo


class VideoNotes:
    """Notes what videos are; from several threads at once."""

    def __init__(
        self,
        known: VideoTable,
        is_for_chip: Callable[[StreamInfo], bool],
        start_rule: StartRule = NO_START,
    ) -> None:
        """`known`: what the table says. `is_for_chip`: whether the chip decodes a stream.

        `start_rule`: how the start of a video is read from its path.
        """
        self._known = known
        self._start_rule = start_rule
        self._is_for_chip = is_for_chip
        self._noted: dict[Source, DescribedVideo] = {}

    @property
    def described(self) -> tuple[DescribedVideo, ...]:
        """Return what was noted."""
        return tuple(self._noted.values())

    def clear(self) -> None:
        """Forget what was noted."""
        self._noted.clear()

    def note(self, index: VideoIndex, decoded_by: str | None) -> None:
        """Note what a video is; `decoded_by`: see DescribedVideo."""
        source = index.source
        start = video_start(source.uri, self._start_rule, index.stream)
        self._noted[source] = DescribedVideo(source, facts_of(index, start), decoded_by)

    def note_done(self, source: Source, look: Callable[[Source], VideoIndex]) -> None:
        """Note what a video is that is done and of which the table says nothing yet.

        Where it cannot be looked at any more, nothing is noted: its rows stay all the same.
        """
        if self._known.knows(source):
            return
        try:
            index = look(source)
        except CredentialsRefusedError:
            raise
        except (VideoError, StorageError):
            return
        self.note(index, decoder_of(index.stream, on_host=not self._is_for_chip(index.stream)))
