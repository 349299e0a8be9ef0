"""Links, and names, by which a folder that others write to would lead out of itself."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

import pytest
from canned import answering
from maze import make_maze
from proxy import Proxy
from witness import witness

from fleet.errors import InputNotFoundError, StorageRefusedError
from fleet.storage import Folder, Reader, expand
from fleet.storage.clients import _s3_client
from fleet.storage.credentials import Keys, S3Settings
from fleet.storage.listing import LINK, ODD_NAME
from fleet.storage.presigned import SignedUrlStore
from fleet.storage.store import Stat

SETTINGS = S3Settings("http://unused", "us-east-1", False, Keys("AKIAEXAMPLE", "a-secret-key"))

ESCAPES = (
    "../x",
    "..",
    ".",
    "/etc/passwd",
    "//x",
    "a/../../x",
    "a/..",
    "a/./x",
    "./x",
    "a//x",
    "a/",
    "",
    "a\0/x",
    "..\\x",
    "a\\..\\..\\x",
)
OPERATIONS: dict[str, Callable[[Folder, str], object]] = {
    "read": Folder.read,
    "range": lambda folder, name: folder.read_range(name, 0, 1),
    "version": Folder.read_version,
    "stat": Folder.stat,
    "put": lambda folder, name: folder.put(name, b"x"),
    "create": lambda folder, name: folder.create(name, b"x"),
    "replace": lambda folder, name: folder.replace(name, b"x", "0" * 64),
    "delete": Folder.delete,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["disk", "memory", "s3"])
def test_a_name_that_leads_out_of_the_folder_is_refused(
    kind: str, operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every method, before the store is asked anything: none listens there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    places = {"disk": str(tmp_path / "out"), "memory": f"memory://{uuid.uuid4()}/out"}
    folder = Folder(places.get(kind, "s3://bucket/out"))
    (tmp_path / "x").write_bytes(b"precious")
    for name in ESCAPES:
        with pytest.raises(StorageRefusedError, match="does not name an object"):
            OPERATIONS[operation](folder, name)
    assert (tmp_path / "x").read_bytes() == b"precious"


@pytest.mark.parametrize("prefix", [name for name in ESCAPES if name not in {"", "a/"}])
def test_nothing_outside_the_folder_is_listed(tmp_path: Path, prefix: str) -> None:
    """A prefix is a name, too."""
    (tmp_path / "out").mkdir()
    (tmp_path / "x").write_bytes(b"precious")
    with pytest.raises(StorageRefusedError):
        list(Folder(str(tmp_path / "out")).list(prefix))


def test_names_that_no_method_takes_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of objects may hold them; who lists and deletes them would be led out."""
    folder = Folder("s3://bucket/out")
    names = ("a", "../b", "frames/../../c", "d//e", "f/.", "/g", "h\\i", "ok/..j")
    stats = [Stat(f"out/{name}", 1, "e", None) for name in names]
    monkeypatch.setattr(folder, "_store", type("", (), {"list": lambda *_: iter(stats)})())
    assert [entry.name for entry in folder.list()] == ["a", "ok/..j"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_folder_of_the_output_that_is_a_link_is_refused(tmp_path: Path, operation: str) -> None:
    """Whoever plants it would have another output's objects deleted in this one's name."""
    mine, others = tmp_path / "mine", tmp_path / "others"
    (others / "frames").mkdir(parents=True)
    (others / "frames" / "part").write_bytes(b"precious")
    mine.mkdir()
    (mine / "frames").symlink_to(others / "frames")
    with pytest.raises(StorageRefusedError, match="frames is a link"):
        OPERATIONS[operation](Folder(str(mine)), "frames/part")
    with pytest.raises(StorageRefusedError, match="frames is a link"):
        list(Folder(str(mine)).list("frames/"))
    with pytest.raises(StorageRefusedError, match="frames is a link"):
        list(Folder(str(mine)).list())
    assert (others / "frames" / "part").read_bytes() == b"precious"


def test_an_output_may_be_a_link_itself(tmp_path: Path) -> None:
    """That is how it is kept on another disk; links to what it holds add nothing."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    folder = Folder(str(tmp_path / "out"))
    folder.put("frames/part", b"x")
    (tmp_path / "disk" / "latest").symlink_to("frames/part")
    assert [entry.name for entry in folder.list()] == ["frames/part"]
    assert (tmp_path / "disk" / "frames" / "part").read_bytes() == b"x"


def test_a_put_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    """Nor does a delete follow it."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = Folder(str(tmp_path / "out"))
    for change in (folder.put, folder.create):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "x").symlink_to(victim)
        change("x", b"mine")
        folder.delete("x")
        assert victim.read_bytes() == b"precious"


def test_links_multiply_nothing(tmp_path: Path) -> None:
    """Two links in each of eleven folders were 4,095 sources of one video."""
    place = tmp_path / "in"
    for _ in range(11):
        (place / "next").mkdir(parents=True)
        (place / "a").symlink_to("next")
        (place / "b").symlink_to("next")
        place = place / "next"
    (place / "one.mp4").write_bytes(b"x")
    listing = expand([str(tmp_path / "in")])
    assert [source.uri for source in listing.sources] == [str(place / "one.mp4")]
    assert listing.left == {LINK: 22}


