"""A proxy in front of an S3 server: it counts what passes, makes it wait, and breaks it."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Break = str | int | None
"""What is done to a request. A number: that status instead of an answer. "reset": the connection is
reset. "cut": and that in mid-body. "short": half a body that claims to be whole. "expired": the
credentials are taken no more. "archived": the object has to be restored first. None: nothing."""


@dataclass(frozen=True)
class Passed:
    """A request that came by."""

    method: str
    path: str
    range: str
    if_match: str
    token: str = ""
    """The session token of the credentials."""


@dataclass
class Proxy:
    """What came by, and what is to happen: `breaks` is asked with each request and its number."""

    endpoint: str
    requests: list[Passed] = field(default_factory=list)
    body_bytes: int = 0
    latency_s: float = 0.0
    breaks: Callable[[int, Passed], Break] = lambda *_: None
    signs: Callable[[str, str, str], Mapping[str, str]] | None = None
    """What signs each request anew, by its method, address and digest: the server behind knows no
    tokens. None: requests pass as they are signed."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        """Forget what came by."""
        with self.turn:
            self.requests.clear()
            self.body_bytes = 0


@contextmanager
def proxy_before(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy on loopback until the block ends."""
    target = urlsplit(endpoint).netloc
    proxy = Proxy("")

    class Handler(_Handler):
        """One connection of this proxy."""

        state = proxy
        to = target

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Proxy
    to: str

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def handle_one_request(self) -> None:
        """A client that goes away is no event."""
        with suppress(OSError, ValueError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _pass(self) -> None:
        state = self.state
        asked = Passed(
            self.command,
            self.path,
            self.headers.get("Range", ""),
            self.headers.get("If-Match", ""),
            self.headers.get("X-Amz-Security-Token", ""),
        )
        with state.turn:
            number = len(state.requests)
            state.requests.append(asked)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(state.latency_s)
        broken = state.breaks(number, asked)
        if isinstance(broken, int):
            self._answer(broken, [], b"<Error><Code>SlowDown</Code></Error>")
        elif broken == "expired":
            self._answer(400, [], b"<Error><Code>ExpiredToken</Code></Error>")
        elif broken == "archived":
            self._answer(403, [], b"<Error><Code>InvalidObjectState</Code></Error>")
        elif broken == "reset":
            self._reset()
        else:
            self._forward(body, broken)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass  # noqa: N815 - the base's names

    def _headers(self) -> dict[str, str]:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.state.signs:
            headers.pop("x-amz-security-token", None)
            digest = headers["x-amz-content-sha256"]
            headers |= self.state.signs(self.command, self.path, digest)
        return headers

    def _forward(self, body: bytes, broken: Break) -> None:
        connection = http.client.HTTPConnection(self.to, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self._headers().items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        own = {"transfer-encoding", "content-length", "connection", "server", "date"}
        headers = [(n, v) for n, v in response.getheaders() if n.lower() not in own]
        if self.command == "HEAD":
            headers.append(("Content-Length", response.getheader("Content-Length") or "0"))
        if broken == "short":
            data = data[: len(data) // 2]
        self._answer(response.status, headers, data, broken)

    def _answer(
        self, status: int, headers: list[tuple[str, str]], data: bytes, broken: Break = None
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        part = data[: len(data) // 2] if broken == "cut" else data
        # Counted first: whoever has the bytes may look at the count at once.
        with self.state.turn:
            self.state.body_bytes += len(part)
        self.wfile.write(part)
        self.wfile.flush()
        if broken == "cut":
            self._reset()

    def _reset(self) -> None:
        # Closed without waiting for what is unread: the other side sees a reset.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True
