"""Files that are gone through without libav have the index that libav's packets give."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from exact import index_of
from generate import CODECS, Clip, cached
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matroska_forms import Form, rewritten
from mutated import mutated

from fleet.errors import VideoError
from fleet.video.probe.own_walk import OwnWalk
from fleet.video.probe.scanned_rows import ScannedRows
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
FORMS = [field.name for field in fields(Form) if field.name != "seed"]


@pytest.fixture(autouse=True, scope="module")
def early() -> Iterator[None]:
    """Have libav left behind the first few packets, as the clips are short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.video.probe.scan.TRIAL", 4)
        patch.setattr("fleet.video.probe.own_walk._SURE", 4)
        yield


def clips(folder: Path) -> list[Path]:
    """Files with B-frames and without, of even and uneven times."""
    return [
        cached(clip, folder)
        for codec in CODECS
        for clip in (
            Clip(codec, "mkv", frames=40, gop=9, b_frames=3, pyramid=True),
            Clip(codec, "mkv", frames=40, gop_kind="open", vfr=True),
            Clip(codec, "mkv", b_frames=0, plain=True),
        )
    ]


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

    def noted(walk: OwnWalk, scanned: ScannedRows) -> None:
        whole(walk, scanned)
        ended.append(True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OwnWalk, "finish", noted)
        index_of(path, whole_bytes=0)
    return bool(ended)


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


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    clip=st.integers(0, 5),
    seed=st.integers(0, 1 << 32),
    form=st.sets(st.sampled_from(FORMS), max_size=4),
    damaged=st.booleans(),
)
def test_any_matroska_is_indexed_as_by_libav(
    clip: int, seed: int, form: set[str], *, damaged: bool, clip_folder: Path, tmp_path: Path
) -> None:
    """Also where bytes of it were changed, left out or put in."""
    data = clips(clip_folder)[clip].read_bytes()
    data = rewritten(data, Form(seed, **dict.fromkeys(form, True)))
    if damaged:
        data = mutated(data, random.Random(seed))[1]  # noqa: S311 - the same files each time
    path = tmp_path / "made.mkv"
    path.write_bytes(data)
    assert said_of(path) == said_by_libav(path)
