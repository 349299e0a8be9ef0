"""What is asked of one output: small answers at once, what is slow by crews of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from threading import Event
from typing import Any, TypeVar

from fleet.browse import words
from fleet.browse.asked import Listed, Search, Stretch
from fleet.browse.clips import check_stretch, make_clip
from fleet.browse.found import Found
from fleet.browse.opened import Opened, clock_of, open_video, timeline
from fleet.browse.pictures import File, Pictures, key_of_frame
from fleet.browse.questions import Questions
from fleet.browse.shelf import Crew, Shelf
from fleet.browse.snapshot import Snapshot, Watched
from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.errors import StorageError
from fleet.show.clip import frame_at
from fleet.show.video import chip_of, kept_indexes

Made = TypeVar("Made")
BREAKS = 10
"""Looks at an output that grows leave it alone so many times as long as the last one took."""


@dataclass(frozen=True)
class Limits:
    """How much is done at once, and held."""

    decodes: int = 2
    """Decodes at once."""
    questions: int = 2
    """Questions to the tables at once."""
    waiting: int = 32
    """Pieces of work of each kind that may wait."""
    waiting_clips: int = 4
    """Clips that may wait; one is made at a time."""
    picture_bytes: int = 32 << 20
    """Files of frames that are held."""
    clip_bytes: int = 128 << 20
    """Clips that are held."""
    video_bytes: int = 128 << 20
    """What is held of videos that were looked into."""
    fresh_s: float = 15.0
    """How old what is known of an output may be where the page asks how it stands.

    Where it takes long to count: BREAKS times as long as that took.
    """


class Desk:
    """One output; its coroutines are for one event loop, and `close` ends its threads."""

    def __init__(
        self, output: str, limits: Limits | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Read an output; raises UsageError where there is none, OutputCorruptError for damage."""
        most = limits or Limits()
        self._fresh_s, self._clock = most.fresh_s, clock
        self._stop = Event()
        self._questions = Questions(self._stop)
        self._watched = Watched(output, self._questions)
        self._snapshot, self._next_s = self._looked(anew=False)
        self._looking = asyncio.Lock()
        self._asking = Crew("ask", most.questions, most.waiting, self._stop)
        self._decoding = Crew("decode", most.decodes, most.waiting, self._stop)
        self._clipping = Crew("clip", 1, most.waiting_clips, self._stop)
        self._pictures = Pictures(Shelf(most.picture_bytes), self._stop)
        self._clips = Shelf(most.clip_bytes)
        self._videos = Shelf(most.video_bytes)
        self._indexes = kept_indexes(self._snapshot.tables)

    def stop(self) -> None:
        """Have what is under way end soon."""
        self._stop.set()

    def close(self) -> None:
        """End what is under way, and wait for it."""
        self.stop()
        for crew in (self._asking, self._decoding, self._clipping):
            crew.close()
        self._indexes.close()

    @property
    def columns(self) -> list[str]:
        """The columns that rows can be searched by, of those taken from paths."""
        return self._found(self._snapshot).columns

    async def output(self) -> dict[str, Any]:
        """Return what the output is and how it stands, as it is now or was a moment ago."""
        if self._clock.steady_s() > self._next_s:
            await self._look(self._snapshot, anew=False)
        return words.of_output(self._snapshot, self._found(self._snapshot))

    def videos(self, asked: Listed) -> dict[str, Any]:
        """Return a page of the videos."""
        found, count = self._snapshot.page(asked)
        return {"count": count, "videos": [words.of_video(video) for video in found]}

    async def search(self, asked: Search) -> dict[str, Any]:
        """Return a page of the rows that a search has found."""
        return await self._ask(
            ("search", repr(asked)), lambda now: words.of_hits(*self._found(now).search(asked))
        )

    async def hit(self, asked: Search, frame: int, *, forward: bool) -> dict[str, Any]:
        """Return the nearest frame behind or before one that a search finds; null for none."""
        found = await self._ask(
            ("hit", repr(asked), frame, forward),
            lambda now: self._found(now).next_hit(asked, frame, forward=forward),
        )
        return {"frame": found}

    async def video(self, key: str) -> dict[str, Any]:
        """Return what a video is."""
        now, opened = await self._open(key)
        return words.of_opened(opened, chip_of(now.tables))

    async def timeline(self, key: str, least: float) -> dict[str, Any]:
        """Return when what was there in a video, of rows that score as much or more."""
        _, opened = await self._open(key)

        def answer(now: Snapshot) -> dict[str, Any]:
            counted = self._found(now).by_time(opened, least)
            return words.of_timeline(timeline(opened, counted, list(now.names)))

        return await self._ask(("timeline", key, least), answer)

    async def moment(self, key: str, at_s: Fraction) -> dict[str, int]:
        """Return the frame that is on the screen at a time; raises UsageError for one outside."""
        _, opened = await self._open(key)
        return {"frame": frame_at(opened.index, at_s)}

    async def at(self, key: str, frame: int) -> dict[str, Any]:
        """Return what is known of a frame, with the boxes of the last one that was looked at."""
        _, opened = await self._open(key)
        opened.check(frame)

        def answer(now: Snapshot) -> dict[str, Any]:
            processed, name = opened.latest(frame), opened.known.name
            if processed is None:
                return words.of_frame(opened, frame, [], [], None)
            boxes, facts = self._found(now).of_frame(name, processed)
            return words.of_frame(opened, frame, boxes, facts, clock_of(now.tables, name, frame))

        return await self._ask(("at", key, frame), answer)

    async def frame(self, key: str, frame: int, *, exact: bool) -> File:
        """Return a frame without its boxes: a PNG where it is to be exact, else a JPEG."""
        now, opened = await self._open(key)
        opened.check(frame)
        of = key_of_frame(opened, frame)
        held = None if exact else self._pictures.held(of)
        if held is not None:
            return held
        chip = chip_of(now.tables)
        return await self._decoding.make(
            (of, exact), lambda: self._pictures.make(opened, frame, chip, exact=exact)
        )

    async def clip(self, key: str, asked: Stretch) -> bytes:
        """Return a stretch as MP4; raises UsageError for more than a clip takes."""
        now, opened = await self._open(key)
        try:
            return await self._clip(now, opened, asked)
        except StorageError:
            await self._look(now, anew=True)
            return await self._clip(*await self._open(key), asked)

    async def _clip(self, now: Snapshot, opened: Opened, asked: Stretch) -> bytes:
        check_stretch(opened, asked)
        of = (opened.known.key, opened.index.source.etag, now.number, asked)
        held: bytes | None = self._clips.get(of)
        if held is not None:
            return held

        def make() -> bytes:
            found, detections = self._found(now), None
            if asked.has_boxes and found.is_detections:
                frames = opened.looked_at(asked.first, asked.last)
                name = opened.known.name
                detections = found.of_stretch(name, frames, asked.least)
            data = make_clip(opened, asked, detections, chip_of(now.tables), self._stop)
            self._clips.put(of, data, len(data))
            return data

        return await self._clipping.make(of, make)

    def _found(self, now: Snapshot) -> Found:
        return Found(now, self._questions)

    async def _look(self, old: Snapshot, *, anew: bool) -> None:
        """Look at the output again, unless somebody has since `old`; `anew`: has counted it."""
        async with self._looking:
            now = self._snapshot
            # A look that finds nothing to count leaves the number, and parts, as they were.
            is_old = now.number == old.number if anew else now is old
            if is_old:
                made = await self._asking.make("look", lambda: self._looked(anew=anew))
                self._snapshot, self._next_s = made

    def _looked(self, *, anew: bool) -> tuple[Snapshot, float]:
        """Look at the output: return how it is, and when it may be looked at again."""
        begun_s = self._clock.steady_s()
        now = self._watched.look(anew=anew)
        ended_s = self._clock.steady_s()
        return now, ended_s + max(self._fresh_s, BREAKS * (ended_s - begun_s))

    async def _ask(self, key: Hashable, answer: Callable[[Snapshot], Made]) -> Made:
        """Return what a snapshot answers; a later one, where parts were exchanged meanwhile."""
        now = self._snapshot
        try:
            return await self._asking.make((key, now.number), lambda: answer(now))
        except StorageError:
            await self._look(now, anew=True)
            later = self._snapshot
            return await self._asking.make((key, later.number), lambda: answer(later))

    async def _open(self, key: str) -> tuple[Snapshot, Opened]:
        """Return a video that is looked into; raises UnknownVideoError where there is none."""
        now = self._snapshot
        known = now.video(key)
        held: Opened | None = self._videos.get((key, now.number))
        if held is not None:
            return now, held

        def answer(seen: Snapshot) -> tuple[Snapshot, Opened]:
            opened = open_video(seen, known, self._indexes)
            self._videos.put((key, seen.number), opened, opened.held_bytes)
            return seen, opened

        return await self._ask(("open", key), answer)
