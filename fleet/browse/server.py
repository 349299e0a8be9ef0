"""The server: each path of it, and what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from aiohttp import web

from fleet.browse.access import Door, range_of
from fleet.browse.asked import checked_key, count_of, listed_of, search_of, stretch_of
from fleet.browse.clips import MP4
from fleet.browse.desk import Desk
from fleet.browse.shelf import BusyError, StoppedError
from fleet.browse.snapshot import UnknownVideoError
from fleet.errors import FleetError, StorageError, UsageError, VideoError
from fleet.text import clean

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "fleet",
}
_STATUS: dict[type[Exception], int] = {
    UnknownVideoError: 404,
    BusyError: 503,
    StoppedError: 503,
    UsageError: 400,
    VideoError: 422,
    StorageError: 502,
    FleetError: 500,
}
"""The status of the answer, by what was raised; the first kind that fits."""
_SAID: dict[type[Exception], str] = {
    UnknownVideoError: "The output has no such video. Load the page again.",
    BusyError: "More is asked for than can be made at once. Try it again in a moment.",
    StoppedError: "The server ends.",
}
_STATIC = {
    "": ("fleet.browse", "page.html", "text/html"),
    "report.css": ("fleet.report", "page.css", "text/css"),
    "browse.css": ("fleet.browse", "browse.css", "text/css"),
    "browse.js": ("fleet.browse", "browse.js", "text/javascript"),
    "viewer.js": ("fleet.browse", "viewer.js", "text/javascript"),
    "ask.js": ("fleet.browse", "ask.js", "text/javascript"),
}
"""Path -> the package and the file that it is, and its type."""


def application(desk: Desk, door: Door) -> web.Application:
    """Return the application that answers from a desk what passes the door."""
    paths = _Paths(desk)
    # Nothing is sent with what is asked; 0 would be without a limit.
    app = web.Application(middlewares=[_guard(door), _errors], client_max_size=1)
    app.on_response_prepare.append(_add_headers)
    root = "/{token}/"
    for path in _STATIC:
        app.router.add_get(root + path, paths.static)
    for path, handler in {
        "output": paths.output,
        "videos": paths.videos,
        "search": paths.search,
        "video/{key}": paths.video,
        "video/{key}/timeline": paths.timeline,
        "video/{key}/moment/{milliseconds}": paths.moment,
        "video/{key}/at/{frame}": paths.at,
        "video/{key}/next/{frame}": paths.hit,
        "video/{key}/before/{frame}": paths.hit,
        # A frame and `.png` fits the next path as well.
        "video/{key}/frame/{frame}.png": paths.exact,
        "video/{key}/frame/{frame}": paths.frame,
        "video/{key}/clip.mp4": paths.clip,
    }.items():
        app.router.add_get(root + path, handler)
    return app


def _guard(door: Door) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        refused = door.refusal(request.method, request.raw_path, hosts)
        if refused is not None:
            return _refused(refused.status, refused.why)
        return await handler(request)

    return guard


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors as JSON with a sentence."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _refused(error.status, f"{error.reason}.")
    except tuple(_STATUS) as error:
        status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
        return _refused(status, _SAID.get(type(error)) or str(error))


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _refused(status: int, why: str) -> web.Response:
    return _json({"error": clean(why)}, status)


def _json(value: Any, status: int = 200) -> web.Response:
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return web.Response(text=text, status=status, content_type="application/json")


@cache
def _file(package: str, name: str) -> bytes:
    return files(package).joinpath(name).read_bytes()


class _Paths:
    """What each path answers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def static(self, request: web.Request) -> web.Response:
        package, name, kind = _STATIC[request.path.rpartition("/")[2]]
        return web.Response(body=_file(package, name), content_type=kind, charset="utf-8")

    async def output(self, request: web.Request) -> web.Response:
        _no_query(request)
        return _json(await self._desk.output())

    async def videos(self, request: web.Request) -> web.Response:
        return _json(self._desk.videos(listed_of(request.query.items())))

    async def search(self, request: web.Request) -> web.Response:
        asked = search_of(request.query.items(), self._desk.columns)
        return _json(await self._desk.search(asked))

    async def video(self, request: web.Request) -> web.Response:
        _no_query(request)
        return _json(await self._desk.video(_key(request)))

    async def timeline(self, request: web.Request) -> web.Response:
        asked = search_of(request.query.items(), ())
        return _json(await self._desk.timeline(_key(request), asked.least))

    async def moment(self, request: web.Request) -> web.Response:
        _no_query(request)
        at = count_of(request.match_info["milliseconds"])
        return _json(await self._desk.moment(_key(request), Fraction(at, 1000)))

    async def at(self, request: web.Request) -> web.Response:
        _no_query(request)
        return _json(await self._desk.at(_key(request), _frame(request)))

    async def hit(self, request: web.Request) -> web.Response:
        forward = "/next/" in request.path
        pairs = [("video", _key(request)), *request.query.items()]
        asked = search_of(pairs, self._desk.columns)
        return _json(await self._desk.hit(asked, _frame(request), forward=forward))

    async def frame(self, request: web.Request) -> web.Response:
        _no_query(request)
        kind, data = await self._desk.frame(_key(request), _frame(request), exact=False)
        return web.Response(body=data, content_type=kind)

    async def exact(self, request: web.Request) -> web.Response:
        _no_query(request)
        kind, data = await self._desk.frame(_key(request), _frame(request), exact=True)
        return web.Response(body=data, content_type=kind)

    async def clip(self, request: web.Request) -> web.Response:
        asked = stretch_of(request.query.items())
        data = await self._desk.clip(_key(request), asked)
        headers = {"Accept-Ranges": "bytes"}
        try:
            part = range_of(request.headers.get("Range"), len(data))
        except UsageError as error:
            refused = _refused(416, str(error))
            refused.headers["Content-Range"] = f"bytes */{len(data)}"
            return refused
        if part is None:
            return web.Response(body=data, content_type=MP4, headers=headers)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
        some = data[part.start : part.stop]
        return web.Response(status=206, body=some, content_type=MP4, headers=headers)


def _no_query(request: web.Request) -> None:
    if request.query_string:
        raise UsageError("This address takes no query.")


def _key(request: web.Request) -> str:
    return checked_key(request.match_info["key"])


def _frame(request: web.Request) -> int:
    return count_of(request.match_info["frame"])
