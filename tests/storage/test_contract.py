"""What holds of every store alike: a disk, memory, SeaweedFS, Ceph, Azurite, a stand-in for Google."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fleet.core.source import Source
from fleet.errors import InputNotFoundError, VideoChangedError
from fleet.storage import Folder, InputFilter, Reader, Writable, expand, read_file, read_text
from fleet.storage.folder import PROBE_PREFIX


@pytest.fixture
def folder(any_place: str) -> Folder:
    """The empty folder of each kind."""
    return Folder(any_place)


def test_what_is_put_is_listed_and_read(folder: Folder) -> None:
    """Names come back relative to the folder, with sizes."""
    assert list(folder.list()) == []
    assert not folder.exists()
    folder.put("frames/b", b"12345")
    folder.put("frames/a", b"1")
    folder.put("errors/c", b"")
    assert sorted((e.name, e.bytes) for e in folder.list()) == [
        ("errors/c", 0),
        ("frames/a", 1),
        ("frames/b", 5),
    ]
    assert [e.name for e in folder.list("frames/")] == ["frames/a", "frames/b"]
    assert [e.name for e in folder.list("frames/b")] == ["frames/b"]
    assert list(folder.list("frames/bb")) == []
    assert folder.exists()
    assert folder.exists("frames/a")
    assert not folder.exists("frames/z")
    assert not folder.exists("frames")


def test_reads_are_whole_or_by_range(folder: Folder) -> None:
    """A range ends with the object; a missing object is FileNotFoundError."""
    folder.put("x", b"0123456789")
    assert folder.read("x") == b"0123456789"
    assert folder.read_range("x", 1, 3) == b"123"
    assert folder.read_range("x", 8, 10) == b"89"
    assert folder.read_range("x", 3, 0) == b""
    with pytest.raises(FileNotFoundError):
        folder.read("y")
    with pytest.raises(FileNotFoundError):
        folder.read_range("y", 0, 3)


def test_a_put_replaces_whole_and_a_delete_is_final(folder: Folder) -> None:
    """The second content stands; deleting twice is no error."""
    folder.put("x", b"first, and longer")
    folder.put("x", b"second")
    assert folder.read("x") == b"second"
    folder.delete("x")
    folder.delete("x")
    assert not folder.exists("x")


def test_an_object_has_another_etag_once_it_changed(folder: Folder) -> None:
    """And the same one as long as it has not."""
    folder.put("x", b"one")
    (before,) = folder.list()
    (again,) = folder.list()
    folder.put("x", b"other")
    (after,) = folder.list()
    assert before == again
    assert before.etag != after.etag


def test_of_those_who_create_at_once_one_wins(folder: Folder) -> None:
    """The others learn that it is there, and what stands there is the winner's."""
    bodies = [f"writer {number}".encode() for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda body: folder.create("lease", body), bodies))
    (winner,) = [body for body, etag in zip(bodies, won, strict=True) if etag]
    assert folder.read("lease") == winner
    assert folder.create("lease", b"late") is None


def test_only_the_version_that_was_seen_is_replaced(folder: Folder) -> None:
    """A writer that did not see the last change is refused, and one of a deleted object."""
    first = folder.create("lease", b"one")
    assert first
    assert folder.read_version("lease") == (b"one", first)
    second = folder.replace("lease", b"two", first)
    assert second
    assert folder.replace("lease", b"three", first) is None
    assert folder.read("lease") == b"two"
    assert folder.replace("lease", b"three", second)
    assert [entry.name for entry in folder.list()] == ["lease"]
    folder.delete("lease")
    assert folder.replace("lease", b"four", second) is None


def test_an_answer_that_was_lost_is_no_defeat(folder: Folder) -> None:
    """The same bytes once more: it was this writer who had put them."""
    etag = folder.create("lease", b"mine alone")
    assert folder.create("lease", b"mine alone") == etag


def test_a_folder_that_can_be_written_to_says_so_and_stays_clean(folder: Folder) -> None:
    """Conditions are kept by all of these stores; nothing is left behind."""
    assert folder.check_writable() == Writable(conditional=True)
    assert not [entry for entry in folder.list() if entry.name.startswith(PROBE_PREFIX)]


def test_a_video_is_read_as_it_was_listed(any_place: str, folder: Folder) -> None:
    """Ranges of it, counted; none past its end."""
    folder.put("a.mp4", bytes(range(100)))
    (source,) = expand([any_place]).sources
    assert (source.uri, source.bytes) == (f"{any_place}/a.mp4", 100)
    reader = Reader(source)
    assert reader.read(10, 5) == bytes(range(10, 15))
    assert reader.read(95, 50) == bytes(range(95, 100))
    assert reader.read(200, 5) == b""
    assert (reader.requests, reader.bytes_read, reader.size) == (2, 10, 100)


