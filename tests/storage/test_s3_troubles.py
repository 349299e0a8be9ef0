"""What a real S3 server refuses, in our words; what is asked again; and that no secret is told."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from proxy import Passed, Proxy
from s3_server import S3Server, free_ports

from fleet.errors import (
    AccessDeniedError,
    NoSuchBucketError,
    StorageError,
    StorageRefusedError,
    VideoChangedError,
)
from fleet.storage import Folder, Reader, expand, redact


def tell(error: BaseException) -> str:
    """Everything that an error would show, with the errors that it came from."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


@pytest.mark.parametrize("action", ["list", "read", "put", "stat"])
@pytest.mark.parametrize("wrong", ["secret", "key", "token"])
def test_wrong_credentials_are_named_and_not_told(
    s3: str, seaweed: S3Server, monkeypatch: pytest.MonkeyPatch, action: str, wrong: str
) -> None:
    """In one sentence with a way out, at the first request, whichever it is."""
    Folder(s3).put("a.mp4", b"x")
    wrongs = {
        "secret": ("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-wrong"),
        "key": ("AWS_ACCESS_KEY_ID", "AKIA0WRONG0WRONG"),
        "token": ("AWS_SESSION_TOKEN", "a-token-that-nobody-gave"),
    }
    name, value = wrongs[wrong]
    monkeypatch.setenv(name, value)
    actions: dict[str, Callable[[Folder], object]] = {
        "list": lambda folder: list(folder.list()),
        "read": lambda folder: folder.read("a.mp4"),
        "put": lambda folder: folder.put("b", b"x"),
        "stat": lambda folder: folder.exists("a.mp4"),
    }
    with pytest.raises(AccessDeniedError) as caught:
        actions[action](Folder(s3))
    assert caught.value.way_out
    shown = tell(caught.value)
    assert value not in shown
    assert seaweed.access not in shown
    assert seaweed.secret not in shown


