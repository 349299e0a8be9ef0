"""Listing, ranged reads and atomic puts, on a disk and in memory."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from fleet.errors import InputNotFound, StorageError, UsageError
from fleet.storage import Folder, Reader, canonical, expand, read_file


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """An empty folder of each kind."""
    return Folder(str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}")


def test_what_is_put_is_listed_and_read(folder: Folder) -> None:
    """Names come back relative to the folder, in order, with sizes."""
    assert list(folder.list()) == []
    folder.put("frames/b", b"12345")
    folder.put("frames/a", b"1")
    folder.put("errors/c", b"")
    assert [(e.name, e.bytes) for e in folder.list()] == [
        ("errors/c", 0),
        ("frames/a", 1),
        ("frames/b", 5),
    ]
    assert [e.name for e in folder.list("frames/")] == ["frames/a", "frames/b"]
    assert [e.name for e in folder.list("frames/b")] == ["frames/b"]
    assert folder.read("frames/b") == b"12345"
    assert folder.read_range("frames/b", 1, 3) == b"234"
    assert folder.exists("frames/a")
    assert not folder.exists("frames/z")


def test_a_put_replaces_whole_and_a_delete_is_final(folder: Folder) -> None:
    """The second content stands; deleting twice is no error."""
    folder.put("x", b"first, and longer")
    folder.put("x", b"second")
    assert folder.read("x") == b"second"
    folder.delete("x")
    folder.delete("x")
    assert not folder.exists("x")


def test_a_put_on_disk_leaves_no_other_file(tmp_path: Path) -> None:
    """What it writes beside the target is gone afterwards, also when it fails."""
    folder = Folder(str(tmp_path))
    folder.put("table/part.parquet", b"data")
    (tmp_path / "blocked").mkdir()
    with pytest.raises(StorageError, match="blocked could not be written"):
        folder.put("blocked", b"data")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["blocked", "part.parquet", "table"]


def test_inputs_are_files_folders_and_globs(tmp_path: Path) -> None:
    """Videos by extension, recursively; the rest is counted and left."""
    for name in ("a.mp4", "b/c.MKV", "b/d.txt", "b/e.jpg", "raw", "with space's [1].mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    listing = expand([str(tmp_path)])
    names = [os.path.relpath(s.uri, tmp_path) for s in listing.sources]
    assert names == ["a.mp4", "b/c.MKV", "with space's [1].mp4"]
    assert listing.left == {"(none)": 1, ".jpg": 1, ".txt": 1}
    assert [Path(s.uri).name for s in expand([f"{tmp_path}/*.mp4"]).sources] == [
        "a.mp4",
        "with space's [1].mp4",
    ]
    assert [Path(s.uri).name for s in expand([str(tmp_path / "raw")]).sources] == ["raw"]
    bracketed = expand([str(tmp_path / "with space's [1].mp4"), f"file://{tmp_path}/a.mp4"])
    assert len(bracketed.sources) == 2


def test_folders_that_a_glob_matches_are_searched(tmp_path: Path) -> None:
    """`cam-*` takes the videos of each camera's folder."""
    for name in ("cam-1/a.mp4", "cam-2/deep/b.mp4", "other/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    found = [Path(s.uri).name for s in expand([f"{tmp_path}/cam-*"]).sources]
    assert found == ["a.mp4", "b.mp4"]


def test_an_input_named_twice_counts_once(tmp_path: Path) -> None:
    """A file and the folder it lies in."""
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert len(expand([str(tmp_path), str(tmp_path / "a.mp4")]).sources) == 1


@pytest.mark.parametrize("name", ["nowhere", "no/*.mp4", ""])
def test_an_input_that_matches_nothing_is_named(tmp_path: Path, name: str) -> None:
    """The error shows what was asked for."""
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(
        InputNotFound, match=name.replace("*", r"\*") or "holds no video, only 1 x .txt"
    ):
        expand([str(tmp_path / name)])


def test_a_changed_file_has_another_etag(tmp_path: Path) -> None:
    """Size or time of change."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    os.utime(path, (1, 1))
    before = expand([str(path)]).sources[0]
    os.utime(path, (1, 2))
    assert expand([str(path)]).sources[0].etag != before.etag


def test_ranged_reads_are_counted_and_end_with_the_object(tmp_path: Path) -> None:
    """A read past the end is short, one behind it empty."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(100)))
    reader = Reader(expand([str(path)]).sources[0])
    assert reader.read(10, 5) == bytes(range(10, 15))
    assert reader.read(95, 50) == bytes(range(95, 100))
    assert reader.read(200, 5) == b""
    assert (reader.requests, reader.bytes_read, reader.size) == (2, 10, 100)


def test_an_object_that_shrank_is_no_silent_short_read(tmp_path: Path) -> None:
    """The listing said 100 bytes; 40 are there."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(100))
    reader = Reader(expand([str(path)]).sources[0])
    path.write_bytes(bytes(40))
    with pytest.raises(StorageError, match="replaced"):
        reader.read(0, 100)


def test_locations_have_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths and file:// come to the absolute path; URLs stay."""
    monkeypatch.chdir(tmp_path)
    assert canonical("a/../b.mp4") == f"{tmp_path}/b.mp4"
    assert canonical(f"file://{tmp_path}/with%20space") == f"{tmp_path}/with space"
    assert canonical("s3://bucket/a b") == "s3://bucket/a b"


def test_an_unknown_scheme_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    """In words, with what can be used."""
    with pytest.raises(UsageError, match="Use a local path"):
        Folder("gopher://x/y")
    with pytest.raises(UsageError, match="does not exist"):
        read_file(str(tmp_path / "no.om"))
