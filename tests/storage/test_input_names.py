"""Inputs whose names look like something else: globs, folders, what systems leave behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from canned import answering

from fleet.errors import InputNotFoundError, UsageError
from fleet.storage import Folder, Reader, canonical, expand
from fleet.storage.candidates import find_below, find_object
from fleet.storage.listing import APPLE_DOUBLE, MARK, SYSTEM_FOLDER
from fleet.storage.selection import InputFilter
from fleet.storage.store import Stat

KINDS = ("disk", "memory", "seaweed")
LEFT_BEHIND = (
    "__MACOSX/cam/._a.mp4",
    "cam/.Trashes/501/a.mp4",
    ".Spotlight-V100/a.mp4",
    "$RECYCLE.BIN/S-1-5/a.mp4",
    "$Recycle.Bin/S-1-5/b.mp4",
    "System Volume Information/a.mp4",
    "cam/@eaDir/a.mp4/SYNOVIDEO_VIDEO.mp4",
    ".fseventsd/a.mp4",
    "lost+found/a.mp4",
    ".Trash-1000/files/a.mp4",
    "#recycle/a.mp4",
    ".snapshot/hourly.0/cam/a.mp4",
)


def names(place: str, inputs: Sequence[str]) -> list[str]:
    """The names of the videos found, below the place."""
    return [source.uri.removeprefix(f"{place}/") for source in expand(inputs).sources]


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_that_name_wins_over_the_glob(kind: str, place: Callable[[str], str]) -> None:
    """`cam[1]` is a name before it is a pattern that `cam1` matches; so with all wildcards."""
    where = place(kind)
    folder = Folder(where)
    for name in ("cam[1]/a.mp4", "cam1/b.mp4", "c?m/d.mp4", "deep/cam*/e.mp4", "deep/cam2/f.mp4"):
        folder.put(name, b"x")
    assert names(where, [f"{where}/cam[1]"]) == ["cam[1]/a.mp4"]
    assert names(where, [f"{where}/cam[1]/"]) == ["cam[1]/a.mp4"]
    assert names(where, [f"{where}/cam[1]/*.mp4"]) == ["cam[1]/a.mp4"]
    assert names(where, [f"{where}/deep/cam*"]) == ["deep/cam*/e.mp4"]
    assert names(where, [f"{where}/deep/cam*/?.mp4"]) == ["deep/cam*/e.mp4"]
    assert names(where, [f"{where}/c?m"]) == ["c?m/d.mp4"]
    assert names(where, [f"{where}/cam[[]1]"]) == ["cam[1]/a.mp4"]
    assert names(where, [f"{where}/cam[0-9]"]) == ["cam1/b.mp4"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_that_name_wins_over_the_glob(kind: str, place: Callable[[str], str]) -> None:
    """And what no folder is called is a glob as before."""
    where = place(kind)
    folder = Folder(where)
    for name in ("a[1].mp4", "a1.mp4", "b1.mp4"):
        folder.put(name, b"x")
    assert names(where, [f"{where}/a[1].mp4"]) == ["a[1].mp4"]
    assert names(where, [f"{where}/b[1].mp4"]) == ["b1.mp4"]


def test_an_empty_folder_of_that_name_is_no_glob(tmp_path: Path) -> None:
    """Its videos are missing; those of another folder are not meant."""
    (tmp_path / "cam[1]").mkdir()
    (tmp_path / "cam1").mkdir()
    (tmp_path / "cam1" / "a.mp4").write_bytes(b"x")
    with pytest.raises(InputNotFoundError, match="is empty") as caught:
        expand([f"{tmp_path}/cam[1]"])
    assert "write [[]" in caught.value.way_out


@pytest.mark.parametrize("kind", ["memory", "seaweed"])
def test_a_slash_at_the_end_names_the_folder(kind: str, place: Callable[[str], str]) -> None:
    """A store of objects may hold an object `flat`, and others below `flat/`."""
    where = place(kind)
    folder = Folder(where)
    if kind == "memory":
        folder.put("flat", b"video")
        assert names(where, [f"{where}/flat"]) == ["flat"]
        with pytest.raises(InputNotFoundError) as caught:
            expand([f"{where}/flat/"])
        assert "A slash at the end names a folder" in caught.value.way_out
    folder.put("else/a.mp4", b"x")
    assert names(where, [f"{where}/else/"]) == ["else/a.mp4"]


def test_object_and_folder_of_one_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slash is passed on to the store: what is listed then lies below it."""
    with answering(page([("in/flat/a.mp4", 1)]), exist=("in/flat",)) as store:
        reach(store.endpoint, monkeypatch)
        assert names("s3://bucket", ["s3://bucket/in/flat"]) == ["in/flat"]
        assert names("s3://bucket", ["s3://bucket/in/flat/"]) == ["in/flat/a.mp4"]
        assert "prefix=in%2Fflat%2F" in store.paths[-1]


