"""Azurite, Microsoft's emulator of Azure's Blob service, on loopback: npm's package azurite."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from s3_server import answers, end, free_ports, wait_until

PROGRAM = "azurite-blob"
ACCOUNT = "fleettests"
_API_VERSION = "2023-11-03"


@dataclass(frozen=True)
class Azurite:
    """The server at a port of loopback; `key` may do everything in the one account."""

    port: int
    key: str

    scheme = "az"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it through az://."""
        return {
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{self.port}/{ACCOUNT}",
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": self.key,
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key of the account."""
        return (self.key,)

    def make_bucket(self, name: str) -> None:
        """Make a container, with a request signed by hand: obstore makes none."""
        path = f"/{ACCOUNT}/{name}"
        at = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"x-ms-date": at, "x-ms-version": _API_VERSION}
        lines = "".join(f"{header}:{value}\n" for header, value in headers.items())
        # Between the method and these headers stand eleven others, all of them empty.
        signed = f"PUT{chr(10) * 12}{lines}/{ACCOUNT}{path}\nrestype:container"
        key = base64.b64decode(self.key)
        digest = hmac.new(key, signed.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("PUT", f"{path}?restype=container", headers=headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        assert response.status == 201 or b"ContainerAlreadyExists" in answer, answer


def find_azurite() -> str | None:
    """Find the program on the PATH."""
    return shutil.which(PROGRAM)


@contextmanager
def azurite_running(program: str, folder: Path) -> Iterator[Azurite]:
    """Run it, its objects in memory, until the block ends."""
    (port,) = free_ports(1)
    server = Azurite(port, base64.b64encode(secrets.token_bytes(64)).decode())
    command = [
        program,
        *("--blobHost", "127.0.0.1", "--blobPort", str(port)),
        *("--inMemoryPersistence", "--silent", "--disableTelemetry"),
    ]
    environment = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{server.key}", "PATH": _path()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment
        )
        try:
            wait_until(lambda: answers(port), "Azurite")
            yield server
        finally:
            end(process)


def _path() -> str:
    node = shutil.which("node")
    assert node is not None, "Azurite needs Node.js"
    return str(Path(node).parent)
