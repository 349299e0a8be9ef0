"""libav reads the bytes that it is handed, and opens no other file and no address."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from generate import Clip, cached
from poses import lists, nothings, references
from truth import probed
from witness import Witness, witness

from fleet.errors import NotAVideoError, VideoError
from fleet.video.containers.libav import DEMUXERS, opened

ROOT = Path(__file__).parents[2]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Witness]:
    """A canary file and a port."""
    folder = tmp_path / "watched"
    folder.mkdir()
    with witness(folder) as seen:
        yield seen


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A QuickTime movie with the index in front."""
    return cached(
        Clip(container="mp4-front", frames=12), tmp_path_factory.mktemp("movie")
    ).read_bytes()


def test_the_witness_sees_what_libav_does_when_it_is_let(watched: Witness, tmp_path: Path) -> None:
    """Without our limits a playlist opens the canary, and another one connects: the test is live."""
    for name in ("playlist", "playlist-url"):
        path = tmp_path / f"{name}.m3u8"
        path.write_bytes(lists(watched.canary, watched.port)[name])
        options = {
            "allowed_extensions": "ALL",
            "protocol_whitelist": "file,http,tcp",
            "extension_picky": "0",
        }
        with (
            pytest.raises(av.FFmpegError),
            av.open(str(path), format="hls", options=options, timeout=2),
        ):
            pass
        assert watched.touched(), name


@pytest.mark.parametrize("name", sorted(lists(Path("x"), 1)))
def test_a_list_that_poses_as_a_video_is_refused_unopened(watched: Witness, name: str) -> None:
    """Playlists, session descriptions, scripts, manifests, patterns: a clear reason, nothing opened."""
    data = lists(watched.canary, watched.port)[name]
    with pytest.raises(NotAVideoError) as caught:
        probed(data, f"{name}.mp4")
    assert caught.value.way_out
    assert any(word in caught.value.message for word in ("text", "list", "session", "XML"))
    assert not watched.touched()


@pytest.mark.parametrize("name", sorted(lists(Path("x"), 1)))
@pytest.mark.parametrize("demuxer", [*DEMUXERS, "hls", "concat", "sdp", "image2", "dash"])
def test_no_demuxer_opens_anything_even_if_it_is_told_to(
    watched: Witness, demuxer: str, name: str
) -> None:
    """Also where sniffing is got around: by format, by protocol, and by what opens files."""
    data = lists(watched.canary, watched.port)[name]
    try:
        with opened("posing.mp4", io.BytesIO(data), demuxer) as container:
            for _ in container.demux():
                pass
    except (VideoError, ValueError):
        pass
    assert not watched.touched()


@pytest.mark.parametrize("name", ["dref-alias", "dref-url", "dref-address", "reference-movie"])
def test_a_movie_whose_pictures_lie_elsewhere_is_refused(
    watched: Witness, movie: bytes, name: str
) -> None:
    """QuickTime's references to other files and addresses."""
    data = references(watched.canary, watched.port, movie)[name]
    with pytest.raises(NotAVideoError, match="reference movie"):
        probed(data, "movie.mov")
    assert not watched.touched()


def test_libav_would_not_follow_a_reference_either(watched: Witness, movie: bytes) -> None:
    """Should one not be noticed, and libav be asked to follow it."""
    for data in references(watched.canary, watched.port, movie).values():
        try:
            with opened(
                "movie.mov", io.BytesIO(data), "mov", enable_drefs="1", use_absolute_path="1"
            ):
                pass
        except VideoError:
            pass
        assert not watched.touched()


@pytest.mark.parametrize("name", sorted(nothings()))
def test_what_is_nothing_is_refused_in_a_sentence(name: str) -> None:
    """Whatever its first bytes look like."""
    with pytest.raises(VideoError) as caught:
        probed(nothings()[name], f"{name}.mp4")
    assert caught.value.way_out
    assert "\n" not in str(caught.value)


def test_a_movie_that_names_its_own_file_is_whole(movie: bytes, tmp_path: Path) -> None:
    """What most writers put there; and what some do, who say that it lies elsewhere, nowhere."""
    assert len(probed(movie).order) == 12
    at = movie.index(b"url ", movie.index(b"dref")) + 4
    careless = movie[:at] + bytes(4) + movie[at + 4 :]
    assert len(probed(careless).order) == 12
    mov = cached(Clip(container="mov"), tmp_path).read_bytes()
    assert len(probed(mov).order) == 30


def test_one_place_opens_containers_for_reading() -> None:
    """Every other av.open in the project writes."""
    readers = []
    for path in sorted((ROOT / "fleet").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "av.open":
                mode = ast.unparse(node.args[1]) if len(node.args) > 1 else "'r'"
                readers += [str(path.relative_to(ROOT))] if mode != "'w'" else []
    assert readers == ["fleet/video/containers/libav.py"]
