"""JPEG files as videos of one picture: found, indexed, decoded by JPEGD, turned, recorded."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

import fleet
from fleet import Device, FrameBatch, FrameJob, Rows
from fleet.ascend.surface import frame_of, planes
from fleet.core.source import Source
from fleet.errors import InputNotFoundError
from fleet.storage import expand
from fleet.video.probe.probe import probe
from fleet.video.probe.serialize import stream_from_json, stream_to_json
from fleet.video.probe.still import JPEG
from fleet.video.stills.jpeg_header import read_header, read_start

WHOLE, ODD = (1024, 688), (321, 243)


@dataclass(frozen=True)
class Pixels(FrameJob[Device]):
    """The samples of each picture as they are, and what they look like."""

    table: ClassVar[str] = "pixels"
    schema: ClassVar[pa.Schema] = pa.schema(
        [("planes", pa.binary()), ("rgb", pa.binary()), ("width", pa.int32())]
    )

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Copy each picture."""
        del opened
        columns: dict[str, list[Any]] = {
            "planes": [b"".join(p.tobytes() for p in planes(frame_of(x))) for x in batch.pictures],
            "rgb": [picture.rgb().tobytes() for picture in batch.pictures],
            "width": [picture.size.width for picture in batch.pictures],
        }
        return Rows(np.arange(len(batch), dtype=np.int32), columns)


