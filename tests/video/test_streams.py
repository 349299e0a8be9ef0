"""Files with several video streams: each one is an input of its own, and none is passed over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from exact import pixels, sharded
from generate import Clip, cached

from fleet.core.source import Source, address_of_stream, split_stream
from fleet.driver.preparing.streams import choose_streams
from fleet.errors import InputNotFoundError, NotAVideoError
from fleet.storage import Reader, expand
from fleet.video.index import VideoIndex
from fleet.video.probe.probe import probe

FRONT, REAR = (
    Clip(frames=30, gop=8, container="mp4"),
    Clip(frames=26, gop=5, container="mp4", scenes=7),
)
MUXERS = {"mp4": "mp4", "mkv": "matroska", "avi": "avi", "ts": "mpegts"}


def cameras(container: str) -> tuple[Clip, Clip]:
    """What two cameras saw; libav writes no B-frames to AVI here."""
    if container != "avi":
        return FRONT, REAR
    front, rear = (replace(clip, b_frames=0, container="avi") for clip in (FRONT, REAR))
    return front, rear


def side_by_side(folder: Path, container: str) -> Path:
    """Two cameras in one file."""
    path = folder / f"two.{container}"
    sources = [av.open(str(cached(clip, folder))) for clip in cameras(container)]
    with av.open(str(path), "w", format=MUXERS[container]) as output:
        streams = [output.add_stream_from_template(s.streams.video[0]) for s in sources]
        packets = [
            (float(packet.dts * packet.time_base), number, packet)
            for number, source in enumerate(sources)
            for packet in source.demux(video=0)
            if packet.size and packet.dts is not None and packet.time_base is not None
        ]
        for _, number, packet in sorted(packets, key=lambda item: item[:2]):
            packet.stream = streams[number]
            output.mux(packet)
    return path


def one_after_the_other(folder: Path) -> Path:
    """A transport stream whose video moves to another PID, as a recorder's does."""
    path = folder / "moved.ts"
    parts = []
    for clip, pid in ((FRONT, 256), (REAR, 1024)):
        part = folder / f"{pid}.ts"
        options = {"mpegts_start_pid": str(pid)}
        with (
            av.open(str(cached(clip, folder))) as source,
            av.open(str(part), "w", format="mpegts", options=options) as output,
        ):
            stream = output.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def index_of(path: Path, number: int | None, whole_bytes: int = 1 << 20) -> VideoIndex:
    """Index one of the streams of a file."""
    address = str(path) if number is None else address_of_stream(str(path), number)
    (source,) = expand([address]).sources
    return probe(source, Reader(source), whole_bytes)


def decoded(index: VideoIndex) -> list[str]:
    """Decode all of it, cut at every key."""
    wanted = np.ones(len(index.order), np.bool_)
    seen, _, _ = sharded(index, list(range(len(index.cuts) + 1)), wanted)
    return [name for _, _, name in sorted(seen)]


def real(folder: Path, clip: Clip) -> list[str]:
    """Decode a clip with PyAV."""
    with av.open(str(cached(clip, folder))) as container:
        return [pixels(frame) for frame in container.decode(video=0)]


@pytest.mark.parametrize("container", MUXERS)
@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
def test_each_of_two_cameras_is_exact(clip_folder: Path, container: str, whole_bytes: int) -> None:
    """The first goes by the file's address, the second by its number."""
    path = side_by_side(clip_folder, container)
    first, second = index_of(path, None, whole_bytes), index_of(path, 1, whole_bytes)
    assert (first.stream.number, second.stream.number) == (0, 1)
    assert first.stream.beside == second.stream.beside == "h264,h264"
    front, rear = cameras(container)
    assert decoded(first) == real(clip_folder, front)
    assert decoded(second) == real(clip_folder, rear)
    with pytest.raises(NotAVideoError, match="none of number 2"):
        index_of(path, 2, whole_bytes)


def test_a_stream_that_begins_in_mid_file_is_found_and_exact(clip_folder: Path) -> None:
    """Libav does not see it where it looks for streams."""
    path = one_after_the_other(clip_folder)
    first, second = index_of(path, None), index_of(path, 1)
    assert first.stream.beside == "h264,?"
    assert decoded(first) == real(clip_folder, FRONT)
    assert decoded(second) == real(clip_folder, REAR)
    assert first.stream.transport_pid != second.stream.transport_pid


def test_a_preview_in_front_is_not_the_video(clip_folder: Path, tmp_path: Path) -> None:
    """The stream of H.264 goes by the file's address, wherever it lies."""
    path = tmp_path / "preview.mov"
    with (
        av.open(str(cached(FRONT, clip_folder))) as source,
        av.open(str(path), "w", format="mov") as output,
    ):
        preview = output.add_stream("mjpeg", rate=25)
        preview.width, preview.height, preview.pix_fmt = 64, 48, "yuvj420p"
        video = output.add_stream_from_template(source.streams.video[0])
        picture = av.VideoFrame.from_ndarray(np.zeros((72, 64), np.uint8), "yuv420p")
        for packet in [*preview.encode(picture), *preview.encode(None)]:
            output.mux(packet)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                output.mux(packet)
    index = index_of(path, None)
    assert (index.stream.codec, index.stream.number) == ("h264", 1)
    assert decoded(index) == real(clip_folder, FRONT)
    taken = choose_streams(index.source, index.stream, "all", on_host=False)
    assert (taken.itself, taken.further, taken.left) == (True, (), 1)
    taken = choose_streams(index.source, index.stream, "all", on_host=True)
    assert [source.stream for source in taken.further] == [0]


def test_the_choice_of_streams(clip_folder: Path) -> None:
    """All, the first, one by its number; one that is named outright is taken by itself."""
    index = index_of(side_by_side(clip_folder, "mkv"), None)

    def chosen(choice: str | int, source: Source = index.source) -> tuple[bool, list[str], int]:
        taken = choose_streams(source, index.stream, choice, on_host=False)
        return taken.itself, [other.uri.rpartition("#")[2] for other in taken.further], taken.left

    assert chosen("all") == (True, ["stream=1"], 0)
    assert chosen("first") == (True, [], 1)
    assert chosen(0) == (True, [], 1)
    assert chosen(1) == (False, ["stream=1"], 1)
    assert chosen(2) == (False, [], 2)
    named = Source(address_of_stream(index.source.uri, 1), 1, "e")
    assert chosen("all", named) == (True, [], 0)


def test_addresses_of_streams() -> None:
    """Only the very end of an address names a stream."""
    assert split_stream("s3://b/a#stream=1.mp4") == ("s3://b/a#stream=1.mp4", None)
    assert split_stream("s3://b/a.mp4#stream=12") == ("s3://b/a.mp4", 12)
    with pytest.raises(InputNotFoundError):
        expand(["/nowhere/a.mp4#stream=1"])