def test_a_slash_after_a_glob_means_folders_alone(tmp_path: Path) -> None:
    """`*/` is any folder."""
    (tmp_path / "cam").mkdir()
    for name in ("a.mp4", "cam/b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    assert names(str(tmp_path), [f"{tmp_path}/*"]) == ["a.mp4", "cam/b.mp4"]
    assert names(str(tmp_path), [f"{tmp_path}/*/"]) == ["cam/b.mp4"]


def test_marks_of_folders_are_no_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consoles put them, with a slash at the end of the name, which the client takes away."""
    listed = [("in/", 0), ("in/cam/", 0), ("in/e.mp4/", 0), ("in/e.mp4/f.mp4", 3), ("in/g.mp4", 5)]
    with answering(page([*listed, ("in/g.mp4/", 0)])) as store:
        reach(store.endpoint, monkeypatch)
        listing = expand(["s3://bucket/in"])
    found = {source.uri: source.bytes for source in listing.sources}
    assert found == {"s3://bucket/in/e.mp4/f.mp4": 3, "s3://bucket/in/g.mp4": 5}
    assert listing.left == {MARK: 3}


class Azure:
    """Names and sizes, as a store with real folders lists them: each is an empty object, too."""

    name = "az://container"

    def __init__(self, **sizes: int) -> None:
        self.sizes = {name.replace("__", "/"): size for name, size in sizes.items()}

    def stat(self, path: str) -> Stat:
        """See Store."""
        if path not in self.sizes:
            raise FileNotFoundError(path)
        return Stat(path, self.sizes[path], "e", None)

    def list(self, folder: str) -> Iterator[Stat]:
        """See Store."""
        return (self.stat(name) for name in self.sizes if name.startswith(f"{folder}/"))


def test_folders_that_are_objects_are_no_videos() -> None:
    """Azure's hierarchical accounts have them: empty, and without a slash."""
    store: Any = Azure(clips=0, clips__cam=0, clips__cam__a=5, empty=0)
    assert find_object(store, "clips") is None
    assert find_object(store, "empty") is not None
    store.sizes = {"in/cam.mp4": 0, "in/cam.mp4/a.mp4": 5, "in/b.mp4": 0}
    found = {one.stat.path for one in find_below(store, "in", only_folders=False)}
    assert found == {"in/cam.mp4/", "in/cam.mp4/a.mp4", "in/b.mp4"}


def test_an_empty_video_stays_a_video(place: Callable[[str], str]) -> None:
    """That it is broken is for the index to say."""
    where = place("seaweed")
    Folder(where).put("a.mp4", b"")
    assert names(where, [where]) == ["a.mp4"]
    assert names(where, [f"{where}/a.mp4"]) == ["a.mp4"]


def test_what_systems_leave_behind_is_left_aside_and_counted(tmp_path: Path) -> None:
    """AppleDouble files, trash, snapshots, search indexes: none is a video of the archive's."""
    kept = ("cam/a.mp4", "cam/lost+found.mp4", "MACOSX/a.mp4", "cam/.hidden.mp4")
    doubles = ("cam/._a.mp4", "._b.ts")
    for name in (*LEFT_BEHIND, *kept, *doubles):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    listing = expand([str(tmp_path)])
    assert names(str(tmp_path), [str(tmp_path)]) == sorted(kept)
    assert listing.left == {APPLE_DOUBLE: 2, SYSTEM_FOLDER: len(LEFT_BEHIND)}


@pytest.mark.parametrize("name", [*LEFT_BEHIND, "cam/._a.mp4", "a.txt"])
def test_what_is_named_is_never_left_aside(tmp_path: Path, name: str) -> None:
    """Neither a file, nor what lies in the folder that is named itself."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    assert names(str(tmp_path), [f"{tmp_path}/{name}"]) == [name]
    if not name.rpartition("/")[2].startswith("._") and not name.endswith(".txt"):
        assert names(str(tmp_path), [str((tmp_path / name).parent)]) == [name]


def test_a_system_folder_that_may_not_be_read_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root of every disk has one that only root may read."""
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "a.mp4").write_bytes(b"x")
    scan = os.scandir

    def scanned(path: str) -> Any:
        if path.endswith("lost+found"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scanned)
    listing = expand([str(tmp_path)])
    assert [Path(source.uri).name for source in listing.sources] == ["a.mp4"]
    assert listing.left == {SYSTEM_FOLDER: 1}
    assert [entry.name for entry in Folder(str(tmp_path)).list()] == ["a.mp4"]


