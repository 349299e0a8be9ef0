"""Where a cluster is said to be, and where Ray keeps its session."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import pytest
from canned import answering

from fleet.errors import JobFailedError, UsageError
from fleet.executors.ray import whereabouts
from fleet.executors.ray.whereabouts import check_answers, short_folder

SETTINGS = b"\0\0\0\4\0\0\0\0\0"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket on loopback that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def answer(listener: socket.socket, data: bytes) -> str:
    """Answer the next connection with some bytes, and return where."""

    def once() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(64)
            connection.sendall(data)

    Thread(target=once, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("address", ["http://head:8265", "https://head/ray"])
def test_the_address_of_a_dashboard_is_refused(address: str) -> None:
    """With what it is good for, and what a run takes."""
    with pytest.raises(UsageError, match="is the address of a dashboard") as caught:
        check_answers(address, {})
    for words in ("RAY_ADDRESS=head:6379", "fleet submit --address"):
        assert words in caught.value.way_out


def test_a_dashboards_port_is_found_out() -> None:
    """It speaks HTTP/1.1, which no cluster does."""
    with answering(b"hello") as web, pytest.raises(UsageError, match="another kind of server"):
        check_answers(web.endpoint.removeprefix("http://"), {})


@pytest.mark.parametrize("address", ["ray://head", "ray://head:10001", "ray://head:10001/"])
def test_the_address_of_rays_client_is_refused(address: str) -> None:
    """Ray has not all there that a run asks of it."""
    with pytest.raises(UsageError, match="is of Ray's client") as caught:
        check_answers(address, {})
    for words in ("RAY_ADDRESS=head:6379", "fleet submit --address"):
        assert words in caught.value.way_out


def test_an_address_that_nobody_answers_is_said_at_once(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray would ask for a quarter of an hour."""
    monkeypatch.setattr(whereabouts, "CONNECT_S", 0.1)
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(JobFailedError, match=r"Nobody answers at .*127\.0\.0\.1") as caught:
        check_answers(f"127.0.0.1:{port}", {})
    assert "Without RAY_ADDRESS" in caught.value.way_out


def test_what_closes_or_is_silent_is_no_cluster(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a tunnel whose end is gone; encrypted, a cluster is silent to this question."""
    monkeypatch.setattr(whereabouts, "CONNECT_S", 0.2)
    with pytest.raises(JobFailedError, match="does not answer as a Ray cluster does"):
        check_answers(answer(listener, b""), {})
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(JobFailedError, match="does not answer as a Ray cluster does"):
        check_answers(address, {})
    check_answers(address, {"RAY_USE_TLS": "1"})


def test_a_cluster_answers(listener: socket.socket) -> None:
    """By its settings, as every server of gRPC."""
    check_answers(answer(listener, SETTINGS), {})


@pytest.mark.parametrize("address", ["auto", "local", "anyscale://cluster"])
def test_what_ray_finds_by_itself_is_left_to_it(address: str) -> None:
    """Nobody is asked."""
    check_answers(address, {})


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port"])
def test_an_address_without_host_or_port_is_refused(address: str) -> None:
    """With an example."""
    with pytest.raises(UsageError, match=r"names no host and port\..*head:6379"):
        check_answers(address, {})


def test_a_folder_with_a_long_name_is_not_rays() -> None:
    """Sockets have paths of 107 bytes at most; the usual folder is Ray's own choice."""
    assert short_folder({}) is None
    assert short_folder({"TMPDIR": "/scratch"}) is None
    assert short_folder({"TMPDIR": f"/{'x' * 60}", "RAY_TMPDIR": "/scratch"}) is None
    found = short_folder({"TMPDIR": f"/scratch/{'x' * 60}"})
    assert found is not None
    assert len(found) < 20
