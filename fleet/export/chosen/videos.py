"""What is known of the videos of an output: from its table of videos, else from their indexes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.core.source import Source
from fleet.export.chosen.video import Video
from fleet.show.video import chip_of, kept_indexes, recorded_index
from fleet.table.parts.schema import VIDEOS_TABLE, columns_from_path
from fleet.table.state.read import Tables
from fleet.video.index import VideoIndex

_FACTS = ("etag", "width", "height", "stored_width", "stored_height", "fps")


class VideoFinder:
    """Finds out about the videos of one output, which is only read; `close` ends its child."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._as_stored = tables.job.fields.get("rotation") == "ignore"
        self._indexes = kept_indexes(tables)
        self._known = _known(tables)

    @property
    def chip(self) -> str:
        """Return the chip that the job ran on; raises OutputCorruptError where it is not said."""
        return chip_of(self._tables)

    def video(self, uri: str) -> Video:
        """Return what is known of a video.

        Of one that the table of videos does not describe, the index is looked up: raises VideoError
        where it has none any more, UsageError where it is gone.
        """
        columns = columns_from_path(self._tables.job.partitions, uri)
        row = self._known.get(uri)
        if row is None:
            index = self.index(uri)
            size, count = index.stream.shown_size, len(index.order)
            fps = count / index.duration_s if count > 1 and index.duration_s else None
            return Video(uri, index.source.etag, size.width, size.height, fps, columns)
        width, height = (
            ("stored_width", "stored_height") if self._as_stored else ("width", "height")
        )
        return Video(uri, row["etag"], row[width], row[height], row["fps"], columns)

    def index(self, uri: str) -> VideoIndex:
        """Return the index of a video, as the job saw it; raises as `video`."""
        return recorded_index(self._tables, uri, self._indexes)

    def index_of(self, source: Source) -> VideoIndex:
        """Return the index of one version of a video, as the job saw it; raises as IndexCache."""
        index = self._indexes.get(source)
        return index.as_stored() if self._as_stored else index

    def mend(self, source: Source) -> None:
        """Make an index anew that was found wrong, for this finder alone; see IndexCache."""
        self._indexes.mend(source)

    def close(self) -> None:
        """End the process that makes indexes, where one was started."""
        self._indexes.close()


def _known(tables: Tables) -> Mapping[str, Mapping[str, Any]]:
    """Return the rows of the table of videos that say what an index says, by URI."""
    if VIDEOS_TABLE not in tables.names or tables.job.table == VIDEOS_TABLE:
        return {}
    rows = tables.videos.to_table(columns=["uri", "container", *_FACTS]).to_pylist()
    return {row["uri"]: row for row in rows if row["container"] is not None}
