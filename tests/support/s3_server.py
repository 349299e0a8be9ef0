"""An S3 server of the tests' own: where it listens, its keys, and requests signed by hand."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from subprocess import Popen
from urllib.parse import quote, urlsplit

REGION = "us-east-1"


@dataclass(frozen=True)
class S3Server:
    """A server on loopback; `access` and `secret` may do everything there.

    `reader`: another pair, which may list and read, but not write.
    """

    endpoint: str
    access: str
    secret: str
    reader: tuple[str, str]

    scheme = "s3"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Its pair of keys."""
        return self.access, self.secret

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it through s3://."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
        }

    def make_bucket(self, name: str) -> None:
        """Make a bucket; one that is there already is no error."""
        status, answer = self.request("PUT", f"/{name}")
        assert status == 200 or b"BucketAlready" in answer, (status, answer)

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request with any path whatever, signed by AWS Signature Version 4."""
        path = quote(path, safe="/~-._")
        headers = self.signed(method, path, hashlib.sha256(body).hexdigest())
        connection = http.client.HTTPConnection(headers["host"], timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def signed(self, method: str, address: str, digest: str) -> dict[str, str]:
        """Return the headers of a request; `address`: its path and query as they are sent."""
        host, at = urlsplit(self.endpoint).netloc, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path, _, query = address.partition("?")
        words = sorted(word if "=" in word else f"{word}=" for word in query.split("&") if word)
        headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": at}
        names = ";".join(headers)
        lines = (f"{name}:{value}" for name, value in headers.items())
        canonical = "\n".join([method, path, "&".join(words), *lines, "", names, digest])
        scope = f"{at[:8]}/{REGION}/s3/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashed}"
        signature = self._sign(scope, to_sign)
        credential = f"Credential={self.access}/{scope}, SignedHeaders={names}"
        headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, Signature={signature}"
        return headers

    def _sign(self, scope: str, text: str) -> str:
        key = f"AWS4{self.secret}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()


def free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_until(ready: Callable[[], bool], what: str, most_s: float = 60) -> None:
    """Wait for a server to answer; fails the test where it does not."""
    until_s = time.monotonic() + most_s
    while not ready():
        assert time.monotonic() < until_s, f"{what} did not start within {most_s:.0f} s"
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether something speaks HTTP on that port of loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def end(process: Popen[bytes]) -> None:
    """End a process that was started here; what it holds is not needed any more."""
    process.kill()
    process.wait()
