"""What the chip refuses, decoded on the host: as exactly and sparsely as what it takes."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from exact import Seen, index_of, sequential, sharded
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from other_codecs import FRAMES, KINDS, made, packed_avi, sparse_avi

from fleet.ascend.soc import Ascend310
from fleet.ascend.stream_rules import check_host_stream, check_stream
from fleet.errors import StreamRefusedError
from fleet.plan.cost import fed_rows
from fleet.video.sampling import Sampling

FILES = [(name, container) for name, kind in KINDS.items() for container in kind.containers]
SAMPLES = ["all", "every=7", "fps=2", "keyframes", "every=3,from_s=0.5,to_s=0.9"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where generated videos are kept, so that each is encoded once."""
    return tmp_path_factory.mktemp("other")


def check(path: Path, seen: list[Seen], wanted: NDArray[np.bool_]) -> None:
    """Compare what came out with the wanted frames of PyAV's sequential decode.

    AVI has no pts, and what libav makes up for them depends on what it has seen so far.
    """
    frames = sequential(path)
    assert len(frames) == len(wanted), "every frame of the sequential decode has a number"
    numbers = np.flatnonzero(wanted).tolist()
    seen = sorted(seen)
    assert [(n, digest) for n, _, digest in seen] == [(n, frames[n][1]) for n in numbers]
    assert path.suffix == ".avi" or [pts for _, pts, _ in seen] == [frames[n][0] for n in numbers]


@pytest.mark.parametrize(("name", "container"), FILES)
def test_each_kind_in_each_container_is_exact_and_sparse(
    folder: Path, name: str, container: str
) -> None:
    """Numbers, pts and pixels are those of PyAV's sequential decode, whole or GOP by GOP."""
    path = made(name, container, folder)
    index = index_of(path)
    with pytest.raises(StreamRefusedError, match="--fallback cpu"):
        check_stream(Ascend310, index.stream)
    check_host_stream(Ascend310, index.stream)
    assert len(index.order) == FRAMES
    for sample in map(Sampling.parse, SAMPLES):
        wanted = sample.wanted(index)
        for cuts in ([0, len(index.cuts)], list(range(len(index.cuts) + 1))):
            seen, _, fed = sharded(index, cuts, wanted)
            check(path, seen, wanted)
            shards = len(cuts) - 1
            # A GOP whose leading pictures are wanted is begun in its own shard once more.
            assert fed <= len(fed_rows(index, wanted)[0]) + (index.open_gops if shards > 1 else 0)


@given(st.sampled_from(FILES), st.data())
def test_any_set_of_frames_over_any_cut_is_exact(
    folder: Path, file: tuple[str, str], data: st.DataObject
) -> None:
    """Not only samplings: whatever frames are wanted, they come out as in a full decode."""
    path = made(*file, folder)
    index = index_of(path)
    inner = data.draw(st.lists(st.integers(0, len(index.cuts)), max_size=3), label="cuts")
    chosen = data.draw(st.lists(st.integers(0, FRAMES - 1), max_size=6), label="frames")
    wanted = np.isin(np.arange(len(index.order)), chosen)
    seen, _, _ = sharded(index, [0, *inner, len(index.cuts)], wanted)
    check(path, seen, wanted)


@pytest.mark.parametrize("sample", SAMPLES)
def test_packed_b_pictures_come_out_under_their_own_numbers(folder: Path, sample: str) -> None:
    """Two pictures in one packet, none in the next, as DivX and Xvid write AVI."""
    path = packed_avi(folder)
    index = index_of(path)
    assert len(index.order) == FRAMES
    assert index.has_b_frames
    wanted = Sampling.parse(sample).wanted(index)
    seen, _, _ = sharded(index, list(range(len(index.cuts) + 1)), wanted)
    check(path, seen, wanted)
    assert (np.diff(index.packets.pts[index.order]) == 1).all()


def test_pictures_that_are_not_coded_have_no_numbers(folder: Path) -> None:
    """Xvid writes one for a picture that is like the one before it: no decoder returns it."""
    path = sparse_avi(folder)
    index = index_of(path)
    assert len(index.order) == FRAMES < len(index.packets)
    wanted = np.ones(FRAMES, np.bool_)
    seen, _, _ = sharded(index, list(range(len(index.cuts) + 1)), wanted)
    check(path, seen, wanted)


def test_a_video_in_ogg_is_found_between_its_sound(folder: Path) -> None:
    """Sound first, and its pages between those of the pictures, which lie across pages."""
    path = folder / "sound.ogv"
    with av.open(str(made("vp8", "webm", folder))) as video, av.open(str(path), "w") as output:
        sound = output.add_stream("libopus", rate=48000)
        pictures = output.add_stream_from_template(video.streams.video[0])
        for number in range(60):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), "s16", "stereo")
            silence.sample_rate, silence.pts = 48000, number * 960
            output.mux(sound.encode(silence))
        output.mux(sound.encode(None))
        for packet in video.demux(video=0):
            if packet.size:
                packet.stream = pictures
                output.mux(packet)
    index = index_of(path)
    assert index.container == "ogg"
    assert len(index.order) == FRAMES
    wanted = np.ones(FRAMES, np.bool_)
    seen, _, _ = sharded(index, list(range(len(index.cuts) + 1)), wanted)
    check(path, seen, wanted)


def test_what_makes_the_files_takes_no_processor_from_the_others(clip_folder: Path) -> None:
    """An encoder that makes its process a real-time one does so to a process of its own."""
    made("av1", "mp4", clip_folder)
    threads = Path("/proc/self/task").iterdir()
    assert {os.sched_getscheduler(int(thread.name)) for thread in threads} == {os.SCHED_OTHER}
