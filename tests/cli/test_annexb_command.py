"""`fleet annexb`: the stream alone decodes to the video's pictures."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest
from generate import Clip, Codec, Container, GopKind, cached
from typer.testing import CliRunner

from fleet.ascend.surface import planes
from fleet.cli import app
from fleet.errors import BrokenVideoError, UsageError


def pictures(path: Path) -> list[bytes]:
    """The planes of each picture of a file, as libav decodes it."""
    with av.open(str(path)) as file:
        return [b"".join(p.tobytes() for p in planes(frame)) for frame in file.decode(video=0)]


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("container", ["mp4", "mp4-fragmented", "mkv", "ts", "raw"])
@pytest.mark.parametrize("gop_kind", ["closed", "open"])
def test_the_stream_alone_has_the_pictures_of_the_video(
    tmp_path: Path, codec: Codec, container: Container, gop_kind: GopKind
) -> None:
    """Of each container: the same pictures in the same order, behind start codes."""
    video = cached(Clip(codec=codec, container=container, gop_kind=gop_kind), tmp_path)
    out = tmp_path / f"alone.{codec}"
    result = CliRunner().invoke(app, ["annexb", str(video), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_bytes().startswith((b"\0\0\1", b"\0\0\0\1"))
    assert pictures(out) == pictures(video)
    assert ("enType 3" if codec == "h264" else "enType 0") in result.output
    assert {path.name for path in tmp_path.iterdir()} == {video.name, out.name}


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_name_that_claims_another_kind_of_file_is_refused(tmp_path: Path, codec: Codec) -> None:
    """One of the other codec, or a container's; a name that says nothing of the kind may be any."""
    video = cached(Clip(codec=codec), tmp_path)
    other = {"h264": "h265", "h265": "h264"}[codec]
    for name in (f"a.{other}", "a.HEVC" if codec == "h264" else "a.264", "a.mp4", "a.ts"):
        out = tmp_path / name
        result = CliRunner().invoke(app, ["annexb", str(video), "--out", str(out)])
        assert isinstance(result.exception, UsageError)
        said = f"a stream of H.{codec[1:]} is written. Name it like a.{codec}."
        assert said in str(result.exception)
        assert not out.exists()
    for name in ("a.bin", "a", f"a.{codec}", f"a.{codec[1:]}"):
        result = CliRunner().invoke(app, ["annexb", str(video), "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output


def test_what_has_no_such_form_is_refused(tmp_path: Path) -> None:
    """Nothing is left behind for several videos, and where there is no folder."""
    video = cached(Clip(), tmp_path)
    cached(Clip(frames=31), tmp_path)
    for words in (
        [str(tmp_path), "--out", str(tmp_path / "a.h264")],
        [str(video), "--out", str(tmp_path / "nowhere" / "a.h264")],
    ):
        result = CliRunner().invoke(app, ["annexb", *words])
        assert result.exit_code != 0
    assert not list(tmp_path.glob("*.h264"))
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_ends_before_its_last_packet_is_refused_in_words(tmp_path: Path) -> None:
    """The first packet that is not there is named, and no file is left."""
    whole = cached(Clip(container="mp4-front"), tmp_path).read_bytes()
    video = tmp_path / "cut.mp4"
    for end in (len(whole) * 2 // 3, len(whole) - 1):
        video.write_bytes(whole[:end])
        out = tmp_path / "cut.h264"
        result = CliRunner().invoke(app, ["annexb", str(video), "--out", str(out)])
        assert isinstance(result.exception, BrokenVideoError)
        assert "bytes are there" in str(result.exception)
        assert not [*tmp_path.glob("cut.h264"), *tmp_path.glob(".*.part")]


def test_a_pipe_keeps_its_place(tmp_path: Path) -> None:
    """So does a device: a file that is written whole would take it."""
    pipe, stdout = tmp_path / "pipe", tmp_path / "stdout"
    os.mkfifo(pipe)
    stdout.symlink_to("/proc/self/fd/1")
    video = cached(Clip(), tmp_path)
    for out in (pipe, stdout):
        result = CliRunner().invoke(app, ["annexb", str(video), "--out", str(out)])
        assert isinstance(result.exception, UsageError)
    assert pipe.is_fifo()
    assert stdout.is_symlink()
