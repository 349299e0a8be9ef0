"""What is special about gs:// and az://, against a stand-in for Google and against Azurite."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from azurite import Azurite
from google_stand_in import GoogleStandIn

from fleet.errors import AccessDeniedError, NoSuchBucketError, StorageRefusedError
from fleet.storage import Folder, expand

CLOUDS = pytest.mark.parametrize("kind", ["google", "azurite"])
Place = Callable[[str], str]


@CLOUDS
def test_the_same_bytes_put_again_are_another_version(place: Place, kind: str) -> None:
    """On Google the etag stays the same; on Azure it changes."""
    folder = Folder(place(kind))
    first = folder.create("lock", b"mine")
    assert first
    folder.put("lock", b"mine")
    assert folder.replace("lock", b"renewed", first) is None
    data, second = folder.read_version("lock")
    assert data == b"mine"
    assert folder.replace("lock", b"renewed", second)


@CLOUDS
def test_a_wrong_bucket_is_no_empty_one(place: Place, kind: str) -> None:
    """Neither for the inputs nor for the output."""
    wrong = f"{place(kind).partition('://')[0]}://no-such-bucket-here/x"
    with pytest.raises(NoSuchBucketError, match="there is no such"):
        expand([wrong])
    with pytest.raises(NoSuchBucketError, match="there is no such"):
        Folder(wrong).read("_JOB.json")
    with pytest.raises(NoSuchBucketError, match="there is no such"):
        Folder(wrong).check_writable()


def test_a_listing_with_a_name_that_cannot_be_addressed_says_so(
    place: Place, google: GoogleStandIn
) -> None:
    """Others may have put it there; nothing of the archive is left out unsaid."""
    uri = place("google")
    google.put("contract", f"{uri.rpartition('/')[2]}/cam//a.mp4", b"x", "")
    with pytest.raises(StorageRefusedError, match="Rename that object"):
        expand([uri])


def test_a_wrong_key_is_refused_and_not_told(
    place: Place, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first request, with a way out."""
    uri = place("azurite")
    wrong = base64.b64encode(bytes(64)).decode()
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", wrong)
    with pytest.raises(AccessDeniedError) as caught:
        Folder(uri).read("a")
    assert caught.value.way_out
    assert wrong not in str(caught.value)
    assert azurite.key not in str(caught.value)


@pytest.mark.parametrize("written", ["{}", "http://{}", "http://{}/"])
def test_an_emulator_of_google_is_found_and_told_no_credentials(
    place: Place, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """However STORAGE_EMULATOR_HOST is written, and whatever else this machine knows."""
    uri = place("google")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", written.format(f"127.0.0.1:{google.port}"))
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "a-token-of-the-real-one")
    google.authorizations.clear()
    Folder(uri).put("a", b"x")
    assert Folder(uri).read("a") == b"x"
    assert {each.strip() for each in google.authorizations} <= {"", "Bearer"}
