"""Requests that ask a server of `fleet browse` for what they may not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import quote

from browsed import Served

from fleet.browse.asked import key_of

FILES = ("secret.txt", "other.mp4", "gate.mp4", "out/_JOB.json")
"""What lies beside the videos, and is not the output's."""
_SQL = ("1;drop table found", "' or 1=1 --", "1) union select * from read_text('/etc/passwd')")
Wrong = tuple[bytes, str]
"""A request as bytes, and what is wrong with it."""


@dataclass(frozen=True)
class Hostile:
    """Requests to one server."""

    server: Served
    key: str
    """Of a video that it has."""
    folder: Path
    """Where FILES lie."""

    def requests(self) -> Iterator[Wrong]:
        """Yield all of them."""
        yield from self._heads()
        yield from self._paths()
        yield from self._queries()
        yield from self._clips()

    def _request(
        self, path: str, method: str = "GET", host: str | None = None, more: str = ""
    ) -> bytes:
        name = self._host if host is None else host
        head = f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n{more}\r\n"
        return head.encode("utf-8", "surrogateescape")

    @property
    def _host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def _places(self) -> list[str]:
        video = f"video/{self.key}"
        return [
            "",
            "output",
            "videos",
            video,
            f"{video}/frame/5",
            f"{video}/clip.mp4?first=0&last=1",
        ]

    def _heads(self) -> Iterator[Wrong]:
        root, host = self.server.root, self._host
        names = ("evil.example", f"evil.example:{self.server.port}", "127.0.0.1", "127.0.0.1:1")
        for name, place in product((*names, "", f"{host}.evil", f"a@{host}"), self._places):
            yield self._request(root + place, host=name), "host"
        methods = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "BREW")
        for method, place in product(methods, self._places):
            yield self._request(root + place, method), "method"
        yield self._request(root, more=f"X: {'x' * 20000}\r\n"), "header"
        yield self._request(root, more=f"Host: {host}\r\n"), "two hosts"
        yield b"\x00\x01\x02\r\n\r\n", "no HTTP"
        yield f"GET {root} HTTP/9.9\r\n\r\n".encode(), "no HTTP"

    def _paths(self) -> Iterator[Wrong]:
        root = self.server.root
        token = root.strip("/")
        tokens = ("", "x", token[:-1], f"{token}x", token.swapcase(), token[::-1], f"%2e/{token}")
        for other, place in product((*tokens, f"..//{token}"), self._places):
            yield self._request(f"/{other}/{place}"), "token"
        ways = ("", "../", "..%2f", "%2e%2e/", "....//", "..\\", "/", f"{self.folder}/")
        for file, way in product(FILES, ways):
            yield self._request(f"{root}{way}{file}"), "path"
            yield self._request(f"{root}video/{quote(way + file, safe='')}"), "path"
        other = key_of(str(self.folder / "other.mp4"))
        yield self._request(f"{root}video/{other}/frame/1"), "another video"
        frames = ("-1", "40", "999999999", "9999999999", "1e1", "0x1", "%D9%A3", "5.jpg", "5/..")
        for frame in (*frames, "NaN", "5%00"):
            yield self._request(f"{root}video/{self.key}/frame/{frame}"), "frame"
            yield self._request(f"{root}video/{self.key}/at/{frame}"), "frame"

    def _queries(self) -> Iterator[Wrong]:
        root = self.server.root
        names = ("least", "most", "from", "to", "since", "page", "order", "label", "video")
        for name, value in product(names, (*_SQL, "x" * 1025, "-1", "1e9", "inf", "%00")):
            yield self._request(f"{root}search?{name}={quote(value, safe='%')}"), "query"
        many = "&".join([f"label={'0' * 16}"] * 60)
        for query in ("a=1", "least=0&least=0", many, "x" * 5000, "y" * 20000):
            yield self._request(f"{root}search?{query}"), "query"

    def _clips(self) -> Iterator[Wrong]:
        clip = f"{self.server.root}video/{self.key}/clip.mp4"
        queries = ("first=1", "first=9&last=8", "first=0&last=40", "first=0&last=1&boxes=2")
        for query in ("", *queries, "first=0&last=1&x=1"):
            yield self._request(f"{clip}?{query}"), "clip"
        ranges = (
            "bytes=-",
            "bytes=0-1,3-4",
            "bytes=9-1",
            "bytes=99999999-",
            "bytes=-0",
            "lines=1-2",
        )
        for bounds in (*ranges, "x", "bytes=0-" + "9" * 40):
            yield self._request(f"{clip}?first=0&last=1", more=f"Range: {bounds}\r\n"), "range"
