"""The messages of supplemental enhancement information (SEI), alike in H.264 and H.265."""

from __future__ import annotations

from collections.abc import Iterator

_MOST = 64
"""Messages of one SEI that are looked at; encoders write a few."""


def messages(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the messages of an SEI, its NAL header left out: the number of a kind, and its bytes.

    A message that is cut short has fewer bytes.
    """
    offset = 0
    for _ in range(_MOST):
        if offset + 2 >= len(payload):
            return
        kind, offset = _number(payload, offset)
        size, offset = _number(payload, offset)
        yield kind, payload[offset : offset + size]
        offset += size


def _number(payload: bytes, offset: int) -> tuple[int, int]:
    value = 0
    while offset < len(payload) and payload[offset] == 0xFF:
        value, offset = value + 255, offset + 1
    return value + (payload[offset] if offset < len(payload) else 0), offset + 1
