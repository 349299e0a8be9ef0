"""Clips as files: coded as asked, with the truth beside them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from exact import index_of
from typer.testing import CliRunner

from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.street.archive import _longest_first, plan_archive, render_archive
from fleet.street.command import street
from fleet.street.encode import TRUTH, truth_table, write
from fleet.street.scene.clip import Clip, Coding, Density
from fleet.street.scene.truth import Seen
from fleet.table.parts.schema import DETECTIONS, IDENTITY
from fleet.video.index import VideoIndex

CLIP = Clip(seed=3, scene=1, size=Size(320, 180), rate=Fraction(10), seconds=3.0)


def written(clip: Clip, folder: Path) -> tuple[Path, list[list[Seen]], VideoIndex]:
    """A clip as a file, its truth, and its index."""
    path = folder / "clip.mp4"
    truth = write(clip, path)
    return path, truth, index_of(path)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize(("gop_s", "b_frames"), [(1.0, 0), (1.0, 2), (1.5, 3)])
def test_clips_are_coded_as_asked(tmp_path: Path, codec: str, gop_s: float, b_frames: int) -> None:
    """Codec, picture, rate, frames, GOPs and B-frames are what the clip says."""
    _, truth, index = written(replace(CLIP, coding=Coding(codec, gop_s, b_frames)), tmp_path)
    assert index.stream.codec == {"h264": "h264", "h265": "hevc"}[codec]
    assert index.stream.size == CLIP.size
    assert index.stream.frame_rate == 10
    assert len(index.order) == len(truth) == 30
    assert len(index.cuts) == round(3.0 / gop_s)
    assert index.has_b_frames == bool(b_frames)
    assert index.open_gops == 0


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_open_gops_refer_across_keys(tmp_path: Path, codec: str) -> None:
    """An open GOP begins with pictures that need the GOP before."""
    clip = replace(CLIP, coding=Coding(codec, 1.0, 2, open_gop=True))
    assert written(clip, tmp_path)[2].open_gops == 2


def test_decoded_pictures_show_what_was_drawn(tmp_path: Path) -> None:
    """The decoded frames are the drawn ones, up to the loss of coding."""
    from fleet.street.painting.draw import Scene

    path, _, _ = written(CLIP, tmp_path)
    scene = Scene(CLIP)
    with av.open(str(path)) as file:
        for number, frame in enumerate(file.decode(video=0)):
            drawn = scene.frame(number)[0].astype(np.float64)
            decoded = frame.to_ndarray(format="rgb24").astype(np.float64)
            assert np.abs(drawn - decoded).mean() < 9


def test_the_truth_stands_in_the_columns_of_a_detector(tmp_path: Path) -> None:
    """One row a figure; uri, pts and time as a job over the same file would write them."""
    path, truth, index = written(replace(CLIP, density=Density.CROWD), tmp_path)
    table = truth_table(CLIP, path, "camera-1", truth)
    assert table.schema == TRUTH
    assert table.schema.names[:11] == [*IDENTITY.names, *DETECTIONS.names]
    assert table.num_rows == sum(len(seen) for seen in truth) > 0
    assert set(table["uri"].to_pylist()) == {str(path)}
    frames = table["frame"].to_numpy()
    assert np.array_equal(table["pts"].to_numpy(), index.packets.pts[index.order][frames])
    assert table["time_s"].to_numpy() == pytest.approx(frames / 10)
    ignored = [seen.ignored(CLIP.size) for all_seen in truth for seen in all_seen]
    assert table["ignore"].to_pylist() == ignored


def test_a_clip_without_anybody_has_an_empty_truth(tmp_path: Path) -> None:
    """No rows, but all columns."""
    path, truth, _ = written(replace(CLIP, seconds=0.2), tmp_path)
    table = truth_table(CLIP, path, "camera-1", [[] for _ in truth])
    assert table.num_rows == 0
    assert table.schema == TRUTH


def test_an_archive_is_rendered_once(tmp_path: Path) -> None:
    """What is there is left as it is; what is missing or another clip is rendered again."""
    shots = plan_archive(tmp_path, 2, 0.5, 7)
    first = list(render_archive(shots, 2))
    assert all(outcome.drawn for outcome in first)
    stamps = [shot.video.stat().st_mtime_ns for shot in shots]
    again = list(render_archive(shots, 2))
    assert not any(outcome.drawn for outcome in again)
    assert [outcome.figures for outcome in again] == [outcome.figures for outcome in first]
    assert [shot.video.stat().st_mtime_ns for shot in shots] == stamps
    shots[0].video.unlink()
    longer = plan_archive(tmp_path, 2, 0.7, 7)
    assert [outcome.drawn for outcome in render_archive(shots, 2)] == [True, False]
    assert not any(shot.is_rendered for shot in longer)
    assert {entry.name for entry in tmp_path.iterdir()} == {"camera-1", "camera-2", "truth"}
    assert pq.read_table(shots[0].truth).num_rows == first[0].figures


def test_the_clip_that_takes_longest_is_begun_first(tmp_path: Path) -> None:
    """A crowd comes first; dark streets come before a plain day, H.265 before H.264."""
    order = [shot.camera for shot in _longest_first(list(plan_archive(tmp_path, 4, 45, 7)))]
    assert order == ["camera-2", "camera-4", "camera-3", "camera-1"]


def test_bad_archives_are_refused(tmp_path: Path) -> None:
    """No camera, a negative seed, no time, no place to write."""
    with pytest.raises(UsageError, match="0 cameras"):
        plan_archive(tmp_path, 0, 5, 1)
    with pytest.raises(UsageError, match="-1"):
        plan_archive(tmp_path, 1, 5, -1)
    with pytest.raises(UsageError, match="0 s"):
        plan_archive(tmp_path, 1, 0, 1)
    taken = tmp_path / "file"
    taken.write_text("not a folder")
    with pytest.raises(UsageError, match="cannot be put"):
        list(render_archive(plan_archive(taken, 1, 1, 1), 1))


def test_too_little_room_is_said_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence tells how much is needed and how much is free."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    with pytest.raises(UsageError, match="1 MB are free"):
        list(render_archive(plan_archive(tmp_path, 4, 45, 7), 1))
    assert not list(tmp_path.rglob("*.mp4"))


def test_the_command_tells_what_it_made(tmp_path: Path) -> None:
    """One line a clip, then where the truth lies."""
    app = typer.Typer()
    app.command()(street)
    arguments = ["--output", str(tmp_path), "--cameras", "1", "--seconds", "0.5", "--seed", "3"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "camera-1/clip-03000.mp4" in result.output
    assert "rendered" in result.output
    assert "there already" in CliRunner().invoke(app, arguments).output
