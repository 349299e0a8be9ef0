"""Where a cluster is, and where Ray keeps its session: checked before Ray is asked.

Ray asks an address that nobody answers for a quarter of an hour, and says of a folder with a long
name only that a path is too long.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from fleet.errors import JobFailedError, UsageError
from fleet.guide import CLUSTER

CONNECT_S = 10.0
"""Seconds in which a cluster answers, or is taken for not there."""
_BY_RAY = frozenset({"auto", "local"})
# Every server of HTTP/2 answers these, and so does one of gRPC: the preface, and empty settings.
_SETTINGS = b"\4"
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0" + _SETTINGS + bytes(5)
NOT_A_CLUSTER = "What listens at {address} does not answer as a Ray cluster does."
WAY_OUT = (
    "Check RAY_ADDRESS and that the cluster runs there. Without RAY_ADDRESS, Fleet runs on "
    "this machine."
)
_LONGEST_PATH = 107
"""Bytes in the path of a socket, at most."""
_SOCKET = "/session_2026-01-31_23-59-59_999999_4194304/sockets/plasma_store"
"""The longest path of Ray's sockets below its folder: a date, and the number of a process."""


def check_answers(address: str, environment: Mapping[str, str]) -> None:
    """Raise UsageError where RAY_ADDRESS is no address of a cluster.

    Raises JobFailedError where none answers there within CONNECT_S.
    """
    scheme, _, rest = address.rpartition("://")
    if address in _BY_RAY or scheme not in {"", "ray", "http", "https"}:
        return
    host, _, port = rest.partition("/")[0].rpartition(":")
    if scheme == "ray":
        # It has not all that a run asks of Ray.
        raise UsageError(
            f"RAY_ADDRESS={address} is of Ray's client, by which no run joins a cluster.",
            f"Run on a machine of the cluster, with RAY_ADDRESS={host or rest}:6379; or from "
            "elsewhere, `fleet submit --address` with the cluster's dashboard.",
        ).about(CLUSTER)
    if scheme.startswith("http"):
        raise _dashboard(address, f"is the address of a dashboard, such as of {host or rest}")
    if not host or not port.isdecimal():
        raise UsageError(f"RAY_ADDRESS={address} names no host and port.", "Write it as head:6379.")
    answer = _ask(address, host.strip("[]"), int(port))
    if answer and answer[3:4] != _SETTINGS:
        raise _dashboard(address, "is answered by another kind of server, such as a dashboard")
    if not answer and environment.get("RAY_USE_TLS", "0") in {"", "0"}:
        raise JobFailedError(NOT_A_CLUSTER.format(address=address), WAY_OUT).about(CLUSTER)


def _dashboard(address: str, what: str) -> UsageError:
    return UsageError(
        f"RAY_ADDRESS={address} {what}: a run joins a cluster, which has another port.",
        "Name the cluster, such as RAY_ADDRESS=head:6379; or from elsewhere, give a dashboard to "
        "`fleet submit --address`.",
    ).about(CLUSTER)


def _ask(address: str, host: str, port: int) -> bytes:
    """Return the first bytes of an answer, none where there is none; tries for CONNECT_S."""
    until_s = time.monotonic() + CONNECT_S
    while True:
        left_s = max(0.1, until_s - time.monotonic())
        try:
            connection = socket.create_connection((host, port), timeout=left_s)
        except OSError as error:
            # A cluster that is just starting refuses at first, or has no name yet.
            if time.monotonic() + 0.5 < until_s:
                time.sleep(0.5)
                continue
            reason = error.strerror or str(error)
            message = f"Nobody answers at {address}, which RAY_ADDRESS names: {reason}."
            raise JobFailedError(message, WAY_OUT).about(CLUSTER) from None
        with connection, suppress(OSError):
            connection.settimeout(CONNECT_S)
            connection.sendall(_HELLO)
            return connection.recv(16)
        return b""


def short_folder(environment: Mapping[str, str]) -> str | None:
    """Return a folder for Ray's session where the usual one has too long a name, else None."""
    usual = environment.get("RAY_TMPDIR") or environment.get("TMPDIR") or "/tmp"  # noqa: S108 - as Ray does
    if len(os.fsencode(f"{usual}/ray{_SOCKET}")) <= _LONGEST_PATH:
        return None
    for folder in ("/tmp/ray", f"/tmp/ray-{os.getuid()}"):  # noqa: S108 - the first is Ray's own
        if os.access(folder if os.path.exists(folder) else "/tmp", os.W_OK | os.X_OK):  # noqa: PTH110, S108
            return folder
    longest = _LONGEST_PATH - len(f"/ray{_SOCKET}")
    raise UsageError(
        f"The folder {usual} has too long a name for Ray's sockets.",
        f"Set RAY_TMPDIR to a folder whose path has at most {longest} bytes.",
    )
