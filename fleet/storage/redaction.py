"""Keeping credentials out of everything that is printed, logged or written."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from fleet.errors import UsageError

HIDDEN = "***"
_REGISTERED: set[str] = set()
_CLOUD_NAMES = ("AWS_", "OBS_", "HUAWEICLOUD_", "AZURE_", "GOOGLE_")
_SECRET_WORDS = re.compile(r"ACCESS_KEY|ACCOUNT_KEY|SECRET|TOKEN|PASSWORD|SAS|_AK$|_SK$|_KEY$")
_SECRET_SUFFIXES = ("_TOKEN", "_SECRET", "_KEY", "_PASSWORD")
"""What the names of variables with secrets end with, whatever program they are for."""
_NAMES_A_FILE = ("_FILE", "_PATH", "_URI", "_URL")
_SHORTEST = 6
"""Shorter values are no secrets, and hiding them would blot out half of every sentence."""
_IN_QUERY = re.compile(
    r"(?i)\b(x-amz-(?:signature|credential|security-token)|x-obs-security-token|awsaccesskeyid"
    r"|accesskeyid|access_key(?:_id)?|secret(?:_access_key|_key)?|account_key|signature|sig"
    r"|(?:session_|access_)?token|password|credential)=([^&\s\"'<>;]+)"
)
_IN_AUTHORITY = re.compile(r"(://)[^/\s@]*@")
# A secret of AWS may hold slashes: what follows a colon and is no port is one, up to the at sign.
_WITH_SLASHES = re.compile(r"(://)[^/\s@:\[\]]*:(?!\d{1,5}(?:[/?#,]|$))[^\s@]*@")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/{1,3}")
_PARAMETER = re.compile(r"([^?&;#=]*)=([^?&;#]*)")
_SECRET_PARAMETER = re.compile(
    r"(?:sig|signature|token|secret|password|passwd|pwd|credentials?|apikey|accesskey(?:id)?"
    r"|secretkey|accountkey|secretaccesskey|sas)$"
)


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
    for pattern in (_WITH_SLASHES, _IN_AUTHORITY):
        text = pattern.sub(rf"\1{HIDDEN}@", text)
    return _IN_QUERY.sub(rf"\1={HIDDEN}", text)


def _is_secret(name: str, value: str) -> bool:
    name = name.upper()
    if len(value) < _SHORTEST or name.endswith(_NAMES_A_FILE):
        return False
    of_a_cloud = name.startswith(_CLOUD_NAMES) and _SECRET_WORDS.search(name)
    return bool(of_a_cloud) or name.endswith(_SECRET_SUFFIXES)


def refuse_credentials(uri: str) -> None:
    """Raise UsageError, which does not repeat them, where a location carries credentials.

    Those are a user before the host, with a password or without, and parameters that are named as
    credentials are, in any scheme, in capitals, and percent-encoded. A local path carries none.
    """
    if _SCHEME.match(_chained(uri)) and _carries_credentials(uri):
        raise UsageError(
            f"The location {_without_secrets(uri)} carries credentials.",
            "Take them out of it; set them in the environment, such as AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or in ~/.aws/credentials.",
        )


def refuse_credentials_in_address(address: str, name: str) -> None:
    """Raise UsageError where the address of a cluster carries credentials, with a scheme or not.

    `name`: what gave it, such as RAY_ADDRESS.
    """
    uri = address if _SCHEME.match(address) else f"ray://{address}"
    if _carries_credentials(uri):
        raise UsageError(
            f"{name} carries credentials, which would be printed and passed on with it.",
            "Name host and port alone; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or "
            "RAY_AUTH_TOKEN_PATH to the cluster's token.",
        )


def _chained(uri: str) -> str:
    """Return the last of the locations that fsspec chains, as in simplecache::s3://bucket."""
    return uri.rpartition("::")[2].lstrip()


def _carries_credentials(uri: str) -> bool:
    # Percent signs may be encoded themselves.
    texts = {uri, unquote(uri), unquote(unquote(uri))}
    return any(_has_user(text) or _has_secret_parameter(text) for text in texts)


def _has_user(uri: str) -> bool:
    plain = re.sub(r"(?<=:)[/\\]+", "//", uri)
    return bool(_IN_AUTHORITY.search(plain) or _WITH_SLASHES.search(plain))


def _has_secret_parameter(uri: str) -> bool:
    query = re.search(r"[?#;].*", uri, re.DOTALL)
    found = _PARAMETER.findall(query.group()) if query else []
    names = (re.sub(r"[^a-z0-9]", "", name.lower()) for name, value in found if value)
    return any(_SECRET_PARAMETER.search(name) for name in names)


def _without_secrets(uri: str) -> str:
    """Return the scheme and host of a location: what else stands there may be a secret."""
    scheme, _, rest = unquote(unquote(_chained(uri))).partition(":")
    host = re.split(r"[/?#;]", rest.rpartition("@")[2].lstrip("/\\"))[0]
    return f"{scheme}://{HIDDEN}@{host}/..." if "@" in rest else f"{scheme}://{host}/..."
