"""Streams that are refreshed bit by bit, and that begin in the middle."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
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
    st.sampled_from(("all", "every=3", "every=7,from_s=0.4")),
)
def test_what_a_decoder_shows_of_it_counts_and_nothing_else(
    clip_folder: Path, clip: Clip, cut: int, followed: bool, sample: str
) -> None:
    """Cut anywhere, and followed by a stream with a key or not; refused where nothing is shown."""
    whole = _packets(cached(clip, clip_folder))
    sets = join(nal for nal in split(whole[0]) if nal[0] & 0x1F in {7, 8}).data
    path = clip_folder / f"{cached(clip, clip_folder).stem}-{cut}-{followed}.h264"
    path.write_bytes(b"".join((sets, *whole[cut:], *(whole if followed else ()))))
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
