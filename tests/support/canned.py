"""A server on loopback that answers every GET with the same bytes, and notes what was asked.

It says to HEAD that there is no such object, but for those that are named.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Canned:
    """Where it listens, and the paths that it was asked for."""

    endpoint: str = ""
    paths: list[str] = field(default_factory=list)


@contextmanager
def answering(
    body: bytes, exist: Sequence[str] = (), status: int = 200, ahead_s: float = 0.0
) -> Iterator[Canned]:
    """Run such a server until the block ends.

    `exist`: what HEAD finds, by ends of paths. `status`: of the answers to GET. `ahead_s`: by how
    much its clock is ahead.
    """
    canned = Canned()

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        def do_GET(self) -> None:
            """Note the path, and answer."""
            canned.paths.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", "Sun, 01 Nov 2026 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            """Say whether there is such an object."""
            found = self.path.endswith(tuple(exist))
            self.send_response(200 if found else 404)
            if found:
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Last-Modified", "Sun, 01 Nov 2026 00:00:00 GMT")
                self.send_header("ETag", '"e"')
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            """Tell the time by its clock."""
            return super().date_time_string((timestamp or time.time()) + ahead_s)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    canned.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield canned
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
