"""Errors of a store's client or of the system, as Fleet's: refusals, and failures worth a retry."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping

from fleet.core.fault import FULL_ERRNO
from fleet.errors import (
    AccessDeniedError,
    ArchivedError,
    CredentialsRefusedError,
    NoSuchBucketError,
    OutputUnwritableError,
    StorageError,
    StorageRefusedError,
)
from fleet.storage.redaction import redact

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([\w.]+)</Code>")
_FROM_KEYS = re.compile(r"credential provider: (\w+): (.*)")
"""What the client says where asking for keys has raised one of these errors."""
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
# Clouds hand out the credentials of a machine's role here; clients ask it last.
_METADATA_HOST = "169.254.169.254"

_CHECK_KEYS = "Check the access key, its secret and the endpoint."
_ALLOW = "Ask for the right to do this with these credentials, or use others."
_RENEW = "Get new credentials and run the same command again: what is done stays done."
_RESTORE = (
    "Restore it first, such as by `aws s3api restore-object`; then `fleet requeue` and the same "
    "command again do it."
)
_REGION = "Set AWS_REGION to the region of the bucket."
_ROOM = "Make room there, have the quota raised, or use another place."
_SPELLING = "Check its spelling, the endpoint and the account."
_NO_CREDENTIALS = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
    "obs": "Set OBS_ACCESS_KEY_ID and OBS_SECRET_ACCESS_KEY.",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS to the file of a key.",
    "az": "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY.",
}

_Kind = type[StorageError]
_BY_CODE: Mapping[str, tuple[_Kind, str, str]] = {
    "AccessDenied": (AccessDeniedError, "these credentials may not do it", _ALLOW),
    "AllAccessDisabled": (AccessDeniedError, "all access to it is disabled", _ALLOW),
    "AuthorizationFailure": (AccessDeniedError, "these credentials may not do it", _ALLOW),
    "InvalidAccessKeyId": (
        CredentialsRefusedError,
        "the access key is not known there",
        _CHECK_KEYS,
    ),
    "SignatureDoesNotMatch": (
        CredentialsRefusedError,
        "the secret does not fit the access key",
        _CHECK_KEYS,
    ),
    "AuthenticationFailed": (CredentialsRefusedError, "the credentials are wrong", _CHECK_KEYS),
    "ExpiredToken": (CredentialsRefusedError, "the credentials have expired", _RENEW),
    "TokenRefreshRequired": (CredentialsRefusedError, "the credentials have expired", _RENEW),
    "InvalidToken": (CredentialsRefusedError, "the session token is not valid", _RENEW),
    "RequestTimeTooSkewed": (
        CredentialsRefusedError,
        "this machine's clock is wrong",
        "Set the clock, as by chrony or systemd-timesyncd.",
    ),
    "InvalidObjectState": (ArchivedError, "it lies in an archive", _RESTORE),
    "BlobArchived": (ArchivedError, "it lies in an archive", _RESTORE),
    "BlobBeingRehydrated": (ArchivedError, "it is being restored from an archive", _RESTORE),
    "NoSuchBucket": (NoSuchBucketError, "there is no such bucket", _SPELLING),
    "InvalidBucketName": (NoSuchBucketError, "no bucket can have this name", _SPELLING),
    "ContainerNotFound": (NoSuchBucketError, "there is no such container", _SPELLING),
    "PermanentRedirect": (StorageRefusedError, "the bucket lies in another region", _REGION),
    "AuthorizationHeaderMalformed": (StorageRefusedError, "the region is wrong", _REGION),
}
_BY_STATUS: Mapping[int, tuple[_Kind, str, str]] = {
    401: (CredentialsRefusedError, "the credentials are not taken", _RENEW),
    403: (AccessDeniedError, "access is denied", _ALLOW),
}
_FULL = {
    "QuotaExceeded": "its quota is used up",
    "XMinioAdminBucketQuotaExceeded": "its quota is used up",
    "InsufficientStorageSpace": "its quota is used up",
    "XMinioStorageFull": "the store is full",
    "507": "the store is full",
}
"""What Ceph's gateway, MinIO and OBS (API reference, error codes) say, with 403, 400 or 507.

