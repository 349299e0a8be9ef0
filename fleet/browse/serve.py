"""Serving an output until somebody ends it."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from collections.abc import Callable
from contextlib import closing

from aiohttp import web

from fleet.browse.access import Door, address
from fleet.browse.desk import Desk
from fleet.browse.questions import check_installed
from fleet.browse.server import application
from fleet.errors import UsageError

TOKEN_BYTES = 24
MOST_LINE = 8_190
"""Bytes of the first line of a request, and of a header."""
MOST_CONNECTIONS = 128
"""How many may be open before more are closed; of those that come at the same moment all stay."""
IDLE_S = 30.0
"""How long a connection may be open on which nothing is asked."""
_END_S = 1.0
"""How long answers that are under way have when it ends."""


def serve(output: str, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve an output until SIGINT or SIGTERM; `on_ready` is called with the whole address.

    Raises UsageError where there is no output, where DuckDB is missing, and where nobody can listen
    at that host and port.
    """
    check_installed()
    with closing(_listening(host, port)) as listener, closing(Desk(output)) as desk:
        asyncio.run(_serve(desk, host, listener, on_ready))


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"Nothing can listen at {address(host, port)}: {error.strerror or error}.",
            "Name another --host or --port; --port 0 takes one that is free.",
        ) from None


async def _serve(
    desk: Desk, host: str, listener: socket.socket, on_ready: Callable[[str], None]
) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    port = listener.getsockname()[1]
    door = Door(secrets.token_urlsafe(TOKEN_BYTES), host, port)
    runner = web.AppRunner(
        application(desk, door),
        # It would have the token.
        access_log=None,
        shutdown_timeout=_END_S,
        keepalive_timeout=IDLE_S,
        max_line_size=MOST_LINE,
        max_field_size=MOST_LINE,
    )
    await runner.setup()
    server = runner.server
    assert server is not None

    def connected() -> asyncio.Protocol:
        return server() if len(server.connections) < MOST_CONNECTIONS else _Closed()

    try:
        listening = await asyncio.get_running_loop().create_server(connected, sock=listener)
        on_ready(f"http://{address(host, port)}/{door.token}/")
        await ended.wait()
        listening.close()
        desk.stop()
    finally:
        await runner.cleanup()


class _Closed(asyncio.Protocol):
    """A connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()
