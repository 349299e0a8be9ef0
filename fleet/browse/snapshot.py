"""An output as it was at one moment: its videos, labels and counts; read anew while it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow.compute as pc

from fleet.browse.asked import ROWS_A_PAGE, Listed, key_of
from fleet.browse.questions import Questions, text
from fleet.core.format import short
from fleet.core.interval_set import DoneIntervals
from fleet.core.spans import length
from fleet.errors import UsageError
from fleet.table.parts.schema import columns_from_path, partition_names
from fleet.table.state.read import Tables, open_tables
from fleet.table.state.state import TableState
from fleet.table.state.video_manifest import Video, left_of
from fleet.table.state.video_table import name_of
from fleet.table.status import Status, read_status
from fleet.table.table import Table

MOST_LABELS, MOST_CHOICES = 500, 500
"""Labels, and values of a column taken from paths, that are offered to choose from."""
REASON_CHARACTERS = 300


class UnknownVideoError(LookupError):
    """A video is asked for that is none of the output's."""


@dataclass(frozen=True)
class Known:
    """A video of the output."""

    uri: str
    """As storage names it."""
    name: str
    """As the tables write that."""
    video_s: float
    done_share: float
    """How much of it is done, 0..1."""
    state: str
    """done, part, waiting, refused or unread."""
    why: str
    """Why it could not be read; else empty."""
    rows: int
    frames: int
    """Frames that were looked at."""

    @property
    def key(self) -> str:
        """What it is asked for by."""
        return key_of(self.name)


@dataclass(frozen=True)
class Label:
    """A label that rows have."""

    name: str
    rows: int
    number: int
    """Its position in the model's list, which decides its colour; else its place by rows."""

    @property
    def key(self) -> str:
        """What it is asked for by."""
        return key_of(self.name)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The output at one moment."""

    number: int
    """Another one has another number."""
    tables: Tables
    status: Status
    videos: Mapping[str, Known]
    """By key, in the order of their locations."""
    labels: Mapping[str, Label]
    """By key, those with most rows first."""
    choices: Mapping[str, Sequence[str]]
    """Column taken from paths -> its values, at most MOST_CHOICES."""

    def video(self, key: str) -> Known:
        """Return a video; raises UnknownVideoError where the output has none of this key."""
        if key not in self.videos:
            raise UnknownVideoError
        return self.videos[key]

    @property
    def names(self) -> list[str]:
        """Labels, those with most rows first."""
        return [label.name for label in self.labels.values()]

    def labelled(self, keys: Sequence[str]) -> list[str]:
        """Return labels by their keys; raises UsageError where the output has none of one."""
        if any(key not in self.labels for key in keys):
            raise UsageError("The output has no such label.", "Load the page again.")
        return [self.labels[key].name for key in keys]

    def page(self, asked: Listed) -> tuple[list[Known], int]:
        """Return a page of the videos that are asked for, and how many there are."""
        part = asked.part.casefold()
        found = [video for video in self.videos.values() if part in video.name.casefold()]
        if asked.order == "rows":
            found.sort(key=lambda video: -video.rows)
        start = asked.page * ROWS_A_PAGE
        return found[start : start + ROWS_A_PAGE], len(found)


class Watched:
    """One output, looked at again and again; for one thread at a time."""

    def __init__(self, output: str, questions: Questions) -> None:
        self._table = Table.open(output)
        self._questions = questions
        self._seen: tuple[object, ...] = ()
        self._last: Snapshot | None = None

    def look(self, *, anew: bool = False) -> Snapshot:
        """Return the output as it is now; its rows are counted only where others count now.

        `anew`: count them in any case. Raises StorageError and OutputCorruptError.
        """
        table = self._table
        state = table.state()
        status = read_status(table, state=state)
        listed = status.videos, status.to_look, status.open_inputs
        seen = (state.manifest.number, state.closed, len(state), len(state.packs), listed)
        if self._last is None or anew or seen != self._seen:
            number = self._last.number + 1 if self._last else 0
            self._last, self._seen = self._count(number, state, status), seen
        else:
            self._last = replace(self._last, status=status)
        return self._last

    def _count(self, number: int, state: TableState, status: Status) -> Snapshot:
        tables = open_tables(self._table.folder, self._table.job, state)
        rows, labels = _rows(tables, self._questions)
        frames = _frames(tables, self._questions)
        videos = _videos(self._table, state, rows, frames)
        pattern = self._table.job.partitions
        choices: dict[str, dict[str, None]] = {name: {} for name in partition_names(pattern)}
        for video in videos.values() if choices else ():
            for column, value in columns_from_path(pattern, video.name).items():
                if value is not None and len(choices[column]) < MOST_CHOICES:
                    choices[column][value] = None
        offered = {column: sorted(values) for column, values in choices.items()}
        return Snapshot(number, tables, status, videos, labels, offered)


def _rows(tables: Tables, questions: Questions) -> tuple[dict[str, int], dict[str, Label]]:
    """Count the job's rows by video, and by label."""
    table = tables.table(tables.job.table)
    columns = {"uri": text("uri")}
    if "label" not in table.schema.names:
        sql = "select uri, count(*) from found group by uri"
        return dict(questions.ask(table, columns, None, sql)[0]), {}
    columns["label"] = text("label")
    number = "min(class_id)" if "class_id" in table.schema.names else "null"
    if number != "null":
        columns["class_id"] = pc.field("class_id")
    sql = (
        f"select grouping(uri), uri, label, count(*), {number} from found "  # noqa: S608
        "group by grouping sets ((uri), (label)) order by 4 desc, 3"
    )
    answer, _ = questions.ask(table, columns, None, sql)
    of_video = {uri: count for is_label, uri, _, count, _ in answer if not is_label}
    named = [row for row in answer if row[0] and row[2] is not None][:MOST_LABELS]
    labels = [
        Label(label, count, place if number is None else number)
        for place, (_, _, label, count, number) in enumerate(named)
    ]
    return of_video, {label.key: label for label in labels}


def _frames(tables: Tables, questions: Questions) -> dict[str, int]:
    """Count the frames that were looked at by video."""
    sql = "select uri, count(*) from found group by uri"
    answer, _ = questions.ask(tables.frames, {"uri": text("uri")}, None, sql)
    return dict(answer)


def _done_share(video: Video, done: DoneIntervals) -> float:
    wanted = video.end_pts - video.start_pts
    return 1 - length(left_of(video, done)) / wanted if wanted > 0 else 1.0


def _videos(
    table: Table, state: TableState, rows: Mapping[str, int], frames: Mapping[str, int]
) -> dict[str, Known]:
    """Put together what is known of each video, by key."""
    done = state.done
    found = []
    for video in table.videos().values():
        name = name_of(video.uri)
        share = 0.0 if video.unread else _done_share(video, done)
        unread = video.unread if video.is_looked_at else ""
        refused = "refused" if video.refused else "unread" if unread else ""
        state_now = refused or ("done" if share >= 1 else "part" if share > 0 else "waiting")
        why = short(unread, REASON_CHARACTERS)
        counts = rows.get(name, 0), frames.get(name, 0)
        found.append(Known(video.uri, name, video.video_s, share, state_now, why, *counts))
    listed = {video.name for video in found}
    # Before a run has listed its inputs whole, and in outputs of old, there are rows of others.
    found += [
        Known(name, name, 0.0, 0.0, "part", "", rows.get(name, 0), count)
        for name, count in frames.items()
        if name not in listed
    ]
    return {video.key: video for video in sorted(found, key=lambda video: video.name)}
