"""A stand-in for Google Cloud Storage, written for these tests; it is not Google's.

No server that PyPI, npm or Debian offers speaks what obstore sends to gs://, which is Google's XML
API: fake-gcs-server 1.54 refuses a plain PUT, and ignores If-Match on reads; the others know the
JSON API alone. This one does what Google documents for the few requests that Fleet makes:
* the generation of an object: https://cloud.google.com/storage/docs/metadata#generation-number
* conditions: https://cloud.google.com/storage/docs/request-preconditions
* headers: https://cloud.google.com/storage/docs/xml-api/reference-headers
* listings: https://cloud.google.com/storage/docs/xml-api/get-bucket-list
* errors: https://cloud.google.com/storage/docs/xml-api/reference-status
It answers 501 to a header or parameter that it does not know, so that no condition passes unseen,
and looks at no credentials, as emulators do. Its pages are short, so that listings have several.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

_PAGE = 5
_LISTING = {"list-type", "prefix", "start-after", "continuation-token", "max-keys"}
_IF_GENERATION = "x-goog-if-generation-match"


@dataclass(frozen=True)
class _Object:
    data: bytes
    generation: int
    """Microseconds since 1970 when it was written, and later than any other of its name."""

    @property
    def etag(self) -> str:
        """The MD5 of its bytes: the same ones put again have the same etag."""
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'

    @property
    def headers(self) -> dict[str, str]:
        """What an answer says of it."""
        return {
            "ETag": self.etag,
            "Last-Modified": formatdate(self.generation / 1e6, usegmt=True),
            "x-goog-generation": str(self.generation),
        }


@dataclass
class GoogleStandIn:
    """The server at a port of loopback, and what it holds: by bucket and name."""

    port: int = 0
    buckets: dict[str, dict[str, _Object]] = field(default_factory=dict)
    last_generation: int = 0
    authorizations: set[str] = field(default_factory=set)
    """What was sent as credentials."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    scheme = "gs"
    secrets = ()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it through gs://."""
        return {"STORAGE_EMULATOR_HOST": f"127.0.0.1:{self.port}"}

    def make_bucket(self, name: str) -> None:
        """Make a bucket; one that is there already is no error."""
        self.buckets.setdefault(name, {})

    def put(self, bucket: str, name: str, data: bytes, condition: str) -> _Object:
        """Write an object, if the condition on its generation holds."""
        with self.turn:
            objects = self.objects(bucket)
            there = objects[name].generation if name in objects else 0
            if condition and not condition.isdigit():
                raise _Refusal(400, "InvalidArgument")
            if condition and int(condition) != there:
                raise _Refusal(412, "PreconditionFailed")
            self.last_generation = max(self.last_generation + 1, time.time_ns() // 1000)
            objects[name] = _Object(data, self.last_generation)
            return objects[name]

    def delete(self, bucket: str, name: str) -> None:
        """Remove an object."""
        with self.turn:
            if self.objects(bucket).pop(name, None) is None:
                raise _Refusal(404, "NoSuchKey")

    def find(self, bucket: str, name: str) -> _Object:
        """Find an object."""
        with self.turn:
            found = self.objects(bucket).get(name)
        if found is None:
            raise _Refusal(404, "NoSuchKey")
        return found

    def page(self, bucket: str, prefix: str, after: str) -> tuple[list[tuple[str, _Object]], bool]:
        """List the first objects past a name, and say whether more of them follow."""
        with self.turn:
            found = sorted(
                (name.encode(), name, each)
                for name, each in self.objects(bucket).items()
                if name.startswith(prefix) and name.encode() > after.encode()
            )
        return [(name, each) for _, name, each in found[:_PAGE]], len(found) > _PAGE

    def objects(self, bucket: str) -> dict[str, _Object]:
        """Find what a bucket holds."""
        if bucket not in self.buckets:
            raise _Refusal(404, "NoSuchBucket")
        return self.buckets[bucket]


class _Refusal(Exception):  # noqa: N818 - it is an answer
    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()


@contextmanager
def google_running() -> Iterator[GoogleStandIn]:
    """Run one in this process until the block ends."""
    stand_in = GoogleStandIn()

    class Handler(_Handler):
        """A connection to this one."""

        state = stand_in

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stand_in.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    state: GoogleStandIn

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def handle_one_request(self) -> None:
        """A client that goes away is no event."""
        with suppress(OSError, ValueError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state.authorizations.add(self.headers.get("Authorization", ""))
        address = urlsplit(self.path)
        bucket, _, name = address.path.lstrip("/").partition("/")
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        try:
            self._check_known(query)
            if not name:
                self._list(bucket, query)
            elif self.command == "PUT":
                self._put(bucket, unquote(name), sent)
            elif self.command == "DELETE":
                self.state.delete(bucket, unquote(name))
                self._answer(204, {}, b"")
            else:
                self._read(self.state.find(bucket, unquote(name)))
        except _Refusal as refusal:
            self._answer(refusal.status, {"Content-Type": "application/xml"}, refusal.body)

    do_GET = do_HEAD = do_PUT = do_DELETE = _serve  # noqa: N815 - the base's names

    def _check_known(self, query: dict[str, str]) -> None:
        conditions = {n.lower() for n in self.headers if n.lower().startswith(("if-", "x-goog-"))}
        taken = {"PUT": {_IF_GENERATION}, "GET": {"if-match"}}.get(self.command, set())
        if conditions - taken or set(query) - _LISTING:
            raise _Refusal(501, "NotImplemented")

    def _put(self, bucket: str, name: str, data: bytes) -> None:
        put = self.state.put(bucket, name, data, self.headers.get(_IF_GENERATION, ""))
        self._answer(200, put.headers, b"")

    def _read(self, found: _Object) -> None:
        if self.headers.get("If-Match", found.etag) != found.etag:
            raise _Refusal(412, "PreconditionFailed")
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self._answer(200, found.headers, found.data)
            return
        size, start = len(found.data), int(asked[1])
        end = min(size, int(asked[2] or size) + 1)
        if start >= size:
            raise _Refusal(416, "InvalidRange")
        told = {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        self._answer(206, found.headers | told, found.data[start:end])

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        if self.command != "GET" or query.get("list-type") != "2":
            raise _Refusal(501, "NotImplemented")
        after = query.get("continuation-token") or query.get("start-after", "")
        page, more = self.state.page(bucket, query.get("prefix", ""), after)
        listed = "".join(_listed(name, each) for name, each in page)
        last = escape(page[-1][0]) if more else ""
        token = f"<NextContinuationToken>{last}</NextContinuationToken>"
        body = (
            f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult><Name>{bucket}</Name>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token if more else ''}{listed}"
            "</ListBucketResult>"
        )
        self._answer(200, {"Content-Type": "application/xml"}, body.encode())

    def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()


def _listed(name: str, each: _Object) -> str:
    seconds, micros = divmod(each.generation, 1_000_000)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return (
        f"<Contents><Key>{escape(name)}</Key><Generation>{each.generation}</Generation>"
        f"<LastModified>{at}.{micros // 1000:03}Z</LastModified><ETag>{each.etag}</ETag>"
        f"<Size>{len(each.data)}</Size></Contents>"
    )
