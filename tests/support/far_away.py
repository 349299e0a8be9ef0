"""A store that is far away: a relay before a server which lets every request wait a while.

It runs in a process of its own, so that it takes no time from whom it is measured with.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
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
        self._under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._carrying: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._carrying = asyncio.ensure_future(self._carry())

    async def _carry(self) -> None:
        loop = asyncio.get_running_loop()
        _, side = await loop.create_connection(_Side, *self._there)
        side.other, self.other = self, side
        while True:
            due_s, data = await self._under_way.get()
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            self.hand_on(data)

    def data_received(self, data: bytes) -> None:
        self._under_way.put_nowait((asyncio.get_running_loop().time() + self._latency_s, data))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._carrying:
            self._carrying.cancel()


async def _serve(host: str, port: int, latency_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Near(host, port, latency_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whom it serves reads it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
