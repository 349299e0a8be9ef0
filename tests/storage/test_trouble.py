"""What clients and systems raise, in our words."""

from __future__ import annotations

import errno

import pytest

from fleet.core.fault import FULL_ERRNO
from fleet.errors import (
    AccessDeniedError,
    ArchivedError,
    CredentialsRefusedError,
    NoSuchBucketError,
    StorageError,
    StorageRefusedError,
)
from fleet.storage import Folder, expand
from fleet.storage.error_mapping import translate_cloud_error, translate_os_error, unwritable

ANSWER = (
    "Error performing GET https://host/b/x in 5ms - Server returned non-2xx status code: {status}: "
    "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>\n\nDebug"
)


@pytest.mark.parametrize(
    ("status", "code", "kind", "says"),
    [
        ("403 Forbidden", "AccessDenied", AccessDeniedError, "may not do it"),
        ("403 Forbidden", "SignatureDoesNotMatch", CredentialsRefusedError, "does not fit"),
        ("400 Bad Request", "ExpiredToken", CredentialsRefusedError, "have expired"),
        ("403 Forbidden", "RequestTimeTooSkewed", CredentialsRefusedError, "clock is wrong"),
        ("401 Unauthorized", "", CredentialsRefusedError, "are not taken"),
        ("403 Forbidden", "SomethingNew", AccessDeniedError, "access is denied"),
        ("403 Forbidden", "InvalidObjectState", ArchivedError, "Restore it first"),
        ("409 Conflict", "BlobArchived", ArchivedError, "lies in an archive"),
        ("409 Conflict", "BlobBeingRehydrated", ArchivedError, "is being restored"),
        ("404 Not Found", "NoSuchBucket", NoSuchBucketError, "no such bucket"),
        ("301 Moved", "PermanentRedirect", StorageRefusedError, "another region"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", StorageRefusedError, "region is wrong"),
        ("403 Forbidden", "QuotaExceeded", StorageRefusedError, "quota is used up (Quota"),
        ("400 Bad Request", "XMinioAdminBucketQuotaExceeded", StorageRefusedError, "quota is used"),
        ("403 Forbidden", "InsufficientStorageSpace", StorageRefusedError, "quota is used up"),
        ("507 Insufficient Storage", "XMinioStorageFull", StorageRefusedError, "the store is full"),
        ("507 Insufficient Storage", "", StorageRefusedError, "the store is full (507)"),
        ("400 Bad Request", "InvalidArgument", StorageRefusedError, "400 InvalidArgument, Please"),
        ("501 Not Implemented", "NotImplemented", StorageRefusedError, "501"),
        ("503 Service Unavailable", "SlowDown", StorageError, "503 SlowDown, Please"),
        ("429 Too Many Requests", "TooMany", StorageError, "429"),
        ("500 Internal", "InternalError", StorageError, "500"),
    ],
)
def test_an_answer_of_a_store_is_a_sentence(
    status: str, code: str, kind: type[StorageError], says: str
) -> None:
    """What was asked, what is wrong; and whether asking again can help."""
    text = ANSWER.format(status=status, code=code, message="Please wait.")
    error = translate_cloud_error("s3://b/x could not be read", RuntimeError(text))
    assert type(error) is kind
    assert str(error).startswith("s3://b/x could not be read: ")
    assert says in str(error)
    assert "Debug" not in str(error)
    assert (error.code in FULL_ERRNO) is ("have the quota raised" in str(error))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, AccessDeniedError),
        (errno.ENOSPC, StorageRefusedError),
        (errno.EROFS, StorageRefusedError),
        (errno.ENOTDIR, StorageRefusedError),
        (errno.EIO, StorageError),
        (errno.ESTALE, StorageError),
        (errno.ETIMEDOUT, StorageError),
    ],
)
def test_a_system_error_is_worth_asking_again_where_it_may_pass(
    number: int, kind: type[StorageError]
) -> None:
    """A full disk does not; a mount that stutters does."""
    error = translate_os_error("/x could not be written", OSError(number, "says the system"))
    assert type(error) is kind
    assert "/x could not be written: says the system" in str(error)
    assert error.code == (number if number == errno.ENOSPC else 0)
    assert (unwritable(error).code, unwritable(error).message) == (error.code, error.message)


@pytest.mark.parametrize(
    ("place", "says"),
    [("az://container/x", "AZURE_STORAGE_ACCOUNT_NAME"), ("obs://bucket/x", "OBS_REGION")],
)
def test_a_cloud_that_is_not_set_up_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, place: str, says: str
) -> None:
    """By the names of its own variables."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "OBS_REGION", "FLEET_S3_ENDPOINT", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises((AccessDeniedError, ValueError), match=says):
        Folder(place)
    with pytest.raises((AccessDeniedError, ValueError), match=says):
        expand([place])


def test_a_store_that_does_not_answer_is_named_by_its_endpoint() -> None:
    """Where it was asked is what is wrong most often, such as one that was not passed on."""
    error = Exception("error sending request")
    found = translate_cloud_error("s3://b/x could not be read", error, "https://s3.example")
    assert str(found).endswith("Check the endpoint https://s3.example and the network.")


def test_a_place_in_which_no_folder_can_be_is_a_refusal() -> None:
    """Such as below /proc: what is to be written is not an object that is missing."""
    folder = Folder("/proc/no-such-place/out")
    with pytest.raises(StorageRefusedError, match="could not be written"):
        folder.put("x", b"")
    with pytest.raises(StorageRefusedError, match="could not be written"):
        folder.create("x", b"")
