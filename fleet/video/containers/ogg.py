"""Extract the payload of one stream from Ogg pages (RFC 3533).

A page carries whole or partial packets of one stream; those of several streams follow one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"OggS"
"""What each page begins with."""
PAGES = 1
"""What stands for Ogg in `StreamInfo.transport_step`."""
_HEADER_BYTES = 27
_BEGINS_STREAM = 2


@dataclass(frozen=True)
class Page:
    """One page of the stream."""

    offset: int
    """Where it begins."""
    start: int
    """Where its payload begins."""
    end: int
    """Where it ends, and its payload."""


def payload(data: bytes, serial: int) -> bytes:
    """Return what the pages of a stream carry, one after another; whole pages only."""
    return b"".join(data[page.start : page.end] for page in pages(data, serial)[0])


def pages(data: bytes, serial: int) -> tuple[list[Page], int]:
    """Return the whole pages of a stream, and where the last page of any stream ends."""
    found, end = [], 0
    for page, own, _ in _pages(data):
        end = page.end
        if own == serial:
            found.append(page)
    return found, end


def serials(data: bytes) -> list[int]:
    """Return the serial numbers of the streams that begin in a file's first bytes, in order.

    All streams begin before the first page of any that goes on (RFC 3533 4).
    """
    found = []
    for _, serial, flags in _pages(data):
        if not flags & _BEGINS_STREAM:
            break
        found.append(serial)
    return found


def _pages(data: bytes) -> Iterator[tuple[Page, int, int]]:
    """Yield pages, their serial numbers and flags; damage is skipped up to the next page."""
    at = data.find(MAGIC)
    while at >= 0 and at + _HEADER_BYTES <= len(data):
        start = at + _HEADER_BYTES + data[at + 26]
        if start > len(data):
            return
        end = start + sum(data[at + _HEADER_BYTES : start])
        if end > len(data):
            return
        serial = int.from_bytes(data[at + 14 : at + 18], "little")
        yield Page(at, start, end), serial, data[at + 5]
        at = data.find(MAGIC, end)
