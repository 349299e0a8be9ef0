"""Videos that claim the absurd: refused in words, or read as far as they go, in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from absurd import absurdities
from accounts import thumbnails
from damage import Damaged
from generate import Clip, cached
from hostile import Library
from truth import MemoryReader, probed

import fleet
from fleet.errors import BrokenVideoError, VideoError
from fleet.video.containers import libav
from fleet.video.containers.limits import WHOLE_BYTES, HeaderBudget, ScanBudget
from fleet.video.index import VideoIndex
from fleet.video.probe import own_walk

# What is said of them; of the others, an index is made.
REFUSED = {
    "bomb 65535x1": "parameter sets",
    "samples 2^31": "its stsz table claims 8,589,934,592 bytes and has 160",
    "samples 2^31 of one size": "lists 2,147,483,648 samples",
    "a sample of 4 GB": "a sample takes 4,294,967,295 bytes",
    "times 2^31": "lists 2,147,483,648 samples",
    "chunk beyond the end": "lists no picture",
    "keys 2^31": "its stss table claims",
    "time scale 0": "its clock ticks 0 times a second",
    "time scale 2^32": "its clock ticks 4,294,967,295 times a second",
    "configuration gone": "no sequence parameter set",
    "edit for ever": "no picture of it is ever shown",
    "edit far off": "no picture of it is ever shown",
    "track number negative": "a track's number is negative",
    "box larger than all": "larger than the one around it",
    "box of size 1": "larger than the one around it",
    "index of 4 GB": "ends before its index",
    "run of 2^31": "its trun table claims",
    "run that lies far off": "lists no picture",
    "fragment at the end of time": "no stream can be made out",
    "fragment of another track": "no stream can be made out",
    "no such track": "no stream can be made out",
    "times negative": "no picture of it is ever shown",
    "times falling": "no picture of it is ever shown",
    "times falling, mkv": "its timestamps jump",
    "times to and fro, mkv": "its timestamps jump",
    "index only": "lists no picture",
    "payload only": "has no index",
    "index missing": "has no index",
    "index compressed": "it is compressed",
    "index compressed to a bomb": "it is compressed",
    "runs without end": "lists 60,000,000 samples",
    "table in user data": "there is a table stsz in its box udta",
}
FRAMES = {
    "times huge": 30,
    "times a century apart": 30,
    "times a million a second": 30,
    "times negative, mkv": 30,
    "times all the same, mkv": 30,
    "times wrapping, ts": 30,
    "size changes, raw": 48,
    "size changes, ts": 48,
    "size changes, mkv": 48,
    "wrong extension": 20,
    "two in one": 40,
    "index twice": 40,
    "duration 2^32": 40,
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Clips, encoded once."""
    return Library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def absurd(library: Library) -> dict[str, Damaged]:
    """All of them, by what they are."""
    return {item.about: item for item in absurdities(library)}


def looked_at(item: Damaged) -> VideoIndex | VideoError:
    """What comes of it."""
    try:
        return probed(item.data, item.about)
    except VideoError as error:
        return error


def test_what_is_absurd_is_refused_in_words_or_indexed(absurd: dict[str, Damaged]) -> None:
    """Each with the sentence that fits, and a way out."""
    assert set(REFUSED) | set(FRAMES) <= set(absurd)
    outcomes = {about: looked_at(item) for about, item in absurd.items()}
    for about, outcome in outcomes.items():
        if isinstance(outcome, VideoError):
            assert REFUSED.get(about, "an index") in outcome.message, about
            assert outcome.way_out, about
        else:
            assert about not in REFUSED
            assert len(outcome.order) == FRAMES.get(about, len(outcome.order)), about


def test_a_size_that_changes_midway_is_followed(absurd: dict[str, Damaged], tmp_path: Path) -> None:
    """A stream may change to any size in the range at a key (docs/chip.md#vdec-size-change)."""
    for about in ("size changes, raw", "size changes, ts", "size changes, mkv"):
        item = absurd[about]
        (tmp_path / f"{about}{item.suffix}").write_bytes(item.data)
    report = fleet.run(thumbnails(tmp_path, tmp_path / "out", devices=1), on="inline")
    assert (report.exit_code, report.total.frames) == (0, 3 * 48)
    rows = fleet.read(str(tmp_path / "out")).table("thumbnails").to_table().to_pylist()
    shapes = {row["height"] for row in rows if 16 <= row["frame"] < 32}
    assert shapes == {38}
    assert {row["height"] for row in rows} == {38, 52}


