"""A container that asks for cropping is told of, in MP4 and Matroska."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import pytest
from exact import expected, index_of, sharded
from generate import Clip, cached

from fleet.views.index import describe as described


def _cropped(source: Path, path: Path) -> Path:
    """Write an MP4 file again with a clean aperture of 136x104 in its sample description."""
    data = bytearray(source.read_bytes())
    clap = struct.pack(">I4s6IiI", 40, b"clap", 136, 1, 104, 1, 8, 2, -16, 2)
    moov = data.index(b"moov")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.index(name, moov) - 4
        size = int.from_bytes(data[at : at + 4], "big")
        data[at : at + 4] = (size + len(clap)).to_bytes(4, "big")
        end = at + size
    data[end:end] = clap
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_cropping_that_is_not_done_is_said(
    clip_folder: Path, tmp_path: Path, container: str
) -> None:
    """The pictures are those of libav's decoders, which do not crop either."""
    path = _cropped(cached(Clip(container="mp4"), clip_folder), tmp_path / "cropped.mp4")
    if container == "mkv":
        with av.open(str(path)) as source, av.open(str(tmp_path / "cropped.mkv"), "w") as output:
            stream = source.streams.video[0]
            target = output.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = target
                    output.mux(packet)
        path = tmp_path / "cropped.mkv"
    index = index_of(path)
    assert index.stream.unheeded == "it asks to be cropped to 136x104"
    assert "cropped to 136x104, which is not done" in described(index)
    wanted = index.frame_of_row[index.order] >= 0
    seen, _, _ = sharded(index, [0, len(index.cuts)], wanted)
    assert sorted(seen) == expected(path, index, wanted)


def test_nothing_is_said_where_nothing_is_asked_for(clip_folder: Path) -> None:
    """As in most files."""
    for container in ("mp4", "mkv"):
        path = cached(Clip(container=container), clip_folder)
        assert index_of(path).stream.unheeded == ""