def test_a_folder_that_may_only_be_read_is_found_out_at_the_start(
    s3: str, seaweed: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any work is done for it."""
    Folder(s3).put("a", b"x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.reader[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweed.reader[1])
    folder = Folder(s3)
    assert folder.read("a") == b"x"
    with pytest.raises(AccessDeniedError, match="could not be written: these credentials may not"):
        folder.check_writable()


def test_a_wrong_bucket_is_no_empty_one(
    s3: str, seaweed: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the inputs nor for the output."""
    del s3
    with pytest.raises(NoSuchBucketError, match="there is no such bucket"):
        expand(["s3://no-such-bucket-here/x"])
    with pytest.raises(NoSuchBucketError):
        Folder("s3://no-such-bucket-here/out").read("_JOB.json")
    # SeaweedFS makes buckets by itself for those who may do everything.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.reader[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweed.reader[1])
    with pytest.raises(StorageRefusedError):
        Folder("s3://no-such-bucket-here/out").check_writable()


def test_a_wrong_endpoint_is_given_up_soon(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there, and nobody ever did."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(StorageError, match=r"does not answer\. Check the endpoint"):
        expand([s3])


def test_no_credentials_at_all_are_asked_for(
    s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the names of the variables that carry them."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(AccessDeniedError, match="AWS_ACCESS_KEY_ID"):
        expand([s3])


def test_keys_of_a_profile_open_the_store(
    s3: str, seaweed: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From ~/.aws, as other tools read it; and they are hidden like those of the environment."""
    Folder(s3).put("a", b"x")
    for name in seaweed.environment:
        monkeypatch.delenv(name)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[archive]\naws_access_key_id = {seaweed.access}\naws_secret_access_key = {seaweed.secret}\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        f"[profile archive]\nregion = us-east-1\nendpoint_url = {seaweed.endpoint}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "archive")
    assert Folder(s3).read("a") == b"x"
    assert redact(f"it is {seaweed.secret} of {seaweed.access}") == "it is *** of ***"


def test_obs_is_reached_through_its_s3_interface(
    s3: str, seaweed: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an endpoint of one's own, and keys under its own names."""
    Folder(s3).put("a.mp4", b"x")
    for name in seaweed.environment:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLEET_S3_ENDPOINT", seaweed.endpoint)
    monkeypatch.setenv("OBS_ACCESS_KEY_ID", seaweed.access)
    monkeypatch.setenv("OBS_SECRET_ACCESS_KEY", seaweed.secret)
    place = s3.replace("s3://", "obs://")
    (source,) = expand([place]).sources
    assert source.uri == f"{place}/a.mp4"
    assert Reader(source).read(0, 1) == b"x"
    assert Folder(place).check_writable().conditional


@pytest.mark.parametrize("broken", [429, 500, 503, "reset", "cut", "short"])
def test_what_passes_is_asked_again(s3: str, proxy: Proxy, broken: int | str) -> None:
    """Busy answers, resets, bodies cut off or too short: three in a row, and it is read all the same."""
    data = bytes(range(256)) * 4096
    Folder(s3).put("a.mp4", data)
    (source,) = expand([s3]).sources
    proxy.reset()
    proxy.breaks = lambda number, _: broken if number < 3 else None
    reader = Reader(source)
    assert reader.read(1000, 500_000) == data[1000:501_000]
    assert (reader.requests, reader.bytes_read) == (1, 500_000)
    assert len(proxy.requests) >= 2


@pytest.mark.parametrize("broken", [503, "reset"])
def test_puts_and_listings_are_asked_again(s3: str, proxy: Proxy, broken: int | str) -> None:
    """An answer that is lost may have been a success: a create then is one, too."""
    proxy.breaks = lambda number, _: broken if number % 4 else None
    folder = Folder(s3)
    for number in range(4):
        folder.put(f"x{number}", b"x")
        assert folder.create(f"c{number}", b"mine")
    assert len(list(folder.list())) == 8


def test_a_create_whose_answer_was_lost_is_known_for_ones_own(s3: str, proxy: Proxy) -> None:
    """It was carried out, the connection broke, and the second attempt finds the object there."""
    lost = {"left": 1}

    def lose(number: int, request: Passed) -> str | None:
        del number
        if request.method == "PUT" and lost["left"]:
            lost["left"] -= 1
            return "cut"  # the server has done it; its answer does not arrive
        return None

    proxy.breaks = lose
    assert Folder(s3).create("lease", b"mine alone")
    assert lost["left"] == 0


@pytest.mark.parametrize("status", [403, 400])
def test_a_no_is_not_asked_again(s3: str, proxy: Proxy, status: int) -> None:
    """Once is enough."""
    folder = Folder(s3)
    folder.put("a", b"x")
    proxy.reset()
    proxy.breaks = lambda *_: status
    with pytest.raises(StorageRefusedError):
        folder.read("a")
    with pytest.raises(StorageRefusedError):
        folder.put("b", b"x")
    assert len(proxy.requests) == 2


def test_a_missing_object_is_not_asked_again(s3: str, proxy: Proxy) -> None:
    """It is no trouble at all."""
    folder = Folder(s3)
    with pytest.raises(FileNotFoundError):
        folder.read("no")
    assert not folder.exists("no")
    assert [request.method for request in proxy.requests] == ["GET", "HEAD"]


def test_a_long_listing_comes_page_by_page(s3: str, proxy: Proxy) -> None:
    """The second page is asked for when the first has been taken, and each only once."""
    folder = Folder(s3)
    for number in range(1100):
        folder.put(f"x/{number:05}", b"")
    proxy.reset()
    names = (entry.name for entry in folder.list("x/"))
    assert next(names) == "x/00000"
    assert len(proxy.requests) <= 2
    assert [*names] == [f"x/{number:05}" for number in range(1, 1100)]
    assert len(proxy.requests) == 2


def test_names_that_the_client_cannot_address_are_listed_and_read(
    s3: str, seaweed: S3Server
) -> None:
    """A newline in one name of other people's making costs neither that video nor the others."""
    folder = Folder(s3)
    for name in ("a b.mp4", "cam/z.mp4", "nothing.txt"):
        folder.put(name, b"plain")
    odd = f"{s3}/cam/two\nlines & 100%+ü.mp4"
    assert seaweed.request("PUT", odd.removeprefix("s3:/"), b"0123456789")[0] == 200
    listing = expand([s3])
    names = [source.uri.removeprefix(f"{s3}/") for source in listing.sources]
    assert names == ["a b.mp4", "cam/two\nlines & 100%+ü.mp4", "cam/z.mp4"]
    assert listing.left == {".txt": 1}
    assert expand([odd]).sources == expand([f"{s3}/cam/two*"]).sources
    (source,) = expand([odd]).sources
    assert source.bytes == 10
    assert Reader(source).read(2, 3) == b"234"
    with pytest.raises(StorageRefusedError, match="cannot address"):
        folder.put("two\nlines", b"x")
    assert seaweed.request("PUT", odd.removeprefix("s3:/"), b"other")[0] == 200
    with pytest.raises(VideoChangedError):
        Reader(source).read(2, 3)
    assert seaweed.request("DELETE", odd.removeprefix("s3:/"))[0] == 204
    with pytest.raises(VideoChangedError, match="gone"):
        Reader(source).read(2, 3)
