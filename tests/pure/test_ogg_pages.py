"""The payload of a stream in Ogg pages, between those of others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.video.containers.ogg import pages, payload, serials

streams = st.lists(
    st.tuples(st.sampled_from([0, 7, 0xFFFFFFFF]), st.binary(max_size=600)), min_size=1, max_size=6
)


def page(serial: int, data: bytes, flags: int = 0) -> bytes:
    """A page of at most 255 segments."""
    table = b"\xff" * (len(data) // 255) + bytes([len(data) % 255])
    head = b"OggS\0" + bytes([flags]) + bytes(8) + serial.to_bytes(4, "little") + bytes(8)
    return head + bytes([len(table)]) + table + data


@given(streams, st.data())
def test_a_stream_is_what_its_pages_carry_however_the_file_is_read(
    made: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    """Other streams are left out; a page that is cut is read with what follows."""
    file = b"".join(page(serial, body) for serial, body in made)
    cut = data.draw(st.integers(0, len(file)), label="cut")
    for serial in {serial for serial, _ in made}:
        whole = b"".join(body for own, body in made if own == serial)
        assert payload(file, serial) == whole
        _, end = pages(file[:cut], serial)
        assert end <= cut
        assert payload(file[:end], serial) + payload(file[end:], serial) == whole


@given(streams, st.binary(max_size=40))
def test_reading_goes_on_behind_damage(made: list[tuple[int, bytes]], damage: bytes) -> None:
    """At the next page."""
    file = b"".join(page(7, body) + damage.replace(b"O", b"o") for _, body in made)
    assert payload(file, 7) == b"".join(body for _, body in made)


def test_streams_are_numbered_as_they_begin() -> None:
    """Pages that go on come behind all that begin a stream."""
    first = page(5, b"\x80theora", 2) + page(0, b"\1vorbis", 2)
    assert serials(first + page(5, b"more") + page(9, b"late", 2)) == [5, 0]
    assert serials(b"OggS") == serials(b"") == []
