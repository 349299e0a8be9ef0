"""Files that are gone through without libav have the index that libav's packets give."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from exact import index_of
from generate import CODECS, Clip, Container, cached
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from matroska_forms import CLUSTER, Form, rewritten
from mutated import mutated

from fleet.errors import VideoError
from fleet.video.containers.reader import BlockFile
from fleet.video.probe.own_walk import OwnWalk
from fleet.video.probe.wire import index_to_bytes

PLAIN = {
    "unknown_clusters",
    "unknown_segment",
    "grouped",
    "padded",
    "other_tracks",
    "short_clusters",
    "cues_in_front",
}
BLOCKS = (100, 999, 4096, 4 << 20)
FORMS = [field.name for field in fields(Form) if field.name != "seed"]


@pytest.fixture(autouse=True, scope="module")
def early() -> Iterator[None]:
    """Have libav left behind the first few packets, as the clips are short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.video.probe.scan.TRIAL", 4)
        patch.setattr("fleet.video.probe.own_walk._SURE", 4)
        yield


def clips(folder: Path, container: Container = "mkv") -> list[Path]:
    """Files with B-frames and without, of even and uneven times."""
    return [
        cached(clip, folder)
        for codec in CODECS
        for clip in (
            Clip(codec, container, frames=40, gop=9, b_frames=3, pyramid=True),
            Clip(codec, container, frames=40, gop_kind="open", vfr=True),
            Clip(codec, container, b_frames=0, plain=True),
        )
    ]


