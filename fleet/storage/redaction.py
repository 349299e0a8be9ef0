"""Keeping credentials out of everything that is printed, logged or written."""

from __future__ import annotations

import os
import re

from fleet.errors import UsageError

HIDDEN = "***"
_REGISTERED: set[str] = set()
_CLOUD_NAMES = ("AWS_", "OBS_", "HUAWEICLOUD_", "AZURE_", "GOOGLE_")
_SECRET_WORDS = re.compile(r"ACCESS_KEY|ACCOUNT_KEY|SECRET|TOKEN|PASSWORD|SAS|_AK$|_SK$|_KEY$")
_NAMES_A_FILE = ("_FILE", "_PATH", "_URI", "_URL")
_SHORTEST = 6
"""Shorter values are no secrets, and hiding them would blot out half of every sentence."""
_IN_QUERY = re.compile(
    r"(?i)\b(x-amz-(?:signature|credential|security-token)|x-obs-security-token|awsaccesskeyid"
    r"|accesskeyid|access_key(?:_id)?|secret(?:_access_key|_key)?|account_key|signature|sig"
    r"|(?:session_|access_)?token|password|credential)=([^&\s\"'<>;]+)"
)
_IN_AUTHORITY = re.compile(r"://[^/\s@:]*:[^/\s@]*@")


def register_secret(*values: str) -> None:
    """Register credentials that were read from a file: `redact` hides them from then on."""
    _REGISTERED.update(value for value in values if len(value) >= _SHORTEST)


def redact(text: str) -> str:
    """Return text with every known credential hidden, and all that look like one in an address."""
    known = _REGISTERED | {value for name, value in os.environ.items() if _is_secret(name, value)}
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return _hide_in_address(text)


def _hide_in_address(text: str) -> str:
    return _IN_QUERY.sub(rf"\1={HIDDEN}", _IN_AUTHORITY.sub(f"://{HIDDEN}@", text))


def _is_secret(name: str, value: str) -> bool:
    if len(value) < _SHORTEST or not name.startswith(_CLOUD_NAMES) or name.endswith(_NAMES_A_FILE):
        return False
    return bool(_SECRET_WORDS.search(name))


def refuse_credentials(uri: str) -> None:
    """Raise UsageError, which does not repeat them, where a location carries credentials."""
    hidden = _hide_in_address(uri)
    if "://" in uri and hidden != uri:
        raise UsageError(
            f"The location {hidden} carries credentials.",
            "Take them out of it; set them in the environment, such as AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or in ~/.aws/credentials.",
        )
