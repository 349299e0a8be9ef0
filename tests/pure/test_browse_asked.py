"""Who may ask a served output, and for what: decided without a server."""

from __future__ import annotations

import string
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.browse.access import MOST_TARGET, Door, is_loopback, range_of
from fleet.browse.asked import MOST_FOUND, ROWS_A_PAGE, key_of, listed_of, search_of, stretch_of
from fleet.browse.pictures import AHEAD, window
from fleet.browse.shelf import Shelf
from fleet.errors import UsageError

EVERYWHERE = str(IPv4Address(0))
DOOR = Door("t0k-en_", "127.0.0.1", 8080)
HOST = ["127.0.0.1:8080"]


def status(door: Door, host: str, method: str = "GET", target: str = "/t0k-en_/") -> int:
    """Return the status of a refusal, 200 for none."""
    refused = door.refusal(method, target, [host])
    return refused.status if refused else 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"]
)
def test_this_machine_is_answered(host: str) -> None:
    """By each of its names, at the port."""
    assert status(DOOR, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example:8080", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8080:8080", "::1:8080"),
        *("localhost.evil.example:8080", "127.0.0.1:99999999", "127.0.0.1 :8080", "10.0.0.1:8080"),
    ],
)
def test_another_name_is_not(host: str) -> None:
    """A page of a site whose name was made to mean this machine sends its own."""
    assert status(DOOR, host) == 421
    assert DOOR.refusal("GET", "/t0k-en_/", []) is not None
    assert DOOR.refusal("GET", "/t0k-en_/", HOST * 2) is not None


def test_a_server_for_other_machines_takes_its_name_and_addresses() -> None:
    """Where it listens at a name, that name; where it listens everywhere, any address and no name."""
    named = Door("t0k-en_", "gpu7", 80)
    assert [status(named, host) for host in ("gpu7", "GPU7:80", "localhost", "10.0.0.7")] == [
        *(200, 200, 421, 421)
    ]
    everywhere = Door("t0k-en_", EVERYWHERE, 80)
    assert [status(everywhere, host) for host in ("10.0.0.7", "localhost", "evil.example")] == [
        *(200, 200, 421)
    ]
    assert [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", EVERYWHERE, "gpu7")] == [
        *(True, True, True, False, False)
    ]


@given(st.text(max_size=40))
def test_no_other_token_is_answered(token: str) -> None:
    """Whatever it is: too long, too short, no ASCII."""
    path = token.partition("/")[0].partition("?")[0]
    assert (status(DOOR, HOST[0], target=f"/{token}/output") == 200) == (path == DOOR.token)


@given(st.text(string.ascii_uppercase, max_size=10))
def test_only_two_methods_are_answered(method: str) -> None:
    """Nothing is changed by a request."""
    assert (status(DOOR, HOST[0], method) == 200) == (method in {"GET", "HEAD"})
    assert status(DOOR, HOST[0], target="/t0k-en_/" + "x" * MOST_TARGET) == 414


@given(st.integers(1, 1000), st.integers(0, 1200), st.integers(0, 1200))
def test_a_range_is_one_stretch_of_the_body(size: int, first: int, last: int) -> None:
    """As RFC 9110 has it: from, from and to, the last so many; else it is refused."""
    body = range(size)
    for header, expected in (
        (f"bytes={first}-{last}", body[first : last + 1] if first <= last else range(0)),
        (f"bytes={first}-", body[first:]),
        (f"bytes=-{last}", body[-last:] if last else range(0)),
    ):
        if len(expected):
            assert range_of(header, size) == expected
        else:
            with pytest.raises(UsageError):
                range_of(header, size)


@pytest.mark.parametrize(
    "header", ["bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "", "bytes=0-1x"]
)
def test_other_ranges_are_refused(header: str) -> None:
    """Several, none, of another unit."""
    with pytest.raises(UsageError):
        range_of(header, 10)
    assert range_of(None, 10) is None


def test_a_search_is_read() -> None:
    """Labels as keys, a column that was taken from paths, windows, order and page."""
    label = key_of("person")
    pairs = [("label", label), ("least", "0.25"), ("in.camera", "gate"), ("from", "1.5")]
    asked = search_of([*pairs, ("since", "2026-11-01T08:00Z"), ("page", "3")], ["camera"])
    assert (asked.labels, asked.least, asked.columns) == ((label,), 0.25, {"camera": "gate"})
    assert asked.window.from_s == 1.5
    assert asked.window.since is not None
    assert asked.page == 3
    assert search_of([], ()).labels == ()


@pytest.mark.parametrize(
    "pairs",
    [
        [("nothing", "1")],
        [("in.city", "x")],
        [("least", "1.5")],
        [("least", "0.8"), ("most", "0.2")],
        [("least", "nan")],
        [("least", "1e-3")],
        [("least", "-1")],
        [("least", "0"), ("least", "0")],
        [("label", "person")],
        [("label", "0" * 16)] * 51,
        [("video", "../../etc/passwd")],
        [("order", "random()")],
        [("page", str(MOST_FOUND // ROWS_A_PAGE))],
        [("page", "٣")],
        [("from", "5"), ("to", "5")],
        [("since", "yesterday")],
        [("in.camera", "x" * 1025)],
    ],
)
def test_another_query_is_refused(pairs: list[tuple[str, str]]) -> None:
    """In a sentence; nothing of it is passed on."""
    with pytest.raises(UsageError):
        search_of(pairs, ["camera"])


@given(st.lists(st.tuples(st.sampled_from(["label", "least", "page", "from", "x"]), st.text())))
def test_no_text_does_harm(pairs: list[tuple[str, str]]) -> None:
    """Any text is read, or refused by the one error that becomes an answer."""
    for read in (lambda: search_of(pairs, ()), lambda: listed_of(pairs), lambda: stretch_of(pairs)):
        with suppress(UsageError):
            read()


@given(st.integers(1, 100), st.data())
def test_steps_are_decoded_together(frames: int, data: Any) -> None:
    """With the frame come those ahead of it, in the way that somebody goes; none of them twice."""
    frame = data.draw(st.integers(0, frames - 1))
    there = data.draw(st.sets(st.integers(0, frames - 1))) - {frame}
    wanted = window(frame, frames, there.__contains__)
    assert frame in wanted
    assert not there & set(wanted)
    assert all(0 <= number < frames and abs(number - frame) < AHEAD for number in wanted)
    if not {frame - 1, frame + 1} & there:
        assert wanted == [frame]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60))))
def test_a_shelf_holds_the_latest_that_have_room(puts: list[tuple[int, int]]) -> None:
    """Never more bytes than it may; the last one that fits is there."""
    shelf = Shelf(100)
    sizes: dict[int, int] = {}
    for key, size in puts:
        shelf.put(key, size, size)
        sizes[key] = size
        assert shelf.get(key) == size
        assert shelf.held_bytes == sum(sizes[k] for k in range(10) if k in shelf) <= 100
    shelf.put("large", 1, 101)
    assert shelf.get("large") is None
