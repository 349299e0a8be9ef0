"""The first pass over an output: it counts names, and chooses which get a place on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fleet.report.choice import Keys, Sample, ranks
from fleet.report.findings import Choice, has_labels
from fleet.report.lookout import Lookout
from fleet.report.moments import hours_of
from fleet.report.rows import Names, Rows, scan
from fleet.report.series import STRIP_BINS, Grid, strip_bin
from fleet.table.parts.schema import partition_names
from fleet.table.state.read import Tables

MOST_LABELS = 12
"""Labels that are told apart; the others are counted together."""
OTHERS = "(other labels)"


class Survey:
    """How many rows each label and each video has."""

    def __init__(self, tables: Tables) -> None:
        table = tables.table(tables.job.table)
        self.rows = 0
        self.labels, self.videos = Names(), Names()
        self._by_label, self._by_video = Grid(1), Grid(1)
        columns = ["uri", *(["label"] if has_labels(table.schema) else [])]
        for rows in scan(table, columns):
            zeros = np.zeros(len(rows), np.int64)
            self.rows += len(rows)
            self._by_video.add(self.videos.codes(rows.columns["uri"]), zeros)
            if "label" in columns:
                self._by_label.add(self.labels.codes(rows.columns["label"]), zeros)

    @property
    def of_label(self) -> NDArray[np.int64]:
        """Rows of each label: int64 [labels]."""
        return self._by_label.column(len(self.labels))

    @property
    def of_video(self) -> NDArray[np.int64]:
        """Rows of each video: int64 [videos]."""
        return self._by_video.column(len(self.videos))


class Looking:
    """The frames that were looked at, and the videos that they are of."""

    def __init__(
        self,
        tables: Tables,
        survey: Survey,
        known_s: Mapping[str, float],
        choice: Choice,
        zone: str,
    ) -> None:
        videos = survey.videos
        self.lookout = Lookout(survey.of_video, known_s, choice.strips)
        self.rows = 0
        self.nothing = Sample(choice.others)
        self.hours = Grid(1, 24)
        columns = tables.frames.schema.names
        taken = [n for n in partition_names(tables.job.partitions) if n in columns]
        self.paths = {name: (Names(), Grid(1)) for name in taken}
        self.path_of_video: dict[str, dict[int, int]] = {name: {} for name in taken}
        self._last_s = np.zeros(0)
        self._of_video = Grid(1)
        keys = Keys(choice.seed)
        clock = ["time"] if "time" in columns else []
        for rows in scan(tables.frames, ["uri", "frame", "time_s", "rows", *clock, *taken]):
            self.rows += len(rows)
            video = videos.codes(rows.columns["uri"])
            self._of_video.add(video, np.zeros(len(video), np.int64))
            time_s = rows.numbers("time_s", np.float64)
            self._see_last(video, time_s, len(videos))
            self.lookout.see(video, time_s, videos.listed)
            self._see_paths(rows, video)
            empty = rows.numbers("rows", np.int64) == 0
            frame = rows.numbers("frame", np.int64)
            rank = ranks(keys.of(videos.listed)[video], frame)
            self.nothing.add(rank[empty], video[empty], frame[empty], rows.part)
            if clock:
                hour = hours_of(rows.columns["time"], zone)
                known = hour >= 0
                self.hours.add(hour[known], np.zeros(int(known.sum()), np.int64))

    def _see_last(self, video: NDArray[np.int64], time_s: NDArray[np.float64], count: int) -> None:
        self._last_s = np.pad(self._last_s, (0, max(0, count - len(self._last_s))))
        np.maximum.at(self._last_s, video, np.nan_to_num(time_s))

    def _see_paths(self, rows: Rows, video: NDArray[np.int64]) -> None:
        which, first = np.unique(video, return_index=True)
        for name, (names, grid) in self.paths.items():
            value = names.codes(rows.columns[name])
            grid.add(value, np.zeros(len(value), np.int64))
            of_video = zip(which.tolist(), value[first].tolist(), strict=True)
            self.path_of_video[name].update(of_video)

    def lengths_s(self, uris: Sequence[str], known_s: Mapping[str, float]) -> NDArray[np.float64]:
        """Return how long each video is: as known, or up to the last frame looked at."""
        last = np.pad(self._last_s, (0, max(0, len(uris) - len(self._last_s)))).tolist()
        pairs = zip(uris, last, strict=True)
        return np.array([known_s.get(uri, 0.0) or last_s for uri, last_s in pairs], np.float64)

    def of_video(self, videos: int) -> NDArray[np.int64]:
        """Return how many frames of each video were looked at: int64 [videos]."""
        return self._of_video.column(videos)


class Places:
    """Which labels and videos get a place on the page: those with most rows."""

    def __init__(
        self, survey: Survey, looking: Looking, known_s: Mapping[str, float], strips: int
    ) -> None:
        names, counts = survey.labels.listed, survey.of_label
        order = sorted(np.flatnonzero(counts).tolist(), key=lambda n: (-counts[n], names[n]))
        shown = order[:MOST_LABELS] if len(order) > MOST_LABELS + 1 else order
        self.label_names = len(order)
        self.labels = [names[n] for n in shown] or [""]
        self.labels += [OTHERS] * (len(order) > len(shown))
        # Where there are no others, no row has a label that is not shown.
        self.label_of = np.full(len(names), len(self.labels) - 1, np.int64)
        self.label_of[shown] = np.arange(len(shown))
        uris, of_video = survey.videos.listed, survey.of_video
        ranked = sorted(range(len(uris)), key=lambda n: (-of_video[n], uris[n]))[:strips]
        self.drawn = len(ranked)
        self.strip_of = np.full(len(uris), -1, np.int64)
        self.strip_of[ranked] = np.arange(len(ranked))
        self.length_s = looking.lengths_s(uris, known_s)
        # Two frames a stretch at least: with fewer, strips of sampled frames are full of holes.
        self.bins_of = np.clip(looking.of_video(len(uris)) // 2, 1, STRIP_BINS)

    def bins(self, time_s: NDArray[np.float64], video: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the stretch of its video's strip that each time lies in: int64."""
        return strip_bin(time_s, self.length_s[video], self.bins_of[video])

    def label_rows(self, survey: Survey) -> tuple[int, ...]:
        """Return how many rows each of the labels has."""
        if not len(survey.labels):
            return (survey.rows,)
        counts = np.zeros(len(self.labels), np.int64)
        np.add.at(counts, self.label_of, survey.of_label)
        return tuple(counts.tolist())


def looked_at(tables: Tables, videos: Names, places: Places, lookout: Lookout) -> NDArray[np.bool_]:
    """Return which stretches of each strip hold a frame that was looked at: bool [strips, bins].

    Frames are read once more where a video's length is that of the last one of them.
    """
    seen = np.zeros((places.drawn, STRIP_BINS), np.bool_)
    if lookout.is_complete:
        for number in np.flatnonzero(places.strip_of >= 0).tolist():
            count = int(places.bins_of[number])
            seen[places.strip_of[number], :count] = lookout.bins(number, count)
        return seen
    for rows in scan(tables.frames, ["uri", "time_s"]):
        video = videos.codes(rows.columns["uri"])
        strip = places.strip_of[video]
        drawn = strip >= 0
        time_s = rows.numbers("time_s", np.float64)
        bins = places.bins(time_s[drawn], video[drawn])
        seen[strip[drawn], bins] = True
    return seen