ODD = ("a#b.mp4", "50%.mp4", "5%20.mp4", "a b.mp4", "two\nlines.mp4", "what?.mp4", "x[1]*.mp4")


@pytest.mark.parametrize(
    ("kind", "name"),
    # No client puts a name with a newline.
    [(kind, name) for kind in KINDS for name in ODD if kind == "disk" or "\n" not in name],
)
def test_odd_names_are_found_by_name_and_in_their_folder(
    kind: str, name: str, place: Callable[[str], str]
) -> None:
    """And read: each is one object, and no part of it an address's query or fragment."""
    where = place(kind)
    folder = "c#m %41"
    if kind == "disk":
        path = Path(where, folder, name)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    else:
        Folder(where).put(f"{folder}/{name}", b"x")
    for given in (where, f"{where}/{folder}/", f"{where}/{folder}/{name}"):
        (source,) = expand([given]).sources
        assert source.uri == f"{where}/{folder}/{name}"
        assert Reader(source).read(0, 1) == b"x"


def test_a_name_that_is_no_text_is_found(tmp_path: Path) -> None:
    """Linux takes any bytes; a file:// address may spell them with percent signs."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    Path(path).write_bytes(b"x")
    for given in (str(tmp_path), path, f"file://{tmp_path}/caf%E9.mp4", f"{tmp_path}/caf*.mp4"):
        (source,) = expand([given]).sources
        assert source.uri == path
        assert Reader(source).read(0, 1) == b"x"


def test_a_file_address_is_a_path_and_nothing_else(tmp_path: Path) -> None:
    """What follows # or ? is part of it, or `cam#1` would be the folder `cam`."""
    assert canonical(f"file://{tmp_path}/cam#1/a?b.mp4") == f"{tmp_path}/cam#1/a?b.mp4"
    assert canonical(f"file://localhost{tmp_path}/a%20b") == f"{tmp_path}/a b"
    for wrong in ("file://clips", "file://clips/a.mp4", "file://"):
        with pytest.raises(UsageError, match="where a host does"):
            canonical(wrong)


@pytest.mark.parametrize("glob", ["cam[1].mp4", "in/cam[1].mp4", "what?.mp4"])
def test_a_filter_takes_the_name_that_it_is(glob: str) -> None:
    """As an input does."""
    assert InputFilter(include=(glob,)).takes(glob, None)
    assert not InputFilter(exclude=(glob,)).takes(glob, None)


def page(listed: Sequence[tuple[str, int]]) -> bytes:
    """A page of S3's listing."""
    items = "".join(
        f"<Contents><Key>{escape(name)}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
        f'<ETag>"e"</ETag><Size>{size}</Size></Contents>'
        for name, size in listed
    )
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
    ).encode()


def reach(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let s3:// mean that endpoint."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key")
