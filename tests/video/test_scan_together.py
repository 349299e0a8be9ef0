"""Scans read packets together where that is certain; what they give is what one by one gives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from exact import index_of
from generate import CODECS, Clip, Codec, Container, cached
from mutated import mutated

from fleet.errors import VideoError
from fleet.video.containers.packet_batch import PacketBatch
from fleet.video.probe.wire import index_to_bytes

SCANNED: tuple[Container, ...] = ("ts", "m2ts", "mkv", "raw")
MUTATIONS = 6


def clips_of(codec: Codec, container: Container, folder: Path) -> list[Path]:
    """Files with B-frames and without, of even and uneven times, whose keys repeat their sets."""
    return [
        cached(Clip(codec, container, frames=40, gop=9, b_frames=3, pyramid=True), folder),
        cached(Clip(codec, container, frames=40, gop_kind="open", vfr=True), folder),
        cached(Clip(codec, container, b_frames=0, plain=True), folder),
    ]


def said_of(path: Path) -> bytes:
    """The whole index of a file, or why there is none."""
    try:
        return index_to_bytes(index_of(path, whole_bytes=0))
    except VideoError as error:
        return f"{error.name}: {error.message}".encode()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("container", SCANNED)
def test_packets_read_together_give_what_one_by_one_gives(
    codec: Codec,
    container: Container,
    clip_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For whole files and for files in which bytes were changed, left out or put in."""
    chance = random.Random(f"{codec} {container}")  # noqa: S311 - the same files each time
    files = clips_of(codec, container, clip_folder)
    for number in range(MUTATIONS):
        clip = files[number % 3]
        path = tmp_path / f"{number}{clip.suffix}"
        path.write_bytes(mutated(clip.read_bytes(), chance)[1])
        files.append(path)
    together = [said_of(path) for path in files]
    monkeypatch.setattr(PacketBatch, "is_plain", False)
    assert [said_of(path) for path in files] == together


@pytest.mark.parametrize("container", SCANNED)
def test_a_whole_file_is_read_together(
    container: Container, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No packet of it is looked for by itself."""
    for path in clips_of("h264", container, clip_folder):
        with monkeypatch.context() as patch:
            patch.setattr("fleet.video.probe.scanned_rows.ScannedRows._add", None)
            index_of(path)


def test_packets_of_a_small_mp4_are_read_where_they_lie_in_the_file(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are held already: nothing is put together anew of what libav copied out of them."""
    for codec in CODECS:
        path = cached(Clip(codec), clip_folder)
        expected = index_to_bytes(index_of(path))
        with monkeypatch.context() as patch:
            patch.setattr(PacketBatch, "data", None)
            assert index_to_bytes(index_of(path)) == expected