def image(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture without a symmetry, smooth enough for chroma to survive, with some noise."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(seed).normal(0, 2, (height, width, 3))
    ramps = np.stack([x * 255 / width, y * 255 / height, 60 + x * 90 / width], -1)
    return Image.fromarray((ramps + noise).clip(0, 255).astype(np.uint8))


def jpeg(size: tuple[int, int], seed: int = 0, **options: Any) -> bytes:
    """The file of such a picture."""
    file = io.BytesIO()
    image(*size, seed).save(file, "JPEG", quality=92, **options)
    return file.getvalue()


def oriented(size: tuple[int, int], orientation: int) -> bytes:
    """A file with that orientation in its EXIF."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(size, orientation, exif=exif)


def decoded(data: bytes) -> bytes:
    """The planes that libav decodes a whole file to."""
    with av.open(io.BytesIO(data), "r", format="jpeg_pipe") as file:
        frame = next(file.decode(file.streams.video[0]))
    return b"".join(plane.tobytes() for plane in planes(frame))


def run(folder: Path, output: Path, **fields: Any) -> tuple[fleet.RunReport, dict[str, Any]]:
    """Run the job over the images in a folder: its report, and name -> row of pixels."""
    job = fleet.Job(Pixels(), folder, output, media="images", devices=1, **fields)
    report = fleet.run(job, on="inline")
    rows = fleet.read(str(output)).table("pixels").to_table().to_pylist()
    return report, {Path(row["uri"]).name: row for row in rows}


def errors_of(output: Path) -> dict[str, dict[str, Any]]:
    """Name -> row of errors/."""
    rows = fleet.read(str(output)).errors.to_table().to_pylist()
    assert not [name for name, count in Counter(row["uri"] for row in rows).items() if count > 1]
    return {Path(row["uri"]).name: row for row in rows}


def test_the_pictures_are_those_of_libav(tmp_path: Path) -> None:
    """Sample for sample, of odd sizes and of restarts too; and JPEGD is named as the decoder."""
    files = {
        "plain.jpg": jpeg(WHOLE),
        "deep/odd.JPEG": jpeg((1024, 683), 1),
        "restarts.jpg": jpeg((640, 480), 2, restart_marker_blocks=7),
        "thumbnail.jpg": jpeg((640, 480), 3, comment=b"\xff\xd8\xff" * 999),
    }
    for name, data in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "in" / "clip.mp4").write_bytes(b"none")
    report, rows = run(tmp_path / "in", tmp_path / "out")
    assert report.exit_code == 0
    assert {name: row["planes"] for name, row in rows.items()} == {
        Path(name).name: decoded(data) for name, data in files.items()
    }
    frames = fleet.read(str(tmp_path / "out")).frames.to_table().to_pylist()
    assert {(row["decoded_by"], row["frame"], row["pts"]) for row in frames} == {("jpegd", 0, 0)}


@pytest.mark.parametrize("size", [(320, 240), ODD])
def test_pictures_are_upright(tmp_path: Path, size: tuple[int, int]) -> None:
    """Each of the eight orientations of EXIF, as Pillow turns them; or as stored, when asked."""
    (tmp_path / "in").mkdir()
    for orientation in range(1, 9):
        (tmp_path / f"in/{orientation}.jpg").write_bytes(oriented(size, orientation))
    _, rows = run(tmp_path / "in", tmp_path / "out")
    _, stored = run(tmp_path / "in", tmp_path / "stored", rotation="ignore")
    for orientation in range(1, 9):
        name = f"{orientation}.jpg"
        with Image.open(tmp_path / "in" / name) as opened:
            even = opened.crop((0, 0, size[0] // 2 * 2, size[1] // 2 * 2))
            even.getexif()[0x0112] = orientation
            theirs = ImageOps.exif_transpose(even if orientation > 1 else opened)
            assert np.abs(_rgb(rows[name]) - np.asarray(theirs, float)).mean() < 2, name
            assert np.abs(_rgb(stored[name]) - np.asarray(opened, float)).mean() < 2, name


def _rgb(row: dict[str, Any]) -> NDArray[np.float64]:
    pixels = np.frombuffer(row["rgb"], np.uint8).reshape(-1, row["width"], 3)
    return pixels.astype(np.float64)


def test_what_jpegd_refuses_is_recorded_and_can_be_completed_on_the_host(tmp_path: Path) -> None:
    """A refused file is a row in errors/ with the chip's number, until the host decodes it."""
    (tmp_path / "in").mkdir()
    progressive = jpeg((640, 480), 1, progressive=True)
    print_ = io.BytesIO()
    image(640, 480).convert("CMYK").save(print_, "JPEG")
    files = {"sound.jpg": jpeg((640, 480)), "p.jpg": progressive, "cmyk.jpg": print_.getvalue()}
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    report, rows = run(tmp_path / "in", tmp_path / "out")
    assert (report.exit_code, set(rows)) == (3, {"sound.jpg"})
    refused = errors_of(tmp_path / "out")
    assert {(name, row["code"], row["stage"]) for name, row in refused.items()} == {
        ("p.jpg", 148052, "jpegd"),
        ("cmyk.jpg", 148052, "jpegd"),
    }
    report, rows = run(tmp_path / "in", tmp_path / "out", fallback="cpu")
    assert (report.exit_code, set(rows)) == (3, {"sound.jpg", "p.jpg"})
    assert rows["p.jpg"]["planes"] == decoded(progressive)
    assert set(errors_of(tmp_path / "out")) == {"cmyk.jpg"}
    frames = fleet.read(str(tmp_path / "out")).frames.to_table().to_pylist()
    assert Counter(row["decoded_by"] for row in frames) == {"jpegd": 1, "host": 1}


def test_each_damaged_file_is_a_picture_or_an_error(tmp_path: Path) -> None:
    """Files that are cut off, changed or none at all: none is passed over, none ends the run."""
    (tmp_path / "in").mkdir()
    data, chance = jpeg((320, 240)), np.random.default_rng(5)
    for number in range(60):
        broken = bytearray(data)
        if number % 3 == 0:
            del broken[int(chance.integers(1, len(data))) :]
        for at in chance.integers(0, len(broken), number % 7):
            broken[at] = int(chance.integers(256))
        (tmp_path / f"in/{number:02}.jpg").write_bytes(broken)
    (tmp_path / "in/sound.jpg").write_bytes(data)
    (tmp_path / "in/empty.jpg").write_bytes(b"")
    (tmp_path / "in/text.jpg").write_bytes(b"not found")
    report, rows = run(tmp_path / "in", tmp_path / "out")
    errors = errors_of(tmp_path / "out")
    assert report.exit_code == 3
    assert not rows.keys() & errors.keys()
    assert rows.keys() | errors.keys() == {path.name for path in (tmp_path / "in").iterdir()}
    assert {"empty.jpg", "text.jpg", "00.jpg"} <= errors.keys()
    again, same = run(tmp_path / "in", tmp_path / "out")
    assert (again.this_run.frames, same) == (0, rows)


def test_folders_of_images_and_of_videos_are_apart(tmp_path: Path) -> None:
    """What is taken of a folder is what is asked for, and what it holds else is said."""
    for name in ("a.jpg", "b/c.JPEG", "d.mp4", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    images = expand([str(tmp_path)], media="images")
    assert [Path(source.uri).name for source in images.sources] == ["a.jpg", "c.JPEG"]
    assert images.left == {".mp4": 1, ".txt": 1}
    assert [Path(source.uri).name for source in expand([str(tmp_path)]).sources] == ["d.mp4"]
    assert len(expand([str(tmp_path / "a.jpg"), str(tmp_path / "*.jpg*")], media="images").sources)
    with pytest.raises(InputNotFoundError, match="--set media=images"):
        expand([str(tmp_path / "b")])
    with pytest.raises(InputNotFoundError, match="--set media=videos"):
        expand([str(tmp_path / "*.mp4")], media="images")


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


@pytest.mark.parametrize("progressive", [False, True])
def test_an_index_needs_the_first_bytes_of_a_usual_file(progressive: bool) -> None:
    """A baseline file of one scan is indexed by its head; other files are read whole."""
    data = jpeg((1600, 1200), progressive=progressive)
    assert len(data) > 2 * (64 << 10)
    index = probe(Source("a.jpg", len(data), "e"), _Bytes(data))
    assert (index.container, index.stream.codec, len(index.order)) == (JPEG, JPEG, 1)
    assert index.bytes_read == (len(data) if progressive else 64 << 10)
    assert index.origin == ("scan" if progressive else "header")
    assert index.stream.jpeg == read_header(data)
    assert stream_from_json(stream_to_json(index.stream)) == index.stream


def test_the_first_bytes_say_nothing_of_further_scans() -> None:
    """A baseline file with a scan for each component has no end in its head."""
    data = jpeg((64, 64), progressive=True)
    assert read_start(data) is None
    assert read_start(jpeg((64, 64))) == read_header(jpeg((64, 64)))
    assert read_start(jpeg((64, 64))[:30]) is None
