"""`fleet browse` in a process of its own, and requests to it: well-formed ones, and any bytes."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from command import FLEET

LIMIT_S = 120


@dataclass(frozen=True)
class Answer:
    """What the server has answered."""

    status: int
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    address: str
    """As it was printed, with the token."""
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.address).port or 0

    @property
    def root(self) -> str:
        """The path of the page, with the token."""
        return urlsplit(self.address).path

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for something below the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        try:
            connection.request(method, self.root + path, headers=headers)
            got = connection.getresponse()
            named = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, named, got.read())
        finally:
            connection.close()

    def send(self, request: bytes) -> Answer:
        """Send bytes as they are, and read an answer; of status 0 where there is none."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S) as connection:
            connection.sendall(request)
            got = http.client.HTTPResponse(connection)
            try:
                got.begin()
                return Answer(got.status, dict(got.getheaders()), got.read())
            except (http.client.HTTPException, ConnectionError):
                return Answer(0, {}, b"")

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """End it as Ctrl-C does: return its exit code, and what it printed since its address."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, out, err


@contextmanager
def served(output: str, *options: str) -> Iterator[Served]:
    """Serve an output until the block ends."""
    command = [sys.executable, *FLEET, "browse", output, *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, process.communicate()[1]
            yield Served(address, process)
        finally:
            if process.poll() is None:
                process.kill()