def test_a_size_that_grows_to_a_bomb_costs_the_bomb(
    absurd: dict[str, Damaged], tmp_path: Path
) -> None:
    """What came before it is there; the pictures of 16000 x 16000 are lost, with the reason."""
    item = absurd["size grows to a bomb"]
    (tmp_path / "grows.h264").write_bytes(item.data)
    report = fleet.run(thumbnails(tmp_path, tmp_path / "out", devices=1), on="inline")
    assert (report.exit_code, report.total.frames, report.total.lost_frames) == (3, 48, 60)
    (row,) = fleet.read(str(tmp_path / "out")).errors.to_table().to_pylist()
    assert (row["stage"], row["name"]) == ("vdec", "ERR_ALLOC_DYNAMIC_MEM_FAIL")
    assert "is of 16000x16000" in row["message"]


IN_LITTLE_MEMORY = """
import sys
from pathlib import Path
from accounts import thumbnails
import fleet
from fleet.memory_limit import limit_memory

limit_memory(1 << 30)
report = fleet.run(thumbnails(Path(sys.argv[1]), Path(sys.argv[2]), devices=1), on="inline")
print(report.videos, report.quarantined)
"""


def test_nothing_absurd_takes_a_gigabyte(absurd: dict[str, Damaged], tmp_path: Path) -> None:
    """Indexed and decoded by a process that may take no more: nothing is given up for memory."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, item in enumerate(absurd.values()):
        (folder / f"{number}{item.suffix}").write_bytes(item.data)
    support = str(Path(__file__).parents[1] / "support")
    done = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, str(folder), str(tmp_path / "out")],
        env={"PYTHONPATH": f"{support}:{Path(fleet.__file__).parents[1]}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [str(len(absurd)), "0"], done.stderr
    messages = fleet.read(str(tmp_path / "out")).errors.to_table().column("message").to_pylist()
    assert not [text for text in messages if "emory" in text or "allocate" in text]


def test_a_header_is_read_up_to_a_budget() -> None:
    """However its boxes are laid out: many small ones, each of which would be taken."""
    data = (b"\0\0\0\x08free" * 20) * 1000
    budget = HeaderBudget("v.mp4", MemoryReader(data), max_bytes=100_000)
    for offset in range(0, 100_000, 1000):
        assert len(budget.read(offset, 1000)) == 1000
    with pytest.raises(BrokenVideoError, match="header is larger than"):
        budget.read(100_000, 1)
    assert budget.size == len(data)


def test_a_picture_must_come_within_reason(clip_folder: Path) -> None:
    """A parser keeps all bytes until a picture ends."""
    data = cached(Clip(container="raw"), clip_folder).read_bytes()
    budget = ScanBudget("v.h264", MemoryReader(data), max_bytes=1000)
    budget.read(0, 900)
    budget.picture()
    budget.read(900, 900)
    budget.read(1800, 900)
    with pytest.raises(BrokenVideoError, match="no picture ends"):
        budget.read(2700, 900)


def test_a_video_has_not_more_pictures_than_are_taken(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days of them; here, twenty."""
    for reads in (libav, own_walk):
        monkeypatch.setattr(reads, "MAX_PACKETS", 20)
    for container in ("mp4", "mkv", "ts", "raw"):
        data = cached(Clip(container=container), clip_folder).read_bytes()
        with pytest.raises(BrokenVideoError, match="more than 20 pictures"):
            probed(data)


@pytest.mark.parametrize(("where", "whole_bytes"), [("index_isobmff", 0), ("scan", WHOLE_BYTES)])
def test_a_surprise_is_an_error_of_the_video(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch, where: str, whole_bytes: int
) -> None:
    """Whoever makes files to break a reader finds a way; it costs that file, not the run."""
    data = cached(Clip(), clip_folder).read_bytes()

    def surprise(*_: object, **__: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(f"fleet.video.probe.probe.{where}", surprise)
    with pytest.raises(BrokenVideoError, match=r"contradicts itself .*IndexError: list index"):
        probed(data, whole_bytes=whole_bytes)
