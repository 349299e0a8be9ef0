"""A job gets pictures as a player shows them, at any cut; or, where it says so, as stored."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import av
import numpy as np
import pyarrow as pa
import pytest
from av.video.stream import VideoStream
from exact import index_of, named, pixels, sequential, sharded
from generate import CODECS, Clip, Codec, Container, cached, display_matrix, write
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import fleet
from fleet.ascend.surface import frame_of, planes
from fleet.core.geometry import Size
from fleet.driver.recheck.recheck import recheck
from fleet.video.index import VideoIndex
from fleet.views.index import describe

TURNS = [(0, False), (90, False), (180, False), (270, False), (90, True), (0, True)]
TURNED: tuple[Container, ...] = ("mp4", "mp4-front", "mp4-fragmented", "mov", "mkv")


@cache
def turned_by_numpy(path: Path, rotation: int, *, mirrored: bool) -> list[str]:
    """Decode a file with PyAV, and turn each plane of each frame."""
    with av.open(str(path)) as container:
        return [
            named(_turned(plane, rotation, mirrored=mirrored) for plane in planes(frame))
            for frame in container.decode(video=0)
        ]


def _turned(plane: NDArray[np.uint8], rotation: int, *, mirrored: bool) -> NDArray[np.uint8]:
    return np.rot90(np.fliplr(plane) if mirrored else plane, -(rotation // 90))


@given(st.sampled_from(CODECS), st.sampled_from(TURNED), st.sampled_from(TURNS), st.data())
def test_any_cut_of_a_turned_clip_is_libav_s_picture_turned(
    clip_folder: Path,
    codec: Codec,
    container: Container,
    turn: tuple[int, bool],
    data: st.DataObject,
) -> None:
    """Sample for sample, whatever the container, and whichever frames are wanted."""
    rotation, mirrored = turn
    clip = Clip(codec, container, frames=20, gop=5, rotation=rotation, mirrored=mirrored)
    path = cached(clip, clip_folder)
    index = index_of(path)
    assert (index.stream.rotation, index.stream.mirrored) == (rotation, mirrored)
    assert index.stream.size == Size(160, 128)
    assert index.stream.shown_size == (Size(128, 160) if rotation % 180 else Size(160, 128))
    gops = len(index.cuts)
    cuts = [0, *data.draw(st.lists(st.integers(0, gops), max_size=3), label="cuts"), gops]
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=20, max_size=20)))
    seen, _, _ = sharded(index, cuts, wanted)
    truth = turned_by_numpy(path, rotation, mirrored=mirrored)
    assert [(number, digest) for number, _, digest in sorted(seen)] == [
        (number, truth[number]) for number in np.flatnonzero(wanted).tolist()
    ]


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("encoder", ["mpeg4", "mjpeg", "libvpx-vp9"])
def test_the_turn_of_other_codecs_is_found(tmp_path: Path, encoder: str, container: str) -> None:
    """Though the chip decodes none of them."""
    path = tmp_path / f"clip.{container}"
    with av.open(str(path), "w") as output:
        stream = cast("VideoStream", output.add_stream(encoder, rate=25))
        stream.width, stream.height = 160, 128
        stream.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        stream.set_display_matrix(display_matrix(90, mirrored=True))
        for number in range(3):
            picture = av.VideoFrame(160, 128, stream.pix_fmt)
            picture.pts = number
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    found = index_of(path).stream
    assert (found.rotation, found.mirrored, found.unheeded) == (90, True, "")


def whole(index: VideoIndex) -> list[str]:
    """The pictures that a job gets of a video: their digests."""
    everything = np.ones(len(index.order), np.bool_)
    seen, _, _ = sharded(index, [0, len(index.cuts)], everything)
    return [digest for _, _, digest in seen]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("container", ["mp4", "mkv", "ts", "raw"])
def test_the_shape_of_pixels_is_found_wherever_it_is_said(
    clip_folder: Path, codec: Codec, container: Container
) -> None:
    """In the container, or else in the stream."""
    clip = Clip(codec, container, frames=6, sample_aspect=Fraction(16, 11))
    stream = index_of(cached(clip, clip_folder)).stream
    assert stream.sample_aspect == Fraction(16, 11)
    assert (stream.size, stream.shown_size) == (Size(160, 128), Size(232, 128))


@pytest.mark.parametrize("aspect", [Fraction(1, 40), Fraction(200), Fraction(1089, 1088)])
def test_pixels_of_an_absurd_shape_count_as_squares(clip_folder: Path, aspect: Fraction) -> None:
    """And so do those that rounding made of squares."""
    path = cached(Clip(frames=4, sample_aspect=aspect), clip_folder)
    index = index_of(path)
    assert index.stream.is_shown_as_stored
    assert whole(index) == [digest for _, digest in sequential(path)]


@dataclass(frozen=True)
class Looks(fleet.FrameJob):
    """What the job sees of each picture."""

    table: ClassVar[str] = "looks"
    schema: ClassVar[pa.Schema] = pa.schema(
        [("width", pa.int32()), ("height", pa.int32()), ("pixels", pa.string())]
    )

    def run(self, opened: Any, batch: fleet.FrameBatch) -> fleet.Rows:
        """Return the size and the digest of each."""
        del opened
        columns = {
            "width": [picture.size.width for picture in batch.pictures],
            "height": [picture.size.height for picture in batch.pictures],
            "pixels": [pixels(frame_of(picture)) for picture in batch.pictures],
        }
        return fleet.Rows(np.arange(len(batch), dtype=np.int32), columns)


def looks(path: Path, output: Path, **fields: Any) -> tuple[list[dict[str, Any]], fleet.RunReport]:
    """Run the job over a video; return its rows in order, and the report."""
    report = fleet.run(fleet.Job(Looks(), path, output, **fields), on="inline")
    table = fleet.read(str(output)).table("looks").to_table()
    return table.sort_by("frame").select(["width", "height", "pixels"]).to_pylist(), report


def test_a_run_gives_the_job_upright_pictures_and_counts_the_turning(tmp_path: Path) -> None:
    """As the host's work, apart from the chip's."""
    path = write(Clip(frames=12, rotation=270), tmp_path / "phone.mp4")
    rows, report = looks(path, tmp_path / "out")
    truth = turned_by_numpy(path, 270, mirrored=False)
    assert rows == [{"width": 128, "height": 160, "pixels": digest} for digest in truth]
    assert report.this_run.host_s["turn"] > 0
    assert "turn" not in report.this_run.chip_s


def test_pixels_are_made_square_before_pictures_are_turned(tmp_path: Path) -> None:
    """By the VPC: a picture of 160x128 with pixels of 3:2 stands upright as 128x240."""
    path = write(Clip(frames=6, rotation=90, sample_aspect=Fraction(3, 2)), tmp_path / "dv.mp4")
    rows, report = looks(path, tmp_path / "out")
    assert [(row["width"], row["height"]) for row in rows] == [(128, 240)] * 6
    assert report.this_run.chip_s["vpc"] > 0
    text = describe(index_of(path))
    assert "picture     160x128" in text
    assert "shown       128x240, turned by 90 degrees clockwise, sample aspect 3:2" in text


def test_a_job_may_have_the_stored_pictures(tmp_path: Path) -> None:
    """Bit for bit; it is another job then, and nothing is turned or scaled."""
    clip = Clip(frames=6, rotation=90, sample_aspect=Fraction(3, 2))
    path = write(clip, tmp_path / "phone.mp4")
    rows, report = looks(path, tmp_path / "out", rotation="ignore")
    stored = [digest for _, digest in sequential(path)]
    assert rows == [{"width": 160, "height": 128, "pixels": digest} for digest in stored]
    assert not {"turn", "vpc"} & report.this_run.host_s.keys()
    with pytest.raises(fleet.errors.OutputTakenError):
        looks(path, tmp_path / "out")


@pytest.mark.parametrize("rotation", ["apply", "ignore"])
def test_what_is_decoded_again_is_shown_in_the_same_way(
    tmp_path: Path, rotation: Literal["apply", "ignore"]
) -> None:
    """`fleet verify --deep` finds no difference."""
    path = write(Clip(frames=12, rotation=90), tmp_path / "phone.mp4")
    job = fleet.Job(Looks(), path, tmp_path / "out", rotation=rotation)
    fleet.run(job, on="inline")
    report = recheck(job, 3, seed=1)
    assert report.stretches > 0
    assert not report.findings


def test_an_unturned_video_costs_nothing_and_is_told_as_before(tmp_path: Path) -> None:
    """No stage, no line."""
    path = write(Clip(frames=6), tmp_path / "plain.mp4")
    rows, report = looks(path, tmp_path / "out")
    assert [row["pixels"] for row in rows] == [digest for _, digest in sequential(path)]
    assert "turn" not in report.this_run.host_s
    assert "shown" not in describe(index_of(path))
