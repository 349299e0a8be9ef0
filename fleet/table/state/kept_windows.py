"""`_VIDEOS.parquet` while a run looks at its videos window by window.

From the first window on it names every file that is wanted, those of later windows as not looked
at: until that changes nobody takes what is there for all. So what a window shows need not be put
at once, and it is put only when it is a share of all, which makes the work of all puts linear.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from fleet.core.source import Source, split_stream
from fleet.errors import StorageError
from fleet.storage import Folder
from fleet.table.state.video_manifest import (
    VIDEOS_FILE,
    Video,
    as_parquet,
    not_listed,
    not_looked_at,
    read_version,
)

PUTS = 16
"""How often it is put over all windows, beside the first time and what cannot wait."""
_TRIES = 20


class KeptWindows:
    """The videos of a job, as its windows show them; for one thread.

    `versions`: (uri, etag) of what has rows. `conditional`: whether the store keeps the conditions
    of conditional puts; there, what others put meanwhile stays.
    """

    def __init__(
        self, folder: Folder, versions: Collection[tuple[str, str]], *, conditional: bool = True
    ) -> None:
        self._folder = folder
        self._versions = versions
        self._conditional = conditional
        self._late: dict[str, Video] = {}
        self._to_look: dict[str, Source] = {}
        self._open_inputs: frozenset[str] = frozenset()
        self._cannot_wait = False
        self._rows: dict[str, Video] = {}
        self._version: str | None = None
        self._streams: dict[str, list[str]] = {}
        self._named_inputs: set[str] = set()
        self._changes = 0
        self._read()

    def add(
        self,
        now: Sequence[Video],
        to_look: Sequence[Source] = (),
        open_inputs: Collection[str] = (),
    ) -> None:
        """Take what a window shows, before anything of it is done, and put it where it is time.

        `to_look`: videos that are wanted and may come in later windows. `open_inputs`: inputs that
        are not listed to their end. Where the last one of them is, all videos are named at once;
        before that, they are named by the way. Those of the window's files that the job covers no
        more go, all others stay. Where it raises StorageError, it may be called again.
        """
        self._to_look.update((source.uri, source) for source in to_look)
        self._late.update((video.uri, video) for video in now)
        self._open_inputs = frozenset(open_inputs)
        self._apply(now, to_look)
        if self._cannot_wait or self._changes * PUTS >= len(self._rows):
            self.put()

    def put(self) -> None:
        """Put what is not put yet; raises StorageError where others put without end."""
        if not self._changes:
            return
        for attempt in range(_TRIES):
            if attempt or not self._conditional:
                self._read()
                self._apply(tuple(self._late.values()), self._to_look.values())
            if not self._changes or self._is_put():
                self._late, self._to_look = {}, {}
                self._changes, self._cannot_wait = 0, False
                return
        raise StorageError(f"{self._folder.uri}/{VIDEOS_FILE} changes faster than it can be put.")

    def _is_put(self) -> bool:
        data, version = as_parquet(self._rows.values()), self._version
        if not self._conditional:
            self._folder.put(VIDEOS_FILE, data)
            return True
        if version is None:
            version = self._folder.create(VIDEOS_FILE, data)
        else:
            version = self._folder.replace(VIDEOS_FILE, data, version)
        self._version = version or self._version
        return version is not None

    def _read(self) -> None:
        self._rows, self._version = read_version(self._folder)
        self._changes = 0
        self._named_inputs = {uri for uri, row in self._rows.items() if row.is_open_input}
        self._streams = {}
        for uri in self._rows:
            file, stream = split_stream(uri)
            if stream is not None:
                self._streams.setdefault(file, []).append(uri)

    def _apply(self, now: Sequence[Video], to_look: Iterable[Source]) -> None:
        """Change the rows, at a cost that does not depend on how many others there are."""
        self._name_inputs()
        for source in to_look:
            known = self._rows.get(source.uri)
            if known is None or (known.bytes, known.etag) != (source.bytes, source.etag):
                # A row that an input has tells that there are more videos than are named.
                self._change(not_looked_at(source), at_once=not self._named_inputs)
        present = {video.uri for video in now}
        files = {split_stream(uri)[0] for uri in present}
        waiting = {file for file in files if (row := self._rows.get(file)) and row.unread}
        for file in files:
            for uri in {file, *self._streams.get(file, ())} - present:
                gone = self._rows.get(uri)
                if gone is not None and (uri, gone.etag) not in self._versions:
                    del self._rows[uri]
                    self._changes += 1
        for video in now:
            known = self._rows.get(video.uri)
            if known != video:
                is_open = known and (known.unread or known.refused)
                named = is_open or (known is None and split_stream(video.uri)[0] in waiting)
                # Without this row, or with its former one, a part of it could pass for all.
                self._change(video, at_once=not named)

    def _name_inputs(self) -> None:
        for uri in self._open_inputs - self._named_inputs:
            self._change(not_listed(uri), at_once=True)
        for uri in self._named_inputs - self._open_inputs:
            del self._rows[uri]
            self._changes += 1
            self._cannot_wait = True
        self._named_inputs = set(self._open_inputs)

    def _change(self, video: Video, *, at_once: bool) -> None:
        self._rows[video.uri] = video
        self._changes += 1
        self._cannot_wait = self._cannot_wait or at_once