def test_links_are_followed_only_where_they_are_named(tmp_path: Path) -> None:
    """Into the folder, out of it, in circles, nowhere: what is named is what is meant."""
    archive, view = tmp_path / "archive", tmp_path / "view"
    (archive / "deep").mkdir(parents=True)
    view.mkdir()
    (archive / "deep" / "a.mp4").write_bytes(b"x")
    (view / "folder").symlink_to(archive)
    (view / "b.mp4").symlink_to(archive / "deep" / "a.mp4")
    (view / "nowhere.mp4").symlink_to(tmp_path / "no.mp4")
    (archive / "deep" / "back").symlink_to(view)
    (archive / "deep" / "again.mp4").symlink_to("a.mp4")

    def found(*inputs: Path) -> list[str]:
        return [
            os.path.relpath(source.uri, tmp_path) for source in expand([*map(str, inputs)]).sources
        ]

    with pytest.raises(InputNotFoundError, match=re.escape(f"only 3 x {LINK}")) as caught:
        found(view)
    assert "name what they lead to" in caught.value.way_out
    assert found(view / "folder") == ["view/folder/deep/a.mp4"]
    assert found(view / "b.mp4") == ["view/b.mp4"]
    assert found(view / "folder" / "deep" / "*.mp4") == ["view/folder/deep/a.mp4"]
    assert found(archive) == ["archive/deep/a.mp4"]
    with pytest.raises(InputNotFoundError):
        found(view / "nowhere.mp4")


def test_folders_within_folders_have_no_bottom(tmp_path: Path) -> None:
    """Deeper than the interpreter's own limit, and at the end a video."""
    folders = [tmp_path / "d"]
    while len(folders) < 1500:
        folders.append(folders[-1] / "d")
    for folder in folders:
        folder.mkdir()
    video = folders[-1] / "a.mp4"
    video.write_bytes(b"x")
    (source,) = expand([str(tmp_path)]).sources
    assert source.uri == str(video)
    # Whoever clears up goes down by recursion.
    video.unlink()
    for folder in reversed(folders):
        folder.rmdir()


def test_a_maze_is_listed_in_one_pass_and_nothing_outside_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escapes, dots, circles, links outwards in 3,000 names; `make prove-hostile` has 200,000."""
    outside = tmp_path / "outside"
    outside.mkdir()
    read: list[str] = []
    with witness(outside) as watched:
        maze = make_maze(tmp_path / "in", outside, 3000)
        scan = os.scandir

        def noted(path: str) -> Any:
            read.append(path)
            return scan(path)

        monkeypatch.setattr(os, "scandir", noted)
        listing = expand([str(maze.folder)])
        monkeypatch.undo()
        assert not watched.touched()
    assert {source.uri for source in listing.sources} == maze.videos
    assert listing.left[LINK] == maze.links
    assert sorted(read) == sorted(path for path, _, _ in os.walk(maze.folder))
    for source in listing.sources:
        assert Reader(source).read(0, 1) == b""


@pytest.mark.parametrize(
    "name", ["a/../b.mp4", "../b.mp4", "a/./b.mp4", "a/..", ".", "x/../../b/c"]
)
def test_a_name_with_dots_is_not_asked_of_s3(s3: str, proxy: Proxy, name: str) -> None:
    """Signed, it would be the address of another object, or of another bucket."""
    Folder(s3).put("b.mp4", b"another")
    proxy.reset()
    with pytest.raises(StorageRefusedError, match="another object"):
        expand([f"{s3}/{name}"])
    bucket = s3.removeprefix("s3://").partition("/")[0]
    asked = {request.path.partition("?")[0] for request in proxy.requests}
    assert asked <= {f"/{bucket}"}, "why it is refused is asked of the bucket; no object is"


def test_objects_with_odd_names_are_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of that listing are not lost for them, and none is taken for another."""
    names = ("in/a/../b.mp4", "in/good.mp4", "in/c/./d.mp4", "in/e.mp4/", "in//f.mp4")
    with answering(_page(names)) as store:
        _use(store.endpoint, monkeypatch)
        listing = expand(["s3://bucket/in"])
    assert [source.uri for source in listing.sources] == [
        "s3://bucket/in//f.mp4",
        "s3://bucket/in/good.mp4",
    ]
    assert listing.left == {ODD_NAME: 3}


def test_a_name_that_looks_like_a_credential_costs_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others call their objects is not what a user writes down."""
    names = ("in/x?token=abcdef&X-Amz-Signature=abcdef.mp4", "in/u:secret@host.mp4")
    with answering(_page(names)) as store:
        _use(store.endpoint, monkeypatch)
        sources = expand(["s3://bucket/in"]).sources
        assert {Reader(source).source.uri for source in sources} == {
            f"s3://bucket/{n}" for n in names
        }


def _use(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key")


def _page(names: tuple[str, ...]) -> bytes:
    items = "".join(
        f"<Contents><Key>{escape(name)}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
        f'<ETag>"e"</ETag><Size>1</Size></Contents>'
        for name in names
    )
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
    ).encode()


@pytest.mark.parametrize(
    "name", ["a//b.mp4", "two\nlines.mp4", "a//100%2e%2e/..c.mp4", "a//...", "a\tb", "a//b/"]
)
def test_any_other_odd_name_is_asked_for_exactly(name: str) -> None:
    """Byte by byte, in the address that is signed."""
    client = partial(_s3_client, "bucket", settings=SETTINGS)
    with answering(b"x") as store:
        urls = SignedUrlStore("s3://bucket", f"{store.endpoint}/bucket", client)
        assert urls.read(f"in/{name}", 0, None, "").data == b"x"
        assert [unquote(path.partition("?")[0]) for path in store.paths] == [f"/bucket/in/{name}"]
