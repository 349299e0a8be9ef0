"""Addresses at which requests, and what they carry, can be read on the way."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


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
