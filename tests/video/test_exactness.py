"""Any cut, any sampling, any codec and container: exactly the wanted frames, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from counted import count
from exact import expected, index_of, sequential, sharded
from generate import Clip, cached, clips
from hypothesis import given
from hypothesis import strategies as st
from lies import Lying, lies, written

from fleet.errors import IndexMistakenError
from fleet.video.probe.mended import mended
from fleet.video.sampling import Sampling

SAMPLES = st.one_of(
    st.just(Sampling()),
    st.integers(1, 20).map(lambda step: Sampling("every", step=step)),
    st.fractions(min_value=1, max_value=30, max_denominator=3).map(
        lambda f: Sampling("fps", fps=f)
    ),
    st.just(Sampling("keyframes")),
    st.just(Sampling.parse("all,from_s=0.3,to_s=0.9")),
    st.just(Sampling.parse("every=3,from_s=0.5")),
)


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where generated clips are kept, so that each is encoded once."""
    return tmp_path_factory.mktemp("clips")


@given(clips(), SAMPLES, st.data())
def test_any_cut_of_any_clip_under_any_sampling_is_exact(
    clip_folder: Path, clip: Clip, sample: Sampling, data: st.DataObject
) -> None:
    """The shards of a video together give what a sequential decode gives: numbers, pts, pixels."""
    count("any clip", clip.container)
    path = cached(clip, clip_folder)
    index = index_of(path)
    gops = len(index.cuts)
    inner = data.draw(st.lists(st.integers(0, gops), max_size=3), label="cuts")
    wanted = sample.wanted(index)
    seen, _, _ = sharded(index, [0, *inner, gops], wanted)
    assert sorted(seen) == expected(path, index, wanted)


@given(clips(), st.data())
def test_any_set_of_frames_is_exact(clip_folder: Path, clip: Clip, data: st.DataObject) -> None:
    """Not only samplings: whatever frames are wanted, they come out as in a full decode."""
    count("any frames", clip.container)
    path = cached(clip, clip_folder)
    index = index_of(path)
    frames = len(index.order)
    wanted = np.isin(np.arange(frames), data.draw(st.lists(st.integers(0, frames), max_size=6)))
    seen, _, _ = sharded(index, [0, len(index.cuts)], wanted)
    assert sorted(seen) == expected(path, index, wanted)


@given(lies(), SAMPLES, st.data())
def test_any_cut_of_a_video_that_lies_is_exact(
    clip_folder: Path, lying: Lying, sample: Sampling, data: st.DataObject
) -> None:
    """Whatever a container says of keys, times and parameter sets: the pictures of a full decode.

    They are numbered in the order in which a decoder gives them, and their times rise.
    """
    count(lying.lie, lying.container)
    path = written(lying, clip_folder)
    index = index_of(path)
    real = sequential(path)
    assert len(index.order) == len(real)
    gops = len(index.cuts)
    inner = data.draw(st.lists(st.integers(0, gops), max_size=3), label="cuts")
    wanted = sample.wanted(index)
    seen, _, _ = sharded(index, [0, *inner, gops], wanted)
    expected_pixels = [(n, pixels) for n, (_, pixels) in enumerate(real) if wanted[n]]
    assert [(n, pixels) for n, _, pixels in sorted(seen)] == expected_pixels
    assert (np.diff(index.packets.pts[index.order]) >= 0).all()


@given(lies(headers=True), SAMPLES, st.data())
def test_a_header_that_lies_is_found_out_where_it_matters(
    clip_folder: Path, lying: Lying, sample: Sampling, data: st.DataObject
) -> None:
    """Decoded by the header alone: exact, or the index is found wrong; mended, it is exact.

    GOPs begin where they did, so that what was planned by the header is still what is done.
    """
    count(f"header: {lying.lie}", lying.container)
    path = written(lying, clip_folder)
    real = sequential(path)
    index = index_of(path, whole_bytes=0)
    gops = len(index.cuts)
    cuts = [0, *data.draw(st.lists(st.integers(0, gops), max_size=3), label="cuts"), gops]
    wanted = sample.wanted(index)
    try:
        seen, _, _ = sharded(index, cuts, wanted)
    except IndexMistakenError:
        assert index.origin == "header"
        better = mended(index, index_of(path))
        assert np.array_equal(better.bounds, index.bounds)
        seen, _, _ = sharded(better, cuts, wanted)
    expected_pixels = [(n, pixels) for n, (_, pixels) in enumerate(real) if wanted[n]]
    assert [(n, pixels) for n, _, pixels in sorted(seen)] == expected_pixels


@pytest.mark.parametrize(
    "name", ["town_1080p.mp4", "town_hevc_opengop.mp4", "town_h264_opengop.mkv"]
)
@pytest.mark.parametrize("sample", ["every=7", "fps=2"])
def test_real_clips_in_shards_of_one_gop_are_exact(data_dir: Path, name: str, sample: str) -> None:
    """Closed and open GOPs, B-pyramids, cut at every key frame."""
    path = data_dir / name
    index = index_of(path)
    wanted = Sampling.parse(sample).wanted(index)
    seen, _, _ = sharded(index, list(range(len(index.cuts) + 1)), wanted)
    assert sorted(seen) == expected(path, index, wanted)


def test_one_frame_a_second_feeds_a_third_of_the_packets(town: Path) -> None:
    """At most 260 of 795 packets go to the decoder."""
    index = index_of(town)
    seen, _, fed = sharded(index, [0, len(index.cuts)], Sampling.parse("fps=1").wanted(index))
    assert len(seen) == 32
    assert fed <= 260


def test_key_frames_feed_nothing_else(town: Path) -> None:
    """16 key frames, 16 packets fetched, 16 fed."""
    index = index_of(town)
    seen, fetched, fed = sharded(
        index, [0, len(index.cuts)], Sampling.parse("keyframes").wanted(index)
    )
    assert (len(seen), fetched, fed) == (16, 16, 16)
