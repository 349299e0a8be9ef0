"""Objects of S3 whose names obstore cannot address: obstore signs the requests, urllib sends them.

obstore accepts no name with an empty part (//), a part . or .., or a control character, and its
listing fails at the first such name; archives that others have written hold such names all the
same. The signature covers the whole address. Therefore the address is passed to obstore as the
endpoint, and what obstore appends to it becomes the value of a parameter that S3 ignores. Objects
with a part . or .. are listed, but not asked for: it is taken out of every address that is signed.
"""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

import obstore

from fleet.errors import StorageError, StorageRefusedError
from fleet.storage.error_mapping import translate_cloud_error
from fleet.storage.location import at, has_dot_part
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat

if TYPE_CHECKING:
    from obstore.store import S3Store  # exists for type checkers only

_VALID = timedelta(minutes=15)
_TIMEOUT_S = 60
_IGNORED = "x-id"
"""A parameter that S3's own clients send too, and that no server reads."""


class SignedUrlStore:
    """The bucket at an address; `client` makes one of obstore's clients for an endpoint."""

    def __init__(self, name: str, address: str, client: Callable[[str], S3Store]) -> None:
        self._name = name
        self._address = address
        self._client = client

    def list(self, folder: str, after: str) -> Iterator[Stat]:
        """Yield the objects below a folder that follow the name `after`. See Store."""
        query = {"list-type": "2", "encoding-type": "url"}
        query |= {"prefix": f"{folder}/"} if folder else {}
        more = {"start-after": after} if after else {}
        while True:
            with self._request("GET", "", "listed", query | more) as response:
                data = self._body("", "listed", response)
            with self._understanding("", "listed"):
                page = ET.fromstring(data)  # noqa: S314 - expat refuses the known bombs
                token = page.findtext("{*}NextContinuationToken") or ""
                quoted = page.findtext("{*}EncodingType") == "url"
                listed = [_listed(item, quoted=quoted) for item in page.iterfind("{*}Contents")]
                if token and token == more.get("continuation-token"):
                    raise ValueError("the next page is said to be the same")
            yield from listed
            if not token:
                return
            more = {"continuation-token": token}

    def stat(self, path: str) -> Stat:
        """See Store."""
        with self._request("HEAD", path, "read") as response, self._understanding(path, "read"):
            return _served(path, response)

    def read(self, path: str, start: int, end: int | None, etag: str) -> ReadResult:
        """See Store."""
        headers = {"If-Match": f'"{etag}"'} if etag else {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        with self._request("GET", path, "read", headers=headers) as response:
            data = self._body(path, "read", response)
            with self._understanding(path, "read"):
                stat = _served(path, response)
        return ReadResult(data, stat.bytes, stat.etag)

    def _body(self, path: str, what: str, response: HTTPResponse) -> bytes:
        try:
            return response.read()
        except (OSError, HTTPException) as error:
            raise self._translated(path, what, error) from None

    @contextmanager
    def _understanding(self, path: str, what: str) -> Iterator[None]:
        """Raise StorageError where what the store answers is none of S3's answers."""
        try:
            yield
        except (ET.ParseError, ValueError, OverflowError) as error:
            where = at(self._name, path)
            raise StorageError(
                f"{where!r} could not be {what}: the answer makes no sense: {error}.",
                "Check the endpoint, and what lies between it and here.",
            ) from None

    def _request(
        self,
        method: Literal["GET", "HEAD"],
        path: str,
        what: str,
        query: Mapping[str, str] = MappingProxyType({}),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> HTTPResponse:
        address = self._address_of(path)
        # Signatures require %20 for a space, not a plus.
        words = "&".join(f"{name}={urllib.parse.quote(v, safe='~')}" for name, v in query.items())
        client = self._client(f"{address}?{words}&{_IGNORED}=")
        url = obstore.sign(client, method, "x", _VALID)
        request = urllib.request.Request(url, headers=dict(headers), method=method)  # noqa: S310
        try:
            response: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(path, what, error) from None
        except (OSError, HTTPException) as error:
            raise self._translated(path, what, error) from None
        return response

    def _address_of(self, path: str) -> str:
        """Return the address of exactly that object, or of the bucket; `path` as it is listed."""
        if has_dot_part(path):
            raise StorageRefusedError(
                f"{at(self._name, path)!r} has . or .. as a part of its name: its address would be "
                "that of another object.",
                "Rename that object, or leave it out.",
            )
        return f"{self._address}/{urllib.parse.quote(path, safe='/~')}" if path else self._address

    def _refused(self, path: str, what: str, error: urllib.error.HTTPError) -> Exception:
        try:
            body = error.read(65536).decode("utf-8", "replace")
        except (OSError, HTTPException) as broken:
            return self._translated(path, what, broken)
        if error.code == 412:
            return PreconditionFailedError(path)
        if error.code == 404 and "NoSuchBucket" not in body:
            return FileNotFoundError(at(self._name, path))
        # This is how obstore phrases it, which translate_cloud_error parses.
        return self._translated(path, what, RuntimeError(f"status code: {error.code} {body}"))

    def _translated(self, path: str, what: str, error: Exception) -> StorageError:
        return translate_cloud_error(f"{at(self._name, path)!r} could not be {what}", error)


def _listed(item: ET.Element, *, quoted: bool) -> Stat:
    def text(name: str) -> str:
        return item.findtext(f"{{*}}{name}") or ""

    modified = datetime.fromisoformat(text("LastModified"))
    return Stat(
        # Some stores write a space as +, others as %20; all write a plus as %2B.
        path=urllib.parse.unquote_plus(text("Key")) if quoted else text("Key"),
        bytes=_size(text("Size")),
        etag=text("ETag").strip('"'),
        modified_s=modified.timestamp(),
    )


def _size(digits: str) -> int:
    size = int(digits)
    if not 0 <= size < 2**63:
        raise ValueError(f"{size} is no size of an object")
    return size


def _served(path: str, response: HTTPResponse) -> Stat:
    whole = response.headers.get("Content-Range", "").rpartition("/")[2]
    size = _size(whole or response.headers.get("Content-Length", "0"))
    etag = response.headers.get("ETag", "").strip('"')
    modified = parsedate_to_datetime(response.headers.get("Last-Modified", ""))
    return Stat(path, size, etag, modified.timestamp())
