"""Connections to a served output: so many at once, and none for long on which nothing is asked."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from made_up import commit_lease
from recorded import detections_output

from fleet.browse import serve
from fleet.storage import Folder

LIMIT_S = 120


@pytest.fixture
def output(tmp_path: Path) -> str:
    """An output with rows."""
    out = detections_output(Folder(str(tmp_path / "out")))
    commit_lease(out, "/videos/a.mp4", range(5))
    return out.uri


def while_served(output: str, check: Callable[[int], None]) -> None:
    """Serve an output on this thread, as it takes signals, and check it on another one."""

    def checked(address: str) -> None:
        try:
            check(urlsplit(address).port or 0)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as threads:
        done = []
        serve.serve(
            output, "127.0.0.1", 0, lambda address: done.append(threads.submit(checked, address))
        )
        done[0].result()


def connected(port: int) -> socket.socket:
    """Connect, and ask for nothing."""
    return socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)


def is_answered(connection: socket.socket) -> bool:
    """Ask for something without the token: return whether that is refused; else it is closed."""
    try:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
        return connection.recv(1 << 16).startswith(b"HTTP/1.1 421 ")
    except ConnectionError:
        return False


def test_a_connection_on_which_nothing_is_asked_is_closed(
    output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first request, in the middle of one, and after one."""
    monkeypatch.setattr(serve, "IDLE_S", 0.2)

    def check(port: int) -> None:
        for begin in (lambda _: True, lambda one: one.send(b"GET / HT"), is_answered):
            with connected(port) as one:
                assert begin(one)
                assert one.recv(1 << 16) == b""

    while_served(output, check)


def test_more_connections_than_there_may_be_are_closed(
    output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are open stay; where one of them is closed, there is room for another."""
    monkeypatch.setattr(serve, "MOST_CONNECTIONS", 3)

    def check(port: int) -> None:
        held = [connected(port) for _ in range(3)]
        assert all(map(is_answered, held))
        with connected(port) as more:
            assert not is_answered(more)
        assert all(map(is_answered, held))
        held.pop().close()
        end_s = time.monotonic() + LIMIT_S
        while True:
            with connected(port) as another:
                if is_answered(another):
                    break
            assert time.monotonic() < end_s
        for one in held:
            one.close()

    while_served(output, check)