@contextmanager
def read_by(block_bytes: int) -> Iterator[None]:
    """Have scans read so many bytes at a time, and keep them all."""
    blocks = partial(BlockFile, block_bytes=block_bytes, blocks=1 << 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.video.probe.scan.BlockFile", blocks)
        yield


def said_of(path: Path) -> bytes:
    """The whole index of a file, but for what was read for it; or why there is none."""
    try:
        index = index_of(path, whole_bytes=0)
        return index_to_bytes(replace(index, bytes_read=0))
    except VideoError as error:
        return f"{error.name}: {error.message}".encode()


def said_by_libav(path: Path) -> bytes:
    """What is said where libav finds all packets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.video.probe.scan.WALKED", frozenset())
        return said_of(path)


def ends_alone(path: Path) -> bool:
    """Whether a file is gone through to its end without libav."""
    ended = []
    whole = OwnWalk.finish

    def noted(walk: OwnWalk, *known: Any) -> bool:
        found = whole(walk, *known)
        ended.append(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OwnWalk, "finish", noted)
        index_of(path, whole_bytes=0)
    return True in ended


@pytest.mark.parametrize("form", ["", *FORMS])
def test_each_form_of_matroska_is_indexed_as_by_libav(
    form: str, clip_folder: Path, tmp_path: Path
) -> None:
    """Those that are plain without libav; all others by it."""
    for number, clip in enumerate(clips(clip_folder)):
        path = tmp_path / f"{number}.mkv"
        chosen = Form(short_clusters=form.startswith("cues"))
        path.write_bytes(
            rewritten(clip.read_bytes(), replace(chosen, **{form: True} if form else {}))
        )
        assert said_of(path) == said_by_libav(path)
        assert b"Error" in said_of(path)[:40] or ends_alone(path) == (not form or form in PLAIN)


def made(clip: Path, seed: int, form: set[str], *, damaged: bool) -> bytes:
    """Return a file of another form, with bytes changed, left out or put in where it is damaged."""
    data = rewritten(clip.read_bytes(), Form(seed, **dict.fromkeys(form, True)))
    # The same files each time.
    return mutated(data, random.Random(seed))[1] if damaged else data  # noqa: S311


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    clip=st.integers(0, 5),
    seed=st.integers(0, 1 << 32),
    form=st.sets(st.sampled_from(FORMS), max_size=4),
    damaged=st.booleans(),
    block_bytes=st.sampled_from(BLOCKS),
)
def test_any_matroska_is_indexed_as_by_libav(
    clip: int,
    seed: int,
    form: set[str],
    *,
    damaged: bool,
    block_bytes: int,
    clip_folder: Path,
    tmp_path: Path,
) -> None:
    """Also where bytes of it were changed, left out or put in, and wherever it is cut for reads."""
    data = made(clips(clip_folder)[clip], seed, form, damaged=damaged)
    path = tmp_path / "made.mkv"
    path.write_bytes(data)
    with read_by(block_bytes):
        assert said_of(path) == said_by_libav(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    clip=st.integers(0, 5),
    seed=st.integers(0, 1 << 32),
    form=st.sets(st.sampled_from(FORMS), max_size=3),
    end=st.one_of(st.floats(0.3, 1), st.integers(1, 400)),
    damaged=st.booleans(),
    block_bytes=st.sampled_from(BLOCKS),
)
# Cut in a cluster that lies behind cues.
@example(clip=0, seed=0, form={"cues_between"}, end=300, damaged=False, block_bytes=4096)
def test_any_matroska_that_is_cut_off_is_indexed_as_by_libav(
    clip: int,
    seed: int,
    form: set[str],
    end: float,
    *,
    damaged: bool,
    block_bytes: int,
    clip_folder: Path,
    tmp_path: Path,
) -> None:
    """Wherever it ends: between blocks, in one, in a header, in what lies behind the clusters."""
    data = made(clips(clip_folder)[clip], seed, form, damaged=damaged)
    path = tmp_path / "made.mkv"
    path.write_bytes(data[: int(len(data) * end)] if end <= 1 else data[: -int(end)])
    with read_by(block_bytes):
        assert said_of(path) == said_by_libav(path)


@pytest.mark.parametrize("form", sorted(PLAIN))
def test_what_is_plain_and_cut_off_is_gone_through_without_libav(
    form: str, clip_folder: Path, tmp_path: Path
) -> None:
    """As a recorder leaves it that dies: read once, the whole packets counted."""
    data = clips(clip_folder)[0].read_bytes()
    data = rewritten(data, Form(**{"short_clusters": True, form: True}))
    path = tmp_path / "made.mkv"
    for end in range(len(data) // 2, len(data), 997):
        path.write_bytes(data[:end])
        # Of a cluster that has only begun, nothing is whole by which it is known to be one.
        has_begun = CLUSTER.to_bytes(4, "big") in data[end - 24 : end]
        with read_by(999):
            assert has_begun or ends_alone(path)
            assert said_of(path) == said_by_libav(path)


def test_what_looks_like_a_cluster_where_a_file_ends_is_left_to_libav(
    clip_folder: Path, tmp_path: Path
) -> None:
    """It looks for one behind the beginning of the last element, and nowhere before."""
    clip = clips(clip_folder)[0]
    whole, path = clip.read_bytes(), tmp_path / "made.mkv"
    at = int(index_of(clip).packets.position[30]) + 20
    data = whole[:at] + CLUSTER.to_bytes(4, "big") + whole[at + 4 :]
    for end, is_alone in ((at + 9, False), (at + 4000, True)):
        path.write_bytes(data[:end])
        with read_by(999):
            assert ends_alone(path) == is_alone
            assert said_of(path) == said_by_libav(path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    clip=st.integers(0, 5),
    seed=st.integers(0, 1 << 32),
    odd=st.sampled_from(("", "", "mutated", "zeros", "slices", "short")),
    block_bytes=st.sampled_from(BLOCKS),
)
# Another SPS comes behind a few pictures.
@example(clip=1, seed=829758, odd="slices", block_bytes=100)
def test_any_raw_stream_is_indexed_as_by_libav(
    clip: int, seed: int, odd: str, *, block_bytes: int, clip_folder: Path, tmp_path: Path
) -> None:
    """Also damaged, with zeros before start codes, and with pictures of several slices."""
    path = raw_stream(clips(clip_folder, "raw")[clip], seed, odd, tmp_path)
    with read_by(block_bytes):
        assert said_of(path) == said_by_libav(path)


def raw_stream(clip: Path, seed: int, odd: str, folder: Path) -> Path:
    """A raw stream with something odd.

    `slices`: with NAL units of all kinds between its own. `short`: with such of few bytes.
    """
    chance = random.Random(seed)  # noqa: S311 - the same files each time
    data = clip.read_bytes()
    if odd == "mutated":
        data = mutated(data, chance)[1]
    units = data.split(b"\0\0\1")
    made = bytearray(units[0])
    for unit in units[1:]:
        if odd == "zeros" and chance.random() < 0.3:
            made += bytes(chance.randrange(4))
        made += b"\0\0\1" + unit
        if odd == "slices" and chance.random() < 0.2:
            first = chance.randrange(1, 128)
            made += b"\0\0\1" + bytes((first, chance.choice((1, 1, 9, 0x40)))) + chance.randbytes(9)
        if odd == "short" and chance.random() < 0.3:
            few = chance.choices((0, 1, 3, 9, 0x40, 0x80, 0x9A, 0xFF), k=chance.randrange(1, 9))
            made += b"\0\0\1" + bytes((chance.choice((0x41, 1, 0x65, 0x67, 2)), *few))
    path = folder / f"made{clip.suffix}"
    path.write_bytes(made)
    return path


@pytest.mark.parametrize("slices", [1, 4])
def test_still_scenes_are_gone_through_without_libav(slices: int, tmp_path: Path) -> None:
    """Though their pictures, which skip all, are of a few bytes."""
    path = tmp_path / "still.h264"
    with av.open(path, "w", format="h264") as made:
        stream = made.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 128, "yuv420p"
        params = f"slices={slices}:bframes=0:scenecut=0:keyint=99:cabac=0"
        stream.options = {"x264-params": params, "preset": "ultrafast"}
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((192, 64), 128, np.uint8), "yuv420p")
            frame.pts = number
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    units = path.read_bytes().split(b"\0\0\1")[1:]
    assert min(len(unit) for unit in units if unit[0] & 0x1F == 1) < 8
    for block_bytes in (50, 4 << 20):
        with read_by(block_bytes):
            assert said_of(path) == said_by_libav(path)
            assert ends_alone(path)


def test_plain_raw_streams_are_gone_through_without_libav(clip_folder: Path) -> None:
    """Wherever they are cut for reads."""
    for block_bytes in (1000, 4 << 20):
        with read_by(block_bytes):
            assert all(ends_alone(path) for path in clips(clip_folder, "raw"))
