"""Any cut of a video that a player turns, and of each video stream of a file, is exact."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from counted import count
from exact import index_of, sequential, sharded
from generate import Clip, Codec, Container, cached
from hypothesis import given
from hypothesis import strategies as st

from fleet.video.sampling import Sampling

SAMPLES = st.sampled_from(("all", "every=2", "every=5", "keyframes", "fps=5", "all,from_s=0.4"))
_MUXERS = {"mkv": "matroska", "ts": "mpegts"}


@st.composite
def small_clips(draw: st.DrawFn, containers: tuple[Container, ...]) -> Clip:
    """Of few encodings, so that most examples need none."""
    container = draw(st.sampled_from(containers))
    codec: Codec = "h264" if container == "avi" else draw(st.sampled_from(("h264", "h265")))
    return Clip(
        codec,
        container,
        frames=draw(st.sampled_from((13, 30))),
        gop=draw(st.sampled_from((5, 12))),
        gop_kind=draw(st.sampled_from(("closed", "open"))),
        b_frames=0 if container == "avi" else draw(st.sampled_from((0, 2))),
    )


@given(
    small_clips(("mp4", "mp4-fragmented", "mov", "mkv")),
    st.sampled_from((0, 90, 180, 270)),
    st.booleans(),
    SAMPLES,
    st.data(),
)
def test_any_cut_of_a_turned_clip_is_exact(
    clip_folder: Path, clip: Clip, rotation: int, mirrored: bool, sample: str, data: st.DataObject
) -> None:
    """The pictures of a full decode, mirrored and turned as the display matrix says."""
    count("display matrix", clip.container)
    values = {**vars(clip), "rotation": rotation, "mirrored": mirrored}
    path = cached(Clip(**values), clip_folder)
    index = index_of(path)
    gops = len(index.cuts)
    cuts = [0, *data.draw(st.lists(st.integers(0, gops), max_size=3), label="cuts"), gops]
    wanted = Sampling.parse(sample).wanted(index)
    real = sequential(path, 0, rotation, mirrored=mirrored)
    assert len(real) == len(index.order)
    seen, _, _ = sharded(index, cuts, wanted)
    expected = [(n, pts, pixels) for n, (pts, pixels) in enumerate(real) if wanted[n]]
    assert sorted(seen) == expected


def _joined(clips: tuple[Clip, ...], folder: Path) -> Path:
    """Return a file with each clip as a video stream, their packets in the order of their times."""
    container = clips[0].container
    name = hashlib.sha256(repr(clips).encode()).hexdigest()[:20]
    path = folder / f"{name}{clips[0].suffix}"
    if path.exists():
        return path
    options = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
    muxer = _MUXERS.get(container, container.split("-")[0])
    part = path.with_suffix(".part")
    with av.open(
        str(part), "w", format=muxer, options=options if container == "mp4-fragmented" else {}
    ) as output:
        packets = []
        for clip in clips:
            with av.open(str(cached(clip, folder))) as source:
                stream = source.streams.video[0]
                target = output.add_stream_from_template(stream)
                base = stream.time_base or Fraction(1, 25)
                packets += [
                    (float((p.dts or 0) * base), target, p) for p in source.demux(stream) if p.size
                ]
        for _, target, packet in sorted(packets, key=lambda entry: entry[0]):
            packet.stream = target
            output.mux(packet)
    return part.rename(path)


@given(
    small_clips(("mp4", "mp4-fragmented", "mkv", "ts", "avi")),
    st.sampled_from((8, 25)),
    SAMPLES,
    st.data(),
)
def test_any_cut_of_each_stream_of_a_file_is_exact(
    clip_folder: Path, clip: Clip, other_gop: int, sample: str, data: st.DataObject
) -> None:
    """Two cameras in one file: each is numbered and cut by itself."""
    count("several streams", clip.container)
    other = Clip(clip.codec, clip.container, 20, other_gop, scenes=7, b_frames=clip.b_frames)
    path = _joined((clip, other), clip_folder)
    number = data.draw(st.integers(0, 1), label="stream")
    index = index_of(path, number=number)
    gops = len(index.cuts)
    cuts = [0, *data.draw(st.lists(st.integers(0, gops), max_size=3), label="cuts"), gops]
    wanted = Sampling.parse(sample).wanted(index)
    real = sequential(path, number)
    assert len(real) == len(index.order)
    seen, _, _ = sharded(index, cuts, wanted)
    expected = [(n, pixels) for n, (_, pixels) in enumerate(real) if wanted[n]]
    assert [(n, pixels) for n, _, pixels in sorted(seen)] == expected
    assert (np.diff(index.packets.pts[index.order]) > 0).all()
