"""A store that is far away: a relay before a server which lets every request wait a while.

It runs in a process of its own, so that it takes no time from whom it is measured with.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def far_away(endpoint: str, latency_s: float) -> Iterator[str]:
    """Run a relay before `endpoint` until the block ends; gives the endpoint that is far."""
    there = urlsplit(endpoint)
    command = [sys.executable, __file__, str(there.hostname), str(there.port), str(latency_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:
        assert relay.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(relay.stdout.readline())}"
        finally:
            relay.kill()


class _Side(asyncio.Protocol):
    """One end of a connection: what comes in goes out at the `other`, as soon as `other` can."""

    def __init__(self) -> None:
        self.other: _Side | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.hand_on(data)

    def hand_on(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.other and self.other.transport:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.resume_reading()


class _Near(_Side):
    """The client's end: what it sends is on its way for `latency_s`, in the order it was sent."""

    def __init__(self, host: str, port: int, latency_s: float) -> None:
        super().__init__()
        self._there = (host, port)
        self._latency_s = latency_s
        self._under_way: deque[bytes] = deque()
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        _, side = await asyncio.get_running_loop().create_connection(_Side, *self._there)
        side.other, self.other = self, side
        while self._under_way:
            self.hand_on(self._under_way.popleft())

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self._latency_s, self._arrive)
        self._under_way.append(data)

    def _arrive(self) -> None:
        if self.other and self._under_way:
            self.hand_on(self._under_way.popleft())


async def _serve(host: str, port: int, latency_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Near(host, port, latency_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whom it serves reads it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
