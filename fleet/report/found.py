"""What an output's rows come to: counted in two passes over the tables, however long they are.

The first pass (`survey`) counts names, so that the second one knows which get a place on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fleet.report.choice import Keys, Sample, ranks
from fleet.report.findings import Choice, Findings, Strip, has_labels, has_scores
from fleet.report.moments import dates_of, hours_of
from fleet.report.rows import Names, Rows, scan
from fleet.report.series import SCORE_BINS, STRIP_BINS, Bar, Grid, score_bin
from fleet.report.survey import Looking, Places, Survey, looked_at
from fleet.table.state.read import Tables

BORDERLINE = "borderline"


def find(
    tables: Tables, known_s: Mapping[str, float], choice: Choice, zone: str = "UTC"
) -> Findings:
    """Read what an output has found; `known_s`: URI -> how long the video is.

    Raises OutputCorruptError for damage, StorageError where parts are exchanged meanwhile.
    """
    survey = Survey(tables)
    looking = Looking(tables, survey, known_s, choice, zone)
    places = Places(survey, looking, known_s, choice.strips)
    uris = survey.videos.listed
    count = _Count(tables, survey, places, looking, choice)
    for rows in scan(tables.table(tables.job.table), count.columns):
        count.add(rows, zone)
    return Findings(
        table=tables.job.table,
        rows=survey.rows,
        frames=looking.rows,
        labels=tuple(places.labels),
        label_rows=places.label_rows(survey),
        sure=tuple(count.sure.column(len(places.labels)).tolist()) if count.has_unsure else (),
        label_names=places.label_names,
        by_path={
            name: _bars(names, count.paths[name], of_value)
            for name, (names, of_value) in looking.paths.items()
        },
        path_of_video={
            name: {uris[v]: looking.paths[name][0].listed[n] for v, n in of_video.items()}
            for name, of_video in looking.path_of_video.items()
        },
        by_hour=_hours(count.hours, looking.hours),
        by_date=sorted(_bars(count.date_names, count.dates), key=lambda bar: bar.name),
        scores=count.scores.values if count.scores.values.any() else None,
        strips=_strips(
            survey,
            places,
            looked_at(tables, survey.videos, places, looking.lookout),
            count.strips,
        ),
        videos=len(uris),
        samples=[sample.chosen for sample in count.samples],
        nothing=looking.nothing.chosen,
        borderline=count.borderline.chosen,
        uris=uris,
    )


class _Count:
    """The second pass."""

    def __init__(
        self, tables: Tables, survey: Survey, places: Places, looking: Looking, choice: Choice
    ) -> None:
        self._survey, self._places, self._choice = survey, places, choice
        self._schema = tables.table(tables.job.table).schema
        self._keys = Keys(choice.seed).of(survey.videos.listed)
        # Frames are drawn anew for each label: one that has all of them is no better than others.
        *self._of_label, self._of_border = Keys(choice.seed).of([*places.labels, BORDERLINE])
        labels = len(places.labels)
        self._names = {name: names for name, (names, _) in looking.paths.items()}
        self.paths = {name: Grid(labels) for name in self._names}
        self.hours, self.dates, self.date_names = Grid(labels, 24), Grid(labels), Names()
        self.scores, self.sure = Grid(SCORE_BINS, labels), Grid(1, labels)
        self.strips = Grid(labels, places.drawn * STRIP_BINS)
        self.samples = [Sample(choice.per_label) for _ in places.labels]
        self.borderline = Sample(choice.others)

    @property
    def columns(self) -> list[str]:
        """The columns that it needs."""
        wanted = ["uri", "frame", "time_s", "label", "score", "time", *self.paths]
        return [name for name in wanted if name in self._schema.names]

    @property
    def has_unsure(self) -> bool:
        """Whether rows were recorded that do not reach the threshold."""
        return has_scores(self._schema) and self._choice.is_recorded_below

    def add(self, rows: Rows, zone: str) -> None:
        """Count some rows."""
        video = self._survey.videos.codes(rows.columns["uri"])
        label = np.zeros(len(rows), np.int64)
        if has_labels(self._schema):
            label = self._places.label_of[self._survey.labels.codes(rows.columns["label"])]
        for name, grid in self.paths.items():
            grid.add(self._names[name].codes(rows.columns[name]), label)
        strip = self._places.strip_of[video]
        drawn = strip >= 0
        time_s = rows.numbers("time_s", np.float64)
        bins = self._places.bins(time_s[drawn], video[drawn])
        self.strips.add(strip[drawn] * STRIP_BINS + bins, label[drawn])
        if "time" in rows.columns:
            self._count_times(rows, label, zone)
        self._choose(rows, video, label)

    def _count_times(self, rows: Rows, label: NDArray[np.int64], zone: str) -> None:
        times = rows.columns["time"]
        hour = hours_of(times, zone)
        known = hour >= 0
        if known.any():
            self.hours.add(hour[known], label[known])
            dates = self.date_names.codes(dates_of(times, zone))
            self.dates.add(dates[known], label[known])

    def _choose(self, rows: Rows, video: NDArray[np.int64], label: NDArray[np.int64]) -> None:
        frame = rows.numbers("frame", np.int64)
        key = self._keys[video]
        sure = np.ones(len(rows), np.bool_)
        if has_scores(self._schema):
            score = rows.numbers("score", np.float32)
            bins = score_bin(score)
            self.scores.add(label[bins >= 0], bins[bins >= 0])
            sure = self._choice.is_sure(score)
            self.sure.add(label[sure], np.zeros(int(sure.sum()), np.int64))
            border = self._choice.is_borderline(score)
            rank = ranks(key[border] ^ self._of_border, frame[border])
            self.borderline.add(rank, video[border], frame[border], rows.part)
        for number, sample in enumerate(self.samples):
            mine = sure & (label == number)
            rank = ranks(key[mine] ^ self._of_label[number], frame[mine])
            sample.add(rank, video[mine], frame[mine], rows.part)


def _bars(names: Names, grid: Grid, frames: Grid | None = None) -> list[Bar]:
    count = len(names)
    looked = frames.column(count) if frames else np.zeros(count, np.int64)
    rows = np.pad(grid.values[:count], ((0, max(0, count - len(grid.values))), (0, 0)))
    bars = [
        Bar(name, tuple(counts), of_name)
        for name, counts, of_name in zip(names.listed, rows.tolist(), looked.tolist(), strict=True)
    ]
    shown = (bar for bar in bars if bar.total or bar.frames)
    return sorted(shown, key=lambda bar: (-bar.total, bar.name))


def _hours(found: Grid, looked: Grid) -> list[Bar]:
    frames = looked.column(24)
    if not frames.any():
        return []
    return [
        Bar(f"{hour:02}", tuple(counts), of_hour)
        for hour, (counts, of_hour) in enumerate(
            zip(found.values.tolist(), frames.tolist(), strict=True)
        )
    ]


def _strips(survey: Survey, places: Places, seen: NDArray[np.bool_], grid: Grid) -> Sequence[Strip]:
    uris, of_video = survey.videos.listed, survey.of_video
    counts = grid.values.reshape(places.drawn, STRIP_BINS, len(places.labels))
    strips = [
        Strip(
            uris[video],
            float(places.length_s[video]),
            int(of_video[video]),
            seen[places.strip_of[video], : places.bins_of[video]],
            counts[places.strip_of[video], : places.bins_of[video]],
        )
        for video in np.flatnonzero(places.strip_of >= 0).tolist()
    ]
    return sorted(strips, key=lambda strip: (-strip.rows, strip.uri))
