"""Who may ask what of the server: decided by the head of a request alone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from fleet.errors import UsageError

METHODS = frozenset({"GET", "HEAD"})
MOST_TARGET = 4_000
"""Characters of a path with its query."""
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
_PORT = re.compile(r"(.*?)(?::([0-9]{1,5}))?")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    """The status code of HTTP."""
    why: str


@dataclass(frozen=True)
class Door:
    """What a request has to bring."""

    token: str
    """The first part of each path."""
    host: str
    """Where the server listens: a name or an address."""
    port: int
    """On which port."""

    def refusal(self, method: str, target: str, hosts: Sequence[str]) -> Refusal | None:
        """Return why a request is not answered; None where it is.

        `target`: path and query as they were sent. `hosts`: each `Host` header. A page of another
        site whose name was made to mean this machine sends that name.
        """
        if len(hosts) != 1 or not self._is_named(hosts[0]):
            return Refusal(421, "This is not the address that was printed.")
        if method not in METHODS:
            return Refusal(405, "Only GET and HEAD are answered.")
        if len(target) > MOST_TARGET:
            return Refusal(414, f"An address has at most {MOST_TARGET:,} characters.")
        given = target.lstrip("/").partition("/")[0].partition("?")[0]
        if not secrets.compare_digest(given.encode(errors="replace"), self.token.encode()):
            return Refusal(404, "There is nothing here: open the whole address that was printed.")
        return None

    def _is_named(self, header: str) -> bool:
        name, port = _split(header)
        if port != self.port:
            return False
        if name == self.host.lower() or (self._is_loopback and name in LOOPBACK):
            return True
        return self._is_everywhere and _is_address(name)

    @property
    def _is_loopback(self) -> bool:
        return self.host in LOOPBACK or self._is_everywhere

    @property
    def _is_everywhere(self) -> bool:
        return _is_address(self.host) and ip_address(self.host).is_unspecified


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens there."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def address(host: str, port: int) -> str:
    """Return what a `Host` header says of a host and a port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(header: str) -> tuple[str, int]:
    """Return the name in a `Host` header, in lower case, and its port; -1 for none that is one."""
    found = _PORT.fullmatch(header.lower())
    if found is None:
        return "", -1
    name, port = found[1], int(found[2] or 80)
    if name.startswith("[") and name.endswith("]"):
        return name[1:-1], port
    # Without brackets a colon belongs to no name.
    return ("", -1) if ":" in name else (name, port)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def range_of(header: str | None, size: int) -> range | None:
    """Return which bytes of a body of `size` a `Range` header asks for; None for all of them.

    Raises UsageError where they are not one stretch of the body.
    """
    if header is None:
        return None
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        raise UsageError("The Range header does not name one stretch of bytes.")
    if found[1]:
        start, stop = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    else:
        start, stop = max(0, size - int(found[2])), size
    if not start < stop:
        raise UsageError(f"There are {size:,} bytes, of which the range has none.")
    return range(start, stop)
