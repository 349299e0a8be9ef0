"""A small file is asked for once and demuxed once, and its index is as by header and pass apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generate import CODECS, Clip, Codec, cached
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth import MemoryReader

from fleet.core.source import Source
from fleet.errors import VideoError
from fleet.video.containers.libav import opened as libav_opened
from fleet.video.containers.limits import WHOLE_BYTES
from fleet.video.probe import probe as probing
from fleet.video.probe.header import isobmff_table
from fleet.video.probe.probe import probe
from fleet.video.probe.wire import index_to_bytes

KINDS = (
    Clip(),
    Clip(container="mov", b_frames=0),
    Clip(container="mp4-front", vfr=True),
    Clip(container="mp4-fragmented", gop_kind="open"),
    Clip(container="mp4-edit"),
    Clip(rotation=90, mirrored=True),
)


def said(data: bytes) -> bytes | tuple[str, str]:
    """Return the index of a file as bytes, or the error that it has none for."""
    try:
        return index_to_bytes(probe(Source("clip", len(data), "e"), MemoryReader(data)))
    except VideoError as error:
        return error.name, str(error)


def said_apart(data: bytes) -> bytes | tuple[str, str]:
    """Return the same where the header is always looked at by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probing._Scanning, "in_one_pass", lambda _: None)
        return said(data)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("clip", KINDS, ids=str)
def test_one_pass_says_what_header_and_pass_say(
    clip_folder: Path, clip: Clip, codec: Codec
) -> None:
    """Of every kind of MP4."""
    data = cached(Clip(**(vars(clip) | {"codec": codec})), clip_folder).read_bytes()
    assert said(data) == said_apart(data)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(KINDS), st.sampled_from(CODECS), st.data())
def test_so_it_does_of_damaged_files(
    clip_folder: Path, clip: Clip, codec: Codec, draw: st.DataObject
) -> None:
    """Bytes of the header or of the payload are others, the end is cut off, or more follows it."""
    data = cached(Clip(**(vars(clip) | {"codec": codec})), clip_folder).read_bytes()
    damaged = bytearray(data)
    index = data.find(b"moov")
    near = st.one_of(
        st.integers(0, len(data) - 1), st.integers(index, min(index + 2000, len(data) - 1))
    )
    for place, value in draw.draw(st.lists(st.tuples(near, st.integers(0, 255)), max_size=4)):
        damaged[place] = value
    end = draw.draw(st.one_of(st.just(len(data)), st.integers(1, len(data))))
    file = bytes(damaged[:end]) + draw.draw(st.binary(max_size=20))
    assert said(file) == said_apart(file)


def test_a_small_file_is_asked_for_and_opened_once(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its container; libav opens it for the pass alone."""
    opened: list[str] = []

    def counted(uri: str, *args: object, **options: str) -> object:
        opened.append(uri)
        return libav_opened(uri, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("fleet.video.probe.scan.opened", counted)
    monkeypatch.setattr("fleet.video.probe.header.opened", counted)
    for container in ("mp4", "mp4-front", "mov", "mp4-fragmented", "mkv", "ts"):
        reader = MemoryReader(cached(Clip(container=container), clip_folder).read_bytes())
        index = probe(Source(container, reader.size, "e"), reader)
        assert (index.origin, index.bytes_read) == ("scan", reader.size)
        assert reader.ranges == [(0, reader.size)]
    assert opened == ["mp4", "mp4-front", "mov", "mp4-fragmented", "mkv", "ts"]


def test_a_larger_file_is_not(clip_folder: Path) -> None:
    """Nothing but the header is asked for, where the rest is more than is looked at whole."""
    data = cached(Clip(container="mp4-front"), clip_folder).read_bytes()
    free = WHOLE_BYTES.to_bytes(4, "big") + b"free" + bytes(WHOLE_BYTES - 8)
    reader = MemoryReader(data + free)
    index = probe(Source("large", reader.size, "e"), reader)
    assert index.origin == "header"
    assert index.bytes_read < 200_000
    assert np.array_equal(
        index.packets.pts, probe(Source("s", len(data), ""), MemoryReader(data)).packets.pts
    )


def test_the_header_makes_no_list_where_the_pass_has_found_its_keys(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could say nothing that counts: no head of a picture is looked at again for it."""
    listed: list[str] = []

    def counted(uri: str, *args: object) -> object:
        listed.append(uri)
        return isobmff_table(uri, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(probing, "isobmff_table", counted)
    for codec in CODECS:
        data = cached(Clip(codec=codec), clip_folder).read_bytes()
        said(data)
        assert not listed
    said(data.replace(b"stss", b"free"))
    assert listed
