"""The payload of a stream in an MPEG program stream, between packs and other streams."""

from __future__ import annotations

import pytest

from fleet.video.containers.mpegps import packets, payload

VIDEO, SOUND = 0xE0, 0xC0
PACK = b"\0\0\1\xba" + b"\x44" + bytes(8) + b"\xfa" + b"\xff\xff"
OLD_PACK = b"\0\0\1\xba" + b"\x21" + bytes(7)


def pes(stream: int, data: bytes, header: bytes = b"\x80\0\0") -> bytes:
    """A PES packet; without times, in the form of MPEG-2."""
    body = header + data
    return b"\0\0\1" + bytes([stream]) + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    "header",
    [
        b"\x80\0\0",
        b"\x80\x80\5\x21\0\1\0\1",
        b"\x0f",
        b"\xff\xff\x0f",
        b"\xff\x60\x20\x21\0\1\0\1",
        b"\x31\0\1\0\1\x11\0\1\0\1",
    ],
    ids=["no times", "pts", "old", "stuffing", "buffer and pts", "pts and dts"],
)
def test_headers_of_both_versions_are_stripped(header: bytes) -> None:
    """Of MPEG-2, and of MPEG-1 with stuffing, the size of a buffer, and times."""
    file = PACK + pes(VIDEO, b"first", header) + OLD_PACK + pes(VIDEO, b"second", header)
    assert payload(file, VIDEO) == b"firstsecond"


def test_other_streams_are_left_out() -> None:
    """Also where they look like the stream itself."""
    hidden = pes(VIDEO, b"hidden")
    file = PACK + pes(VIDEO, b"a") + pes(SOUND, hidden) + pes(0xBF, hidden) + pes(VIDEO, b"b")
    assert payload(file, VIDEO) == b"ab"


def test_a_cut_packet_is_read_with_what_follows() -> None:
    """Reading goes on where the last whole packet ends."""
    file = PACK + pes(VIDEO, b"picture one") + PACK + pes(VIDEO, b"picture two")
    for cut in range(len(PACK), len(file)):
        found, end = packets(file[:cut], VIDEO)
        assert len(found) == 1 or end <= len(PACK) or cut < 40
        rest = payload(file[end:], VIDEO)
        assert payload(file[:end], VIDEO) + rest == b"picture onepicture two"


def test_reading_goes_on_behind_damage() -> None:
    """At the next start code that no picture has."""
    damaged = b"\0\0\1\1slice" + bytes(20) + b"\0\0\1\0"
    file = PACK + pes(VIDEO, b"a") + damaged + PACK + pes(VIDEO, b"b") + PACK
    assert payload(file, VIDEO) == b"ab"
