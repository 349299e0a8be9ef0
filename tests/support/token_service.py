"""A service that hands out session tokens of some seconds, for `credential_process` of AWS."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from proxy import Passed
from s3_server import REGION, S3Server

PROCESS = """
import os, sys
from urllib.request import urlopen
print(urlopen(f"{sys.argv[1]}/{os.getppid()}", timeout=30).read().decode())
"""


@dataclass
class TokenService:
    """What it has handed out, and to which processes."""

    life_s: float
    """For how long a token is valid."""
    fails_each: int
    """Each so many times that a process comes back it is refused; 0: never."""
    address: str = ""
    until_s: dict[str, float] = field(default_factory=dict)
    """When each token expires, by the clock on the wall."""
    given: Counter[str] = field(default_factory=Counter)
    """How many each process got."""
    failed: Counter[str] = field(default_factory=Counter)
    """How often each process was refused."""
    refused: list[Passed] = field(default_factory=list)
    """Requests to the store whose token had expired, or was none of these."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def give(self, process: str) -> str | None:
        """Return the name of a new token; None where the process is refused this time."""
        with self.turn:
            comes = self.given[process] + self.failed[process]
            if self.fails_each and comes and comes % self.fails_each == 0:
                self.failed[process] += 1
                return None
            self.given[process] += 1
            token = f"token-{len(self.until_s)}"
            self.until_s[token] = time.time() + self.life_s
            return token

    def judge(self, _: int, asked: Passed) -> str | None:
        """Refuse requests whose token is not valid, as a store does; see `Proxy.breaks`."""
        if self.until_s.get(asked.token, 0.0) > time.time():
            return None
        self.refused.append(asked)
        return "expired"

    def profile(self, folder: Path, server: S3Server) -> dict[str, str]:
        """Make a profile that asks here; return what a process needs to use it."""
        (folder / "process.py").write_text(PROCESS)
        (folder / "config").write_text(
            f"[profile short]\nregion = {REGION}\ncredential_process = "
            f"{sys.executable} {folder}/process.py {self.address}/{server.access}/{server.secret}\n"
        )
        (folder / "credentials").touch()
        return {
            "AWS_PROFILE": "short",
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        }


@contextmanager
def token_service(life_s: float, fails_each: int = 0) -> Iterator[TokenService]:
    """Run one on loopback until the block ends."""
    service = TokenService(life_s, fails_each)

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

        def do_GET(self) -> None:
            """Give a token to the process that the path names."""
            access, secret, process = self.path.strip("/").split("/")
            token = service.give(process)
            if token is None:
                self.send_error(503)
                return
            until = datetime.fromtimestamp(service.until_s[token], UTC).isoformat()
            pair = {"AccessKeyId": access, "SecretAccessKey": secret}
            answer = {"Version": 1, **pair, "SessionToken": token, "Expiration": until}
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
