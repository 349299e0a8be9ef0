"""The pictures of an export are those that the job was given, whatever the container and codec."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from ends import failing
from generate import Clip
from numpy.typing import NDArray
from PIL import Image
from scattered import output_over, over_a_replaced_video

import fleet
from fleet.core.frames import Picture
from fleet.errors import StorageError, UsageError
from fleet.export.chosen.choice import Choice
from fleet.export.formats import FORMATS
from fleet.export.missing import Where
from fleet.export.picture_job import JPG, PNG
from fleet.export.run import Exporting, export_output
from fleet.show.decode import decode_frames
from fleet.show.video import open_recorded

CLIPS = (
    Clip(frames=20, gop=6),
    Clip(codec="h265", container="mkv", frames=24, gop=8, gop_kind="open"),
    Clip(container="ts", frames=18, gop=5, vfr=True),
    Clip(container="mov", frames=12, rotation=90, b_frames=0),
    Clip(container="mp4-edit", frames=20, hidden=5),
    Clip(frames=8, sample_aspect=Fraction(4, 3)),
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, clip_folder: Path) -> str:
    """An output over videos of several kinds, every third frame."""
    return output_over(tmp_path_factory.mktemp("pictures"), CLIPS, clip_folder)


def decoded(output: str) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
    """The frames that the output has looked at, as `fleet show` decodes them before it draws."""
    tables = fleet.read(output)
    rows = tables.frames.to_table().to_pylist()
    for uri in sorted({row["uri"] for row in rows}):
        video = open_recorded(output, uri)
        wanted = np.zeros(len(video.index.order), np.bool_)
        wanted[[row["frame"] for row in rows if row["uri"] == uri]] = True
        for frame in decode_frames(video.index, wanted, video.chip, Picture.rgb):
            yield uri, frame.frame, frame.made


def picture_of(path: Path) -> NDArray[np.uint8]:
    """The pixels of a file."""
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))


def listed(folder: Path) -> dict[tuple[str, int], Path]:
    """Video and frame -> the picture that an export names."""
    lines = (folder / "frames.jsonl").read_text().splitlines()
    import json

    return {(row["uri"], row["frame"]): folder / row["image"] for row in map(json.loads, lines)}


def test_a_png_has_each_pixel_of_the_source(out: str, tmp_path: Path) -> None:
    """Upright, with square pixels, and of the size that the export says."""
    done = export_output(out, str(tmp_path), Exporting("jsonl", pictures=True, suffix=PNG))
    pictures = listed(tmp_path)
    assert done.pictures == len(pictures) == len(list(tmp_path.rglob("*.png"))) > 30
    seen = 0
    for uri, frame, rgb in decoded(out):
        assert np.array_equal(picture_of(pictures[uri, frame]), rgb)
        seen += 1
    assert seen == len(pictures)


def test_a_jpeg_looks_as_the_source_does(out: str, tmp_path: Path) -> None:
    """But for what JPEG loses; also in its colours, which JPEGE would not convert by itself."""
    export_output(out, str(tmp_path), Exporting("jsonl", pictures=True, suffix=JPG))
    pictures = listed(tmp_path)
    for uri, frame, rgb in decoded(out):
        found = picture_of(pictures[uri, frame])
        assert found.shape == rgb.shape
        assert np.abs(found.astype(int) - rgb).mean() < 4


def test_pictures_that_are_there_are_not_written_again(out: str, tmp_path: Path) -> None:
    """What an interruption has left away is written, and nothing else."""
    asked = Exporting("coco", pictures=True)
    first = export_output(out, str(tmp_path), asked)
    pictures = sorted(tmp_path.rglob("*.jpg"))
    assert first.pictures == len(pictures)
    before = {path: path.read_bytes() for path in pictures}
    gone = pictures[::4]
    for path in gone:
        path.unlink()
    for path in set(pictures) - set(gone):
        os.utime(path, (1, 1))
    second = export_output(out, str(tmp_path), asked)
    assert (second.pictures, second.pictures_kept) == (len(gone), len(pictures) - len(gone))
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*.jpg"))} == before
    assert {path for path in pictures if path.stat().st_mtime == 1} == set(pictures) - set(gone)


def test_where_a_put_fails_frames_end_before_their_device(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is decoded on a device that is closed."""
    ended = failing(monkeypatch, "fleet.export.run", "fleet.export.pictures")
    with pytest.raises(StorageError, match="the store is full"):
        export_output(out, str(tmp_path), Exporting("coco", pictures=True))
    assert ended == ["frames", "device"]


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_names_the_pictures_that_lie_there(out: str, tmp_path: Path, form: str) -> None:
    """One a frame, no two of one name."""
    choice = Choice(every=2, uris=("*.mp4", "*.mov"))
    done = export_output(out, str(tmp_path), Exporting(form, choice, pictures=True))
    pictures = list(tmp_path.rglob("*.jpg"))
    assert len(pictures) == done.frames == done.pictures > 4
    text = "".join(
        p.read_text()
        for p in tmp_path.rglob("*")
        if p.suffix in {".json", ".jsonl", ".csv", ".xml", ".txt"}
    )
    if form != "mot":
        assert all(path.name in text for path in pictures)
        return
    for ini in tmp_path.glob("*/seqinfo.ini"):
        count = len(list((ini.parent / "img1").iterdir()))
        assert f"seqLength={count}\n" in ini.read_text()
        assert (ini.parent / "img1" / f"{count:06}.jpg").exists()


def test_pictures_that_are_numbered_in_another_way_are_made_anew(out: str, tmp_path: Path) -> None:
    """MOT counts without gaps, so a frame more changes which frame a number is."""
    asked = Exporting("mot", Choice(uris=("*.mov",)), pictures=True, suffix=PNG)
    export_output(out, str(tmp_path), asked)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    (listing,) = tmp_path.glob("*/frames.csv")
    # As an output says that grew since.
    head, _, *rest = listing.read_text().splitlines()
    listing.write_text("\n".join([head, *rest]) + "\n")
    for path in before:
        path.write_bytes(b"of another frame")
    again = export_output(out, str(tmp_path), asked)
    assert again.pictures == len(before)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before


def test_a_video_that_was_replaced_gives_no_pictures(tmp_path: Path, clip_folder: Path) -> None:
    """Boxes of one video on the pictures of another would train a model wrongly."""
    output = over_a_replaced_video(tmp_path, clip_folder)
    for where in (Where(), Where(on="inline")):
        with pytest.raises(UsageError, match="is not the video"):
            export_output(output, str(tmp_path / "coco"), Exporting("coco", pictures=True), where)
    assert not list(tmp_path.rglob("*.jpg"))