Others may say the last alone.
"""
_ARCHIVED = tuple(code for code, (kind, _, _) in _BY_CODE.items() if kind is ArchivedError)
# None of them goes away by waiting.
_REFUSED_ERRNO = {
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "A part of the path is a file: take another place.",
    errno.EISDIR: "There is a folder of that name: take another name.",
    errno.ENAMETOOLONG: "Take a shorter name.",
    errno.EINVAL: "Take a name that this file system has room for.",
}
_WORTH_WAITING = {408, 425, 429}


def translate_cloud_error(what: str, error: Exception, endpoint: str = "") -> StorageError:
    """Return Fleet's error for what a cloud store's client raised, with credentials hidden.

    `what`: what could not be done, such as 's3://b/x could not be read'. `endpoint`: where the
    store was asked; empty where the client alone knows.
    """
    text = str(error)
    if raised := _FROM_KEYS.search(text):
        kinds = {kind.__name__: kind for kind in (AccessDeniedError, CredentialsRefusedError)}
        return kinds.get(raised[1], StorageError)(redact(f"{what}: {raised[2]}"))
    code = _first(_CODE, text)
    if code in _BY_CODE:
        kind, reason, way_out = _BY_CODE[code]
        return kind(f"{what}: {reason} ({code}).", way_out)
    if _METADATA_HOST in text or "Account must be specified" in text:
        way_out = _NO_CREDENTIALS.get(what.partition("://")[0], "")
        return AccessDeniedError(f"{what}: no credentials were found.", way_out)
    return _by_status(what, text, code, endpoint)


def _by_status(what: str, text: str, code: str, endpoint: str) -> StorageError:
    """Return the error of an answer whose code says nothing, or of no answer at all."""
    status = int(_first(_STATUS, text) or 0)
    for word in (code, str(status)):
        if word in _FULL:
            # As of a disk: whoever waits for room need not know what is full.
            return _full(f"{what}: {_FULL[word]} ({code or status}).", _ROOM, errno.EDQUOT)
    if status in _BY_STATUS:
        kind, reason, way_out = _BY_STATUS[status]
        return kind(f"{what}: {reason} ({code or status}).", way_out)
    if "redirect without LOCATION" in text:
        return StorageRefusedError(f"{what}: the bucket lies in another region.", _REGION)
    if (400 <= status < 500 and status not in _WORTH_WAITING) or status == 501:
        return StorageRefusedError(f"{what}: {_reason(text, status, code)}.")
    asked = f"the endpoint {endpoint}" if endpoint else "the endpoint"
    way_out = "" if status else f"Check {asked} and the network."
    return StorageError(f"{what}: {_reason(text, status, code)}.", way_out)


def _full(message: str, way_out: str, number: int) -> StorageRefusedError:
    error = StorageRefusedError(message, way_out)
    error.code = number
    return error


def is_archived(error: Exception) -> bool:
    """Return whether the store says that an object has to be restored from an archive first."""
    return _first(_CODE, str(error)) in _ARCHIVED


def _reason(text: str, status: int, code: str) -> str:
    if status:
        message = _first(_MESSAGE, text).strip().rstrip(".")
        return redact(
            f"the store answered {status}{f' {code}' if code else ''}{message and f', {message}'}"
        )
    if "error sending request" in text:
        return "the store does not answer"
    # A client's message is a page long; its first line says what happened.
    return redact(text.partition("\n")[0]).strip().rstrip(".") or "the store failed"


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(1) if match else ""


UTF8 = (
    "This process names files in ASCII alone: unset PYTHONUTF8, or set it to 1; and set LC_ALL to "
    "a locale of UTF-8, such as C.UTF-8."
)
"""The way out where a path has letters that Python cannot name a file by."""


def translate_os_error(what: str, error: OSError, room: str = "") -> StorageError:
    """Return Fleet's error for what the operating system, or a file system of fsspec, raised.

    `room`: what is said of a place that is full, see `fleet.storage.disk`.
    """
    reason = redact(error.strerror or str(error).partition("\n")[0] or type(error).__name__)
    if isinstance(error, PermissionError):
        return AccessDeniedError(f"{what}: {reason}.", "Check who may read and write there.")
    if error.errno == errno.EROFS:
        return StorageRefusedError(f"{what}: {reason}.", "Have it mounted to be written to.")
    if error.errno in FULL_ERRNO:
        way_out = "Make room there, or use another place."
        return _full(f"{what}: {reason}{room}.", way_out, error.errno)
    if error.errno in _REFUSED_ERRNO or isinstance(error, FileNotFoundError):
        way_out = _REFUSED_ERRNO.get(error.errno or errno.ENOENT, "Check the path.")
        return StorageRefusedError(f"{what}: {reason}.", way_out)
    return StorageError(f"{what}: {reason}.")


def unwritable(error: StorageError) -> OutputUnwritableError:
    """Return what an error of a store is to a lease whose rows or objects it did not take."""
    refused = OutputUnwritableError(error.message, error.way_out)
    refused.code = error.code
    return refused
