"""Crops hold the pixels of their boxes, exactly those, of the frames that the job was given."""

from __future__ import annotations

import csv
import io
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from ends import failing
from generate import Clip, cached
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scattered import output_over, over_a_replaced_video, run_over

import fleet
from fleet import DETECTIONS, Device, FrameBatch, FrameJob, Rows
from fleet.core.frames import Picture
from fleet.errors import StorageError, UsageError
from fleet.export.chosen.choice import Choice
from fleet.export.chosen.video import Box, Video
from fleet.export.clips.area import area
from fleet.export.clips.crops import Cropping, cut_crops
from fleet.export.picture_job import PNG
from fleet.export.run import Exporting, export_output
from fleet.show.decode import decode_frames
from fleet.show.video import open_recorded

CLIPS = (
    Clip(frames=20, gop=6),
    Clip(codec="h265", container="mkv", frames=24, gop=8, gop_kind="open"),
    Clip(container="ts", frames=18, gop=5, vfr=True),
    Clip(container="mov", frames=12, rotation=90, b_frames=0),
    Clip(container="mov", frames=12, rotation=270, mirrored=True, b_frames=0),
    Clip(container="mp4-edit", frames=20, hidden=5),
    Clip(frames=8, sample_aspect=Fraction(4, 3)),
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, clip_folder: Path) -> str:
    """An output over videos of several kinds, every third frame; boxes lie over the edges, too."""
    return output_over(tmp_path_factory.mktemp("crops"), CLIPS, clip_folder)


def decoded(output: str) -> dict[tuple[str, int], NDArray[np.uint8]]:
    """The frames that the output has looked at, as `fleet show` decodes them before it draws."""
    rows = fleet.read(output).frames.to_table().to_pylist()
    found: dict[tuple[str, int], NDArray[np.uint8]] = {}
    for uri in sorted({row["uri"] for row in rows}):
        video = open_recorded(output, uri)
        wanted = np.zeros(len(video.index.order), np.bool_)
        wanted[[row["frame"] for row in rows if row["uri"] == uri]] = True
        for frame in decode_frames(video.index, wanted, video.chip, Picture.rgb):
            found[uri, frame.frame] = frame.made
    return found


def touched(rgb: NDArray[np.uint8], row: dict[str, Any], expand: float) -> NDArray[np.uint8]:
    """The pixels that an expanded box touches, found by asking each column and each row."""
    height, width = rgb.shape[:2]
    across, along = (expand * (row[f"{axis}2"] - row[f"{axis}1"]) for axis in "xy")
    columns = [c for c in range(width) if row["x1"] - across < c + 1 and c < row["x2"] + across]
    rows = [r for r in range(height) if row["y1"] - along < r + 1 and r < row["y2"] + along]
    return rgb[np.ix_(rows, columns)]


