"""What an index says of a video in numbers, against the same worked out frame by frame."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from indexes import index_of, indexes

from fleet.core.geometry import Size
from fleet.core.source import Source
from fleet.table.parts.schema import partition_names
from fleet.table.parts.videos import (
    FACTS,
    VIDEOS,
    DescribedVideo,
    VideoStatus,
    kept_columns,
    videos_schema,
)
from fleet.video.facts import VideoFacts, facts_of
from fleet.video.index import VideoIndex

PAGE = Path(__file__).parents[2] / "docs" / "videos.md"


def frames_by_cut(index: VideoIndex) -> list[list[int]]:
    """The pts of the frames between the cuts, each frame looked up by itself."""
    starts = [int(index.packets.pts[row]) for row in index.cuts]
    stretches: list[list[int]] = [[] for _ in starts]
    for row in range(len(index.packets)):
        pts = int(index.packets.pts[row])
        if index.packets.shown[row]:
            stretches[max(0, sum(start <= pts for start in starts) - 1)].append(pts)
    return [sorted(each) for each in stretches]


@given(indexes())
def test_they_are_those_of_the_frames(index: VideoIndex) -> None:
    """Counts, rate, times and GOPs of streams of any shape."""
    found, base = facts_of(index), float(index.stream.time_base)
    pts = sorted(int(n) for n in index.packets.pts)
    assert found.frames == len(pts)
    assert found.start_pts == pts[0]
    assert found.start_s == pytest.approx(pts[0] * base)
    assert found.key_frames == sum(map(bool, index.packets.key))
    assert found.b_frames == any(b < a for a, b in pairwise(index.packets.pts.tolist()))
    stretches = frames_by_cut(index)
    assert found.longest_gop_frames == max(map(len, stretches))
    assert found.duration_s == pytest.approx(index.duration_s)
    ends = [*(each[0] for each in stretches[1:]), None]
    end_s = pts[0] * base + index.duration_s
    lengths = [
        (end * base if end is not None else end_s) - each[0] * base
        for each, end in zip(stretches, ends, strict=True)
    ]
    assert found.longest_gop_s == pytest.approx(max(lengths))
    if len(pts) < 2:
        assert (found.fps, found.fps_varies) == (None, None)
        return
    step = (pts[-1] - pts[0]) / (len(pts) - 1)
    assert found.fps == pytest.approx(1 / (step * base))
    # A tick is 1 ms here.
    steps = {b - a for a, b in pairwise(pts)}
    assert found.fps_varies == (max(steps) - min(steps) > 1)


@pytest.mark.parametrize(
    ("base", "ticks", "varies"),
    [
        (Fraction(1, 1000), [round(n * 1001 / 30) for n in range(2000)], False),
        (Fraction(1, 90000), [3003 * n + (-1) ** n * 20 for n in range(300)], False),
        (Fraction(1, 90000), [3003 * n + (-1) ** n * 30 for n in range(300)], True),
        (Fraction(1, 25), [n + (n > 150) for n in range(300)], True),
        (Fraction(1, 25), list(range(300)), False),
    ],
    ids=["rounded to ms", "jitter below 1 ms", "jitter above", "a frame left out", "even"],
)
def test_a_rate_varies_by_more_than_rounding(
    base: Fraction, ticks: list[int], varies: bool
) -> None:
    """Containers of milliseconds, and cameras that jitter by less, are even."""
    index = index_of([(0, len(ticks) - 1)], sorted(ticks))
    index = replace(index, stream=replace(index.stream, time_base=base))
    assert facts_of(index).fps_varies is varies


def test_sizes_are_told_as_shown_and_as_stored() -> None:
    """Turned by a quarter, with wide pixels."""
    index = index_of([(0, 4)])
    stream = replace(
        index.stream,
        size=Size(720, 576),
        rotation=90,
        sample_aspect=Fraction(16, 15),
        beside="h264,?",
    )
    found = facts_of(replace(index, stream=stream))
    assert (found.stored_width, found.stored_height) == (720, 576)
    assert (found.width, found.height) == (stream.shown_size.width, stream.shown_size.height)
    assert found.width == 576
    assert (found.rotation_deg, found.sample_aspect, found.streams) == (90, "16:15", 2)


def test_every_fact_is_a_column() -> None:
    """Of the same name, in the same order, and the values come back as they were."""
    assert [item.name for item in fields(VideoFacts)] == FACTS.names
    index = index_of([(0, 4), (2, 5)])
    at = datetime(2026, 11, 29, 1, 2, 3, 456789, tzinfo=UTC)
    facts = replace(facts_of(index), start_time=at, start_clock="mvhd")
    one = replace(facts_of(replace(index_of([(0, 0)]), source=Source("b", 1, "v"))))
    described = [
        DescribedVideo(index.source, facts, "vdec"),
        DescribedVideo(Source("b", 1, "v"), one, None),
    ]
    first, second = kept_columns(described).to_pylist()
    assert first == {"decoded_by": "vdec", **vars(facts)}
    assert second == {"decoded_by": None, **vars(one)}


def test_a_column_from_the_path_yields_to_one_of_the_table() -> None:
    """A job that takes such a column goes on as before."""
    pattern = "(?P<camera>[^/]+)/(?P<codec>[^/]+)/"
    assert partition_names(pattern) == ("camera", "codec")
    assert videos_schema(pattern).names == [*VIDEOS.names, "camera"]


def test_the_page_has_every_column_and_every_status() -> None:
    """With the same unit and the same words."""
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    columns = {row[0].strip("`"): row[1:] for row in rows if row[0].startswith("`")}
    for column in VIDEOS:
        told = {key.decode(): value.decode() for key, value in column.metadata.items()}
        assert columns[column.name][1:] == [told["unit"], told["about"]], column.name
    assert set(VideoStatus) <= columns.keys()
    assert len(columns) == len(VIDEOS) + len(VideoStatus)
    assert np.all([columns[str(status)] for status in VideoStatus])
