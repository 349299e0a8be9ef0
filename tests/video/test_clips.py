"""Clips that are cut by copying packets show frames of their source, bit for bit, and no others."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from exact import expected, index_of, sequential
from generate import Clip, cached, clips
from hypothesis import given
from hypothesis import strategies as st
from other_codecs import KINDS, made
from scattered import output_over

import fleet
from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice
from fleet.export.clips.copying import container_of, write_copy
from fleet.export.clips.run import Cutting, cut_clips
from fleet.export.clips.stretches import Copy, Stretch, copies, decode_times, stretches
from fleet.video.index import VideoIndex


def written(index: VideoIndex, copy: Copy, folder: Path) -> Path:
    """Write a copy into a file."""
    path = folder / f"{copy.stretch.first}-{copy.stretch.last}{container_of(index)}"
    with path.open("w+b") as file:
        write_copy(index, copy, file)
    return path


def check(path: Path, source: Path, index: VideoIndex, stretch: Stretch) -> None:
    """Each frame of a clip is that of its source, and comes as long after the first one."""
    wanted = np.zeros(len(index.order), np.bool_)
    wanted[stretch.first : stretch.last + 1] = True
    truth = expected(source, index, wanted)
    found = sequential(path)
    assert [pixels for _, pixels in found] == [pixels for _, _, pixels in truth]
    with av.open(str(path)) as container:
        base = container.streams.video[0].time_base
    assert base is not None
    tick = max(float(base), float(index.stream.time_base))
    first = truth[0][1]
    for (pts, _), (_, source_pts, _) in zip(found, truth, strict=True):
        assert pts is not None
        elapsed = float((source_pts - first) * index.stream.time_base)
        assert float(pts * base) == pytest.approx(elapsed, abs=tick)


@given(clips(), st.data())
def test_a_copy_of_any_stretch_of_any_clip_is_exact(
    clip_folder: Path, clip: Clip, data: st.DataObject
) -> None:
    """All its frames, first and last included; and all that were asked for are among them."""
    source = cached(clip, clip_folder)
    index = index_of(source)
    frames = len(index.order)
    first = data.draw(st.integers(0, frames - 1), label="first")
    wanted = Stretch(first, data.draw(st.integers(first, frames - 1), label="last"))
    (copy,) = copies(index, [wanted])
    assert copy.stretch.first <= wanted.first
    assert wanted.last <= copy.stretch.last
    with tempfile.TemporaryDirectory() as folder:
        check(written(index, copy, Path(folder)), source, index, copy.stretch)


@given(clips(), st.data())
def test_copies_of_one_video_share_no_frame(
    clip_folder: Path, clip: Clip, data: st.DataObject
) -> None:
    """Stretches that need the same GOP are one clip; each one lies inside a clip."""
    index = index_of(cached(clip, clip_folder))
    hits = data.draw(st.lists(st.integers(0, len(index.order) - 1), min_size=1, unique=True))
    seconds = st.fractions(0, Fraction(1, 2), max_denominator=50)
    pad, merge = data.draw(seconds), data.draw(seconds)
    wanted = stretches(index, np.array(sorted(hits), np.int64), pad, merge)
    cut = [copy.stretch for copy in copies(index, wanted)]
    assert all(a.last + 1 < b.first for a, b in pairwise(cut))
    for stretch in wanted:
        assert any(c.first <= stretch.first and stretch.last <= c.last for c in cut)
    shown = (index.packets.pts[index.order] - index.start_pts) * float(index.stream.time_base)
    for hit in hits:
        (around,) = [s for s in wanted if s.first <= hit <= s.last]
        near = np.flatnonzero(np.abs(shown - shown[hit]) < float(pad) - 1e-6)
        assert around.first <= near.min(initial=hit)
        assert near.max(initial=hit) <= around.last


@pytest.mark.parametrize(
    ("name", "container"), [(name, c) for name, kind in KINDS.items() for c in kind.containers]
)
def test_other_codecs_are_copied_or_said_not_to_be(
    name: str, container: str, clip_folder: Path, tmp_path: Path
) -> None:
    """A copy shows what the source shows; what cannot be copied raises ValueError with the reason."""
    source = made(name, container, clip_folder)
    index = index_of(source)
    middle = len(index.order) // 2
    (copy,) = copies(index, [Stretch(middle, middle + 2)])
    if name in NOT_TAKEN:
        with pytest.raises(ValueError, match="does not support"):
            written(index, copy, tmp_path)
        return
    check(written(index, copy, tmp_path), source, index, copy.stretch)


NOT_TAKEN = {"huffyuv", "flv1", "h263", "wmv2"}
"""What Matroska does not take."""


@pytest.mark.parametrize(("rotation", "mirrored"), [(90, False), (180, False), (270, True)])
def test_a_clip_is_turned_as_its_source(
    rotation: int, mirrored: bool, clip_folder: Path, tmp_path: Path
) -> None:
    """By the display matrix, as a player does it."""
    clip = Clip(frames=20, gop=6, rotation=rotation, mirrored=mirrored)
    index = index_of(cached(clip, clip_folder))
    (copy,) = copies(index, [Stretch(8, 9)])
    found = index_of(written(index, copy, tmp_path)).stream
    assert (found.rotation, found.mirrored) == (rotation, mirrored)


@given(st.lists(st.integers(-1000, 1000), min_size=1, unique=True))
def test_packets_are_decoded_in_order_and_before_they_are_shown(shown_at: list[int]) -> None:
    """Whatever the order of their times."""
    pts = np.array(shown_at, np.int64)
    times = decode_times(pts)
    assert (np.diff(times) > 0).all()
    assert (times <= pts).all()


CLIPS = (
    Clip(frames=48, gop=8),
    Clip(codec="h265", container="mkv", frames=48, gop=8, gop_kind="open"),
    Clip(container="ts", frames=40, gop=5, vfr=True),
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, clip_folder: Path) -> str:
    """An output over three videos, every third frame."""
    return output_over(tmp_path_factory.mktemp("cut"), CLIPS, clip_folder)


def listed(folder: Path) -> list[dict[str, str]]:
    """The lines of the list."""
    with (folder / "clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def hits(output: str, takes: Callable[[dict[str, Any]], bool]) -> set[tuple[str, int]]:
    """In which frames something was found that is looked for."""
    rows = fleet.read(output).detections.to_table().to_pylist()
    return {(r["uri"], r["frame"]) for r in rows if np.isfinite(r["x2"]) and takes(r)}


@pytest.mark.parametrize("exact", [False, True])
def test_every_hit_lies_in_a_clip_whose_length_is_that_in_the_list(
    out: str, tmp_path: Path, exact: bool
) -> None:
    """Copied clips are longer, by whole GOPs; encoded ones begin and end at the very frames."""
    choice = Choice(labels=("person",), min_score=0.6)
    asked = Cutting(choice, Fraction("0.05"), Fraction("0.1"), exact)
    done = cut_clips(out, str(tmp_path), asked)
    wanted = hits(out, lambda row: row["label"] == "person" and row["score"] >= 0.6)
    assert wanted
    lines = listed(tmp_path)
    assert len(lines) == done.clips == len(list(tmp_path.glob("*.mp4")))
    assert {line["how"] for line in lines} == {"encoded" if exact else "copied"}
    inside = {
        (line["uri"], frame)
        for line in lines
        for frame in range(int(line["first_frame"]), int(line["last_frame"]) + 1)
    }
    assert wanted <= inside
    for line in lines:
        with av.open(str(tmp_path / line["clip"])) as container:
            stream = container.streams.video[0]
            times = [frame.time for frame in container.decode(stream)]
            assert stream.duration is not None
            assert stream.time_base is not None
            length_s = float(stream.duration * stream.time_base)
        assert len(times) == int(line["frames"])
        frame_s = float(line["duration_s"]) / len(times)
        assert length_s == pytest.approx(float(line["duration_s"]), abs=frame_s)
        assert int(line["frames_with_hits"]) == sum(
            (line["uri"], frame) in wanted
            for frame in range(int(line["first_frame"]), int(line["last_frame"]) + 1)
        )
        # A clip of more frames is another file: what was found since is not left out for the old one.
        bounds = f"_{int(line['first_frame']):07}-{int(line['last_frame']):07}"
        assert bounds in line["clip"]
        assert line["labels"] == "person"
        assert float(line["start_s"]) <= float(line["first_hit_s"]) < float(line["end_s"])
        assert line["time"].startswith("2026-01-14T08:00:0")


def test_clips_that_are_there_are_not_cut_again(out: str, tmp_path: Path) -> None:
    """And other stretches do not go into the same folder."""
    asked = Cutting(Choice(min_score=0.9), Fraction(0), Fraction(0))
    first = cut_clips(out, str(tmp_path), asked)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    clips_there = sorted(tmp_path.glob("*.mp4"))
    clips_there[0].unlink()
    second = cut_clips(out, str(tmp_path), asked)
    assert (second.clips, second.kept) == (first.clips, first.clips - 1)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(UsageError, match="holds another export"):
        cut_clips(out, str(tmp_path), Cutting(Choice(min_score=0.8)))
    with pytest.raises(UsageError, match="--pad -1 is negative"):
        Cutting(Choice(), Fraction(-1))
