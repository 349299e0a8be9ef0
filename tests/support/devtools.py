"""A page in a browser that nobody sees, with a mouse and a keyboard: Chrome's DevTools protocol."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import aiohttp

_ADDRESS = re.compile(r"DevTools listening on (ws://\S+)")
_OPTIONS = (
    "--headless",
    # A root of a container has no user namespaces to make a sandbox of; only our pages are opened.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
_CODES = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
    "/": (191, "/"),
}
"""Keys but letters and the space: their code, and the text that they type."""
_STILL = {"name": "prefers-reduced-motion", "value": "reduce"}
"""A page that scrolls smoothly moves on under the mouse."""
_LIMIT_S = 120
_Result = TypeVar("_Result")


class Tab:
    """A page that is open."""

    def __init__(self, address: str) -> None:
        self.requests: list[str] = []
        """What was asked for since the page began to load."""
        self.said: list[str] = []
        """What went to its console, and errors that nobody caught."""
        self.loads = 0
        """How often a page was there whole."""
        self._numbers = count()
        self._session = ""
        self._loop = asyncio.new_event_loop()
        self._http, self._socket = self._wait(_connect(address))
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")
        self._media(_STILL)

    def close(self) -> None:
        """Let the browser go."""
        self._wait(self._socket.close())
        self._wait(self._http.close())
        self._loop.close()

    def open(self, page: Path | str) -> None:
        """Load a file or an address, and wait until it is there whole."""
        before = self.loads
        self._ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while self.loads == before:
            self._take(self._wait(self._socket.receive_json()))

    def run(self, script: str) -> Any:
        """Return what an expression comes to in the page."""
        how = {"returnByValue": True, "awaitPromise": True}
        got = self._ask("Runtime.evaluate", expression=script, **how)
        assert "exceptionDetails" not in got, got["exceptionDetails"]
        return got["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        code, text = _CODES.get(key) or (ord(key.upper()), key)
        of_key = {"key": key, "windowsVirtualKeyCode": code}
        self._ask("Input.dispatchKeyEvent", type="keyDown", text=text, **of_key)
        self._ask("Input.dispatchKeyEvent", type="keyUp", **of_key)
        self._settle()

    def click(self, selector: str) -> None:
        """Click into the middle of an element, wherever it lies on the page."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self._ask("Input.dispatchMouseEvent", type=kind, **where)
        self._settle()

    def look(self, width: int, scheme: str) -> None:
        """Be as wide as a screen, and light or dark."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **size)
        self._media(_STILL, {"name": "prefers-color-scheme", "value": scheme})
        self._settle()

    def _media(self, *features: dict[str, str]) -> None:
        self._ask("Emulation.setEmulatedMedia", features=features)

    def _settle(self) -> None:
        """Wait until what the page has put off has happened."""
        self.run("new Promise((done) => setTimeout(done))")

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._wait(self._socket.send_json(message))
        while (got := self._wait(self._socket.receive_json())).get("id") != number:
            self._take(got)
        assert "error" not in got, f"{method}: {got['error']}"
        answer: dict[str, Any] = got["result"]
        return answer

    def _take(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.said.append(json.dumps(params))
            case "Page.loadEventFired":
                self.loads += 1

    def _wait(self, task: Coroutine[Any, Any, _Result]) -> _Result:
        return self._loop.run_until_complete(asyncio.wait_for(task, _LIMIT_S))


async def _connect(address: str) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    http = aiohttp.ClientSession()
    return http, await http.ws_connect(address, max_msg_size=0)


@contextmanager
def opened(program: str, page: Path | str) -> Iterator[Tab]:
    """Open a file or an address in a browser that runs for it alone."""
    with TemporaryDirectory(prefix="fleet-browser-", ignore_cleanup_errors=True) as profile:
        command = [program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
            assert browser.stderr is not None
            try:
                found = (_ADDRESS.search(line) for line in browser.stderr)
                tab = Tab(next(match[1] for match in found if match))
                try:
                    tab.open(page)
                    yield tab
                finally:
                    tab.close()
            finally:
                browser.kill()
