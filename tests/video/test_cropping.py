"""What a container has cropped is not seen by a job: as players and FFmpeg's command have it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from clean_aperture import AREA, cropped
from exact import eight_bit, index_of, named, sequential, sharded
from generate import Clip, cached
from hypothesis import given
from hypothesis import strategies as st

from fleet.ascend.surface import planes
from fleet.core.geometry import Size
from fleet.video.containers.display_matrix import Aperture
from fleet.video.probe.serialize import stream_from_json, stream_to_json
from fleet.views.index import describe as described


def _copied(source: Path, path: Path) -> Path:
    with av.open(str(source)) as read, av.open(str(path), "w") as output:
        stream = read.streams.video[0]
        target = output.add_stream_from_template(stream)
        for packet in read.demux(stream):
            if packet.size:
                packet.stream = target
                output.mux(packet)
    return path


def _shown(path: Path) -> list[str]:
    """Decode a file with PyAV, and cut the area out."""
    with av.open(str(path)) as container:
        return [
            named(
                plane[AREA.top // n : AREA.bottom // n, AREA.left // n : AREA.right // n]
                for plane, n in zip(planes(eight_bit(frame)), (1, 2, 2), strict=True)
            )
            for frame in container.decode(container.streams.video[0])
        ]


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_job_gets_what_is_shown(clip_folder: Path, tmp_path: Path, container: str) -> None:
    """Bit for bit, in MP4 and Matroska; as stored, all of it."""
    path = cropped(cached(Clip(container="mp4"), clip_folder), tmp_path / "cropped.mp4")
    path = path if container == "mp4" else _copied(path, tmp_path / "cropped.mkv")
    index = index_of(path)
    assert (index.stream.shown_area, index.stream.shown_size) == (AREA, AREA.size)
    assert "cropped to 136x104 from (16, 4)" in described(index)
    assert stream_from_json(stream_to_json(index.stream)) == index.stream
    wanted = index.frame_of_row[index.order] >= 0
    cuts = list(range(len(index.cuts) + 1))
    seen, _, _ = sharded(index, cuts, wanted)
    assert [pixels for _, _, pixels in sorted(seen)] == _shown(path)
    stored, _, _ = sharded(index.as_stored(), cuts, wanted)
    assert [pixels for _, _, pixels in sorted(stored)] == [p for _, p in sequential(path)]


def test_pictures_are_cropped_before_they_are_turned(clip_folder: Path, tmp_path: Path) -> None:
    """As the aperture is one of the stored picture."""
    clip = Clip(container="mp4", rotation=90)
    index = index_of(cropped(cached(clip, clip_folder), tmp_path / "cropped.mp4"))
    assert index.stream.shown_size == Size(AREA.height, AREA.width)
    wanted = index.frame_of_row[index.order] >= 0
    seen, _, _ = sharded(index, [0, len(index.cuts)], wanted)
    assert len(seen) == len(index.order)


def test_nothing_is_cropped_where_nothing_is_asked_for(clip_folder: Path) -> None:
    """As in most files."""
    for clip in (Clip(container="mp4"), Clip(container="mkv")):
        assert index_of(cached(clip, clip_folder)).stream.shown_area is None


@given(*(st.fractions(-300, 300, max_denominator=3) for _ in range(4)))
def test_an_aperture_that_makes_no_sense_is_none(
    width: Fraction, height: Fraction, right: Fraction, down: Fraction
) -> None:
    """What is shown lies within the picture, its edges even, and within what is asked for."""
    size = Size(160, 128)
    area = Aperture(width, height, right, down).within(size)
    if area is not None:
        assert area.inside(size)
        assert not any(side % 2 for side in (area.left, area.top, area.width, area.height))
        assert area.width <= width
        assert area.height <= height
