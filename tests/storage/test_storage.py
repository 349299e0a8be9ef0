"""Locations, and what is special about local files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet.errors import (
    AccessDeniedError,
    InputNotFoundError,
    StorageError,
    StorageRefusedError,
    UsageError,
    VideoChangedError,
)
from fleet.storage import Folder, Reader, canonical, expand, read_file, read_text


def test_a_put_on_disk_leaves_no_other_file(tmp_path: Path) -> None:
    """What it writes beside the target is gone afterwards, also when it fails."""
    folder = Folder(str(tmp_path))
    folder.put("table/part.parquet", b"data")
    (tmp_path / "blocked").mkdir()
    with pytest.raises(StorageError, match="blocked could not be written"):
        folder.put("blocked", b"data")
    version = folder.create("lease", b"one")
    assert version
    folder.replace("lease", b"two", version)
    folder.replace("lease", b"three", version)
    folder.create("lease", b"four")
    names = sorted(p.name for p in tmp_path.rglob("*"))
    assert names == ["blocked", "lease", "part.parquet", "table"]


def test_a_folder_that_may_not_be_read_is_no_empty_one(tmp_path: Path) -> None:
    """Or its videos would silently be left out."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    was = os.geteuid()
    if was == 0:  # root may read every folder: be nobody for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(AccessDeniedError, match="Check who may read"):
            expand([str(tmp_path)])
    finally:
        os.seteuid(was)


def test_names_of_every_kind_are_found(tmp_path: Path) -> None:
    """Spaces, quotes, newlines, dots, percent signs, other scripts."""
    names = ["a b.mp4", 'it\'s "q".mp4', "two\nlines.mp4", "..mp4.mp4", "5%20.mp4", "видео.mp4"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    listing = expand([str(tmp_path)])
    assert {Path(source.uri).name for source in listing.sources} == set(names)
    assert [Reader(source).read(0, 1) for source in listing.sources] == [b"x"] * len(names)


def test_an_input_named_twice_counts_once(tmp_path: Path) -> None:
    """A file and the folder it lies in, and its URL."""
    (tmp_path / "a.mp4").write_bytes(b"x")
    inputs = [str(tmp_path), str(tmp_path / "a.mp4"), f"file://{tmp_path}/a.mp4"]
    assert len(expand(inputs).sources) == 1


def test_a_changed_file_has_another_etag(tmp_path: Path) -> None:
    """Size or time of change."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    os.utime(path, (1, 1))
    before = expand([str(path)]).sources[0]
    os.utime(path, (1, 2))
    assert expand([str(path)]).sources[0].etag != before.etag


def test_an_object_that_shrank_is_no_silent_short_read(tmp_path: Path) -> None:
    """The listing said 100 bytes; 40 are there."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(100))
    reader = Reader(expand([str(path)]).sources[0])
    path.write_bytes(bytes(40))
    with pytest.raises(VideoChangedError, match="replaced"):
        reader.read(0, 100)


def test_locations_have_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths and file:// come to the absolute path; URLs stay."""
    monkeypatch.chdir(tmp_path)
    assert canonical("a/../b.mp4") == f"{tmp_path}/b.mp4"
    assert canonical(f"file://{tmp_path}/with%20space") == f"{tmp_path}/with space"
    assert canonical("s3://bucket/a b") == "s3://bucket/a b"


def test_what_cannot_be_opened_is_refused_with_what_can(tmp_path: Path) -> None:
    """An unknown scheme, a scheme whose package is missing, a file for a folder, a missing file."""
    with pytest.raises(UsageError, match="Use a local path"):
        Folder("gopher://x/y")
    with pytest.raises(UsageError, match="paramiko"):
        Folder("sftp://host/y")
    for nothing in ("s3://", "obs:///x", "az://"):
        with pytest.raises(UsageError, match="names no bucket"):
            Folder(nothing)
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is a file"):
        Folder(str(tmp_path / "file"))
    with pytest.raises(UsageError, match="does not exist"):
        read_file(str(tmp_path / "no.om"))
    with pytest.raises(UsageError, match="is a folder"):
        read_file(str(tmp_path))
    with pytest.raises(UsageError, match="not text in UTF-8"):
        read_text(str(tmp_path / "file"))
    with pytest.raises(InputNotFoundError, match="is no glob"):
        expand([str(tmp_path / "a**b")])


def test_a_file_system_without_conditional_puts_says_so(tmp_path: Path) -> None:
    """A folder can be written to, but two jobs cannot be kept apart by it."""
    folder = Folder(f"simplecache::file://{tmp_path}")
    with pytest.raises(StorageRefusedError, match="no conditional puts"):
        folder.create("x", b"y")
