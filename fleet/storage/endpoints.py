"""Where gs:// and az:// lead: the service itself, or what the environment names in its place.

obstore reads the accounts and keys by itself. What it does not know is the variable by which all
of Google's own clients find an emulator, and it sends nothing over plain HTTP unless it is told to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from obstore.store import GCSCredential  # exists for type checkers only

GOOGLE_EMULATOR = "STORAGE_EMULATOR_HOST"
_GOOGLE_ENDPOINT = "GOOGLE_BASE_URL"
_AZURE_ENDPOINTS = ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")


def concerns_cloud(variable: str) -> bool:
    """Return whether a client for gs:// or az:// depends on that variable of the environment."""
    return variable.startswith(("GOOGLE_", "AZURE_")) or variable == GOOGLE_EMULATOR


def google_config(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what obstore's client for gs:// is told beyond what it reads from the environment.

    STORAGE_EMULATOR_HOST may leave http:// out. Requests to an emulator carry no credentials.
    """
    emulator = environment.get(GOOGLE_EMULATOR, "")
    if not emulator:
        return _plain_http(environment.get(_GOOGLE_ENDPOINT, ""))
    address = emulator if "://" in emulator else f"http://{emulator}"
    told = {"base_url": address.rstrip("/"), "credential_provider": _nobody}
    return told | _plain_http(address)


def azure_config(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what obstore's client for az:// is told beyond what it reads from the environment."""
    return _plain_http(next((environment[n] for n in _AZURE_ENDPOINTS if environment.get(n)), ""))


def _plain_http(address: str) -> dict[str, Any]:
    return {"client_options": {"allow_http": address.startswith("http://")}}


def _nobody() -> GCSCredential:
    return {"token": "", "expires_at": None}


def is_exposed(address: str) -> bool:
    """Return whether an address is one of plain HTTP on another machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme.lower() == "http" and not _is_here(host)


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