def test_a_video_that_was_replaced_or_removed_is_not_read(any_place: str, folder: Folder) -> None:
    """Not one byte of another object passes for the one that was planned."""
    folder.put("a.mp4", b"planned, and read")
    (source,) = expand([any_place]).sources
    folder.put("a.mp4", b"put there later  ")
    with pytest.raises(VideoChangedError, match="replaced") as caught:
        Reader(source).read(0, 4)
    assert caught.value.retryable
    folder.delete("a.mp4")
    with pytest.raises(VideoChangedError, match="gone"):
        Reader(source).read(0, 4)


def test_listing_and_naming_a_video_give_one_source(any_place: str, folder: Folder) -> None:
    """Or a video would be done twice, as two versions."""
    folder.put("deep/a.mp4", b"x" * 10)
    by_folder, by_name = expand([any_place]).sources, expand([f"{any_place}/deep/a.mp4"]).sources
    assert by_folder == by_name
    assert isinstance(by_name[0], Source)


def test_inputs_are_files_folders_and_globs(any_place: str, folder: Folder) -> None:
    """Videos by extension, recursively; the rest is counted and left."""
    names = ("a.mp4", "cam-1/c.MKV", "cam-2/deep/e.ts", "cam-2/d.txt", "other/f.mp4", "raw")
    for name in (*names, "with space's [1] ü.mp4"):
        folder.put(name, b"x")
    listing = expand([any_place])
    assert below(any_place, listing.sources) == [
        "a.mp4",
        "cam-1/c.MKV",
        "cam-2/deep/e.ts",
        "other/f.mp4",
        "with space's [1] ü.mp4",
    ]
    assert listing.left == {"(none)": 1, ".txt": 1}
    cases = {
        "*.mp4": ["a.mp4", "with space's [1] ü.mp4"],
        "cam-*": ["cam-1/c.MKV", "cam-2/deep/e.ts"],
        "cam-?/*.MKV": ["cam-1/c.MKV"],
        "**/*.mp4": ["a.mp4", "other/f.mp4", "with space's [1] ü.mp4"],
        "cam-2/**": ["cam-2/deep/e.ts"],
        "raw": ["raw"],
        "with space's [1] ü.mp4": ["with space's [1] ü.mp4"],
    }
    for glob, expected in cases.items():
        assert below(any_place, expand([f"{any_place}/{glob}"]).sources) == expected, glob


def below(place: str, sources: Sequence[Source]) -> list[str]:
    """Name sources by their paths below a folder."""
    return [os.path.relpath(source.uri, place) for source in sources]


def test_videos_are_chosen_by_name_and_age(any_place: str, folder: Folder) -> None:
    """How many are left out is told; none left is an error."""
    for name in ("a.mp4", "cam/b.mp4", "cam/c.ts", "notes.txt"):
        folder.put(name, b"x")

    def chosen(choice: InputFilter) -> list[str]:
        return below(any_place, expand([any_place], choice).sources)

    assert chosen(InputFilter(include=("cam/**",))) == ["cam/b.mp4", "cam/c.ts"]
    assert chosen(InputFilter(include=("*.mp4",), exclude=("a.*",))) == ["cam/b.mp4"]
    now = datetime.now(UTC)
    assert len(chosen(InputFilter(modified_since=now - timedelta(hours=1)))) == 3
    assert expand([any_place], InputFilter(exclude=("*.ts",))).not_chosen == 1
    with pytest.raises(InputNotFoundError, match="Of the 3 videos"):
        expand([any_place], InputFilter(modified_since=now + timedelta(hours=1)))


def test_an_input_that_matches_nothing_is_named(any_place: str, folder: Folder) -> None:
    """The error shows what was asked for, and what is there instead."""
    folder.put("notes.txt", b"x")
    for name in ("nowhere", "no/*.mp4"):
        with pytest.raises(InputNotFoundError) as caught:
            expand([f"{any_place}/{name}"])
        assert f"{any_place}/{name}" in caught.value.message
    with pytest.raises(InputNotFoundError, match=r"holds no video, only 1 x \.txt"):
        expand([any_place])


def test_small_files_are_read_by_name(any_place: str, folder: Folder) -> None:
    """Such as a model."""
    folder.put("model.om", "größer".encode())
    assert read_file(f"{any_place}/model.om") == "größer".encode()
    assert read_text(f"{any_place}/model.om") == "größer"
