"""Streams that are refreshed bit by bit, and that begin in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from counted import count
from exact import index_of, sequential, sharded
from generate import Clip, cached
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import VideoError
from fleet.video.h26x.annexb import join, split
from fleet.video.sampling import Sampling

REFRESHED = tuple(
    Clip("h264", "raw", 60, gop, b_frames=b_frames, refreshed=True)
    for gop, b_frames in ((8, 0), (12, 2), (20, 0))
)


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]


def _sets(key: bytes) -> bytes:
    return join(nal for nal in split(key) if nal[0] & 0x1F in {7, 8}).data


def _write(path: Path, packets: Sequence[bytes], sets: bytes) -> None:
    if path.suffix == ".h264":
        path.write_bytes(b"".join((sets, *packets)))
        return
    with av.open(str(path), "w", format="mpegts") as output:
        stream = output.add_stream("h264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.time_base = Fraction(1, 25)
        for number, data in enumerate((sets + packets[0], *packets[1:])):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            output.mux(packet)


def _shown(path: Path) -> list[tuple[int | None, str]]:
    """Return what a full decode gives; nothing where libav finds no picture to begin with."""
    try:
        return sequential(path)
    except av.FFmpegError:
        return []


@given(
    st.sampled_from(REFRESHED),
    st.integers(0, 59),
    st.booleans(),
    st.sampled_from(("raw", "ts")),
    st.sampled_from(("all", "every=3", "every=7,from_s=0.4")),
)
def test_what_a_decoder_shows_of_it_counts_and_nothing_else(
    clip_folder: Path, clip: Clip, cut: int, followed: bool, container: str, sample: str
) -> None:
    """Cut anywhere, and followed by a stream with a key or not; refused where nothing is shown."""
    whole = _packets(cached(clip, clip_folder))
    # Without B pictures, so that times are simple.
    container = "raw" if clip.b_frames else container
    count("intra refresh", container)
    suffix = "h264" if container == "raw" else "ts"
    path = clip_folder / f"{cached(clip, clip_folder).stem}-{cut}-{followed}.{suffix}"
    if not path.exists():
        _write(path, [*whole[cut:], *(whole if followed else ())], _sets(whole[0]))
    real = _shown(path)
    if not real:
        with pytest.raises(VideoError):
            index_of(path)
        return
    index = index_of(path)
    assert len(index.order) == len(real)
    wanted = Sampling.parse(sample).wanted(index)
    seen, _, _ = sharded(index, list(range(len(index.cuts) + 1)), wanted)
    expected = [(n, pixels) for n, (_, pixels) in enumerate(real) if wanted[n]]
    assert [(n, pixels) for n, _, pixels in sorted(seen)] == expected
    assert (np.diff(index.packets.pts[index.order]) > 0).all()