def listed(folder: Path) -> list[dict[str, str]]:
    """The lines of the list."""
    with (folder / "crops.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """The pixels of a file."""
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))


def matched(output: str, folder: Path) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Each line of the list with the row of the table that it is of, by their order in a frame."""
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in fleet.read(output).detections.to_table().to_pylist():
        rows.setdefault((row["uri"], row["frame"]), []).append(row)
    for line in listed(folder):
        (row,) = (
            row
            for row in rows[line["uri"], int(line["frame"])]
            if math.isclose(row["x1"], float(line["x1"]), abs_tol=1e-3)
            and math.isclose(row["y2"], float(line["y2"]), abs_tol=1e-3)
        )
        yield line, row


@pytest.mark.parametrize("expand", [0.0, 0.25])
def test_a_png_has_the_pixels_of_its_box_in_the_source(
    out: str, tmp_path: Path, expand: float
) -> None:
    """Upright; of each box that lies in the picture, over its edge or not, there is one."""
    done = cut_crops(out, str(tmp_path), Cropping(Choice(), expand, PNG))
    frames = decoded(out)
    files = Counter[str]()
    for line, row in matched(out, tmp_path):
        found = pixels_of(tmp_path / line["crop"])
        rgb = frames[line["uri"], int(line["frame"])]
        assert np.array_equal(found, touched(rgb, row, expand))
        left, top = int(line["left"]), int(line["top"])
        assert found.shape[:2] == (int(line["height"]), int(line["width"]))
        assert np.array_equal(rgb[top:, left:][: found.shape[0], : found.shape[1]], found)
        assert line["label"] == row["label"]
        assert float(line["score"]) == pytest.approx(row["score"], abs=1e-6)
        assert float(line["time_s"]) == row["time_s"]
        assert line["time"].startswith("2026-01-14T08:00:0")
        files[line["crop"]] += 1
    assert set(files.values()) == {1}
    assert sorted(files) == sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png"))
    rows = fleet.read(out).detections.to_table().to_pylist()
    inside = [row for row in rows if _has_pixels(row, frames[row["uri"], row["frame"]])]
    assert done.crops == len(files) == len(inside) > 50
    assert done.left_out == len(rows) - len(inside) > 0
    assert done.frames == len({(row["uri"], row["frame"]) for row in inside})
    # By name they are in the order of the list: by video, frame and box.
    assert list(files) == sorted(files)


def _has_pixels(row: dict[str, Any], rgb: NDArray[np.uint8]) -> bool:
    return math.isfinite(row["x2"]) and touched(rgb, row, 0).size > 0


def test_a_jpeg_looks_as_the_source_does(out: str, tmp_path: Path) -> None:
    """But for what JPEG loses; only what is chosen is cut out."""
    choice = Choice(labels=("person",), min_score=0.5, cameras=("0", "3"))
    done = cut_crops(out, str(tmp_path), Cropping(choice, 0.1))
    frames = decoded(out)
    lines = list(matched(out, tmp_path))
    assert done.crops == len(lines) > 1
    for line, row in lines:
        assert (row["label"], line["camera"] in {"0", "3"}) == ("person", True)
        assert row["score"] >= 0.5
        found = pixels_of(tmp_path / line["crop"])
        truth = touched(frames[line["uri"], int(line["frame"])], row, 0.1)
        assert found.shape == truth.shape
        assert np.abs(found.astype(int) - truth).mean() < 4


def test_crops_that_are_there_are_not_cut_again(out: str, tmp_path: Path) -> None:
    """What an interruption has left away is cut, and nothing else; other ones go elsewhere."""
    asked = Cropping(Choice(min_score=0.4), 0.1, PNG)
    first = cut_crops(out, str(tmp_path), asked)
    crops = sorted(tmp_path.rglob("*.png"))
    assert (first.crops, first.kept) == (len(crops), 0)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    gone = crops[::4]
    for path in [*gone, tmp_path / "crops.csv"]:
        path.unlink()
    for path in set(crops) - set(gone):
        os.utime(path, (1, 1))
    seen: list[tuple[int, int]] = []
    second = cut_crops(out, str(tmp_path), asked, lambda *told: seen.append(told))
    assert (second.crops, second.kept) == (len(crops), len(crops) - len(gone))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert {path for path in crops if path.stat().st_mtime == 1} == set(crops) - set(gone)
    assert seen[-1] == (len(CLIPS), len(CLIPS))
    with pytest.raises(UsageError, match="holds another export"):
        cut_crops(out, str(tmp_path), Cropping(Choice(min_score=0.4), 0.2, PNG))


def test_where_a_put_fails_frames_end_before_their_device(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is decoded on a device that is closed."""
    crops = "fleet.export.clips.crops"
    ended = failing(monkeypatch, crops, crops)
    with pytest.raises(StorageError, match="the store is full"):
        cut_crops(out, str(tmp_path), Cropping(Choice()))
    assert ended == ["frames", "device"]


EDGES = {
    "zero wide": (10, 10, 10, 20),
    "zero high": (10, 10, 20, 10),
    "no more than a point": (10.5, 10.5, 10.5, 10.5),
    "left of it": (-20, 10, 0, 20),
    "below": (10, 10_000, 20, 10_010),
    "turned round": (20, 20, 10, 10),
    "a sliver": (10.2, 10.2, 10.4, 10.4),
    "over the corner": (-5, -5, 3, 3),
    "all": (-1e6, -1e6, 1e6, 1e6),
    "whole pixels": (8, 8, 12, 12),
}
"""Label -> a box of each frame."""
CUT = {"a sliver": (1, 1), "over the corner": (3, 3), "all": None, "whole pixels": (4, 4)}
"""Label -> width and height of the crop, for those that have one; None for the whole picture."""


@dataclass(frozen=True)
class Edges(FrameJob):
    """The same odd boxes in each frame."""

    table: ClassVar[str] = "detections"
    schema: ClassVar[pa.Schema] = DETECTIONS

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Return EDGES for each picture."""
        del opened
        count, several = len(batch), len(EDGES)
        edges = np.tile(np.array(list(EDGES.values()), np.float32), (count, 1))
        return Rows(
            np.repeat(np.arange(count), several).astype(np.int32),
            {
                "label": list(EDGES) * count,
                "class_id": np.tile(np.arange(several, dtype=np.int32), count),
                "score": np.ones(count * several, np.float32),
                **dict(zip(("x1", "y1", "x2", "y2"), edges.T, strict=True)),
            },
        )


@pytest.mark.parametrize("rotation", [0, 90])
def test_odd_boxes_are_cut_to_the_picture_or_left_out(
    rotation: int, clip_folder: Path, tmp_path: Path
) -> None:
    """Without an area, or with none of it in the picture, there is nothing to cut."""
    clip = Clip(container="mov", frames=6, rotation=rotation, b_frames=0)
    path = tmp_path / "videos" / "cam1" / "20260114T080000.mov"
    path.parent.mkdir(parents=True)
    path.write_bytes(cached(clip, clip_folder).read_bytes())
    report = run_over(tmp_path / "videos", str(tmp_path / "out"), Edges())
    done = cut_crops(report.output, str(tmp_path / "crops"), Cropping(Choice(), 0, PNG))
    (video,) = fleet.read(report.output).videos.to_table().to_pylist()
    whole = video["width"], video["height"]
    assert (whole[0] < whole[1]) == (rotation == 90)
    lines = listed(tmp_path / "crops")
    assert len(lines) == done.crops == 3 * len(CUT)
    assert done.left_out == 3 * (len(EDGES) - len(CUT))
    for line in lines:
        size = Image.open(tmp_path / "crops" / line["crop"]).size
        assert size == (CUT[line["label"]] or whole)
    # Of these alone no box has a place, so that nothing of the video is cut or exported.
    turned = Choice(labels=("turned round",), found_only=True)
    none = cut_crops(report.output, str(tmp_path / "none"), Cropping(turned))
    assert (none.crops, none.left_out) == (0, 3)
    exported = export_output(report.output, str(tmp_path / "csv"), Exporting("csv", turned))
    assert (exported.frames, exported.left_out) == (0, 3)


finite = st.floats(-200, 300, width=32)


@given(finite, finite, finite, finite, st.floats(0, 10), st.integers(1, 90), st.integers(1, 90))
def test_an_area_is_what_the_box_touches(
    x: float, width: float, y: float, height: float, expand: float, across: int, along: int
) -> None:
    """Of the picture, and no more; there is none where the box itself is not in it."""
    video = Video("a.mp4", "1", across, along, 25.0)
    box = Box("person", 0, 0.5, x, y, x + width, y + height)
    found = area(box, video, expand)
    is_seen = x < box.x2 and x < across and box.x2 > 0
    is_seen &= y < box.y2 and y < along and box.y2 > 0
    assert (found is not None) == is_seen
    if found is None:
        return
    more = expand * box.width, expand * box.height
    columns = [c for c in range(across) if x - more[0] < c + 1 and c < box.x2 + more[0]]
    rows = [r for r in range(along) if y - more[1] < r + 1 and r < box.y2 + more[1]]
    assert (found.left, found.right - 1) == (columns[0], columns[-1])
    assert (found.top, found.bottom - 1) == (rows[0], rows[-1])


@pytest.mark.parametrize("expand", [-0.1, 11, math.nan, math.inf])
def test_boxes_do_not_grow_by_what_is_no_share(expand: float) -> None:
    """The error names the option."""
    with pytest.raises(UsageError, match="--expand"):
        Cropping(Choice(), expand)


def test_a_video_that_was_replaced_gives_no_crops(tmp_path: Path, clip_folder: Path) -> None:
    """Boxes of one video do not lie where those of another do."""
    output = over_a_replaced_video(tmp_path, clip_folder)
    with pytest.raises(UsageError, match="is not the video"):
        cut_crops(output, str(tmp_path / "crops"), Cropping(Choice()))
    assert not list((tmp_path / "crops").rglob("*.jpg"))
