"""Motion JPEG: which tables a picture brings along (ITU-T T.81, B.2).

A decoder takes tables that a picture lacks from the pictures before it; where that is not damage,
nothing but a decode from the start is right. Cameras leave out the Huffman tables of K.3 in all
pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

_HUFFMAN, _QUANTIZATION, _SCAN, _END = 0xC4, 0xDB, 0xDA, 0xD9
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {_HUFFMAN, 0xC8, 0xCC})
_LOSSLESS = frozenset({0xC3, 0xF7})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def huffman_tables(data: bytes) -> bytes:
    """Return the segments of Huffman tables of a picture; empty where it has none."""
    return b"".join(b"\xff\xc4" + body for kind, body in _segments(data) if kind == _HUFFMAN)


def damage(data: bytes, usual_tables: bytes) -> str:
    """Return what is wrong with a picture's headers; empty where nothing is.

    `usual_tables`: the Huffman tables of another picture of the stream, see `huffman_tables`.
    """
    segments = list(_segments(data))
    kinds = {kind for kind, _ in segments}
    if kinds & _LOSSLESS:
        return ""
    if not kinds & _FRAMES or _SCAN not in kinds:
        return "holds no picture"
    try:
        return _lacking(segments, needs_huffman=bool(usual_tables) or _HUFFMAN in kinds)
    except IndexError:
        return "has a header that is cut short"


def _lacking(segments: list[tuple[int, bytes]], *, needs_huffman: bool) -> str:
    quantization: set[int] = set()
    huffman: set[int] = set()
    sequential = False
    for kind, body in segments:
        if kind == _QUANTIZATION:
            quantization |= _quantization_tables(body)
        elif kind == _HUFFMAN:
            huffman |= _huffman_tables(body)
        elif kind in _FRAMES:
            sequential = kind in _SEQUENTIAL
            if not {body[10 + 3 * number] for number in range(body[7])} <= quantization:
                return "lacks its quantization tables"
        elif kind == _SCAN and sequential and needs_huffman:
            pairs = [body[4 + 2 * number] for number in range(body[2])]
            wanted = {pair >> 4 for pair in pairs} | {0x10 | pair & 15 for pair in pairs}
            if not wanted <= huffman:
                return "lacks its Huffman tables"
    return ""


def _quantization_tables(body: bytes) -> set[int]:
    found, at = set(), 2
    while at < len(body):
        found.add(body[at] & 15)
        at += 129 if body[at] >> 4 else 65
    return found


def _huffman_tables(body: bytes) -> set[int]:
    """Return which tables a segment defines: 16 for AC, plus the number."""
    found, at = set(), 2
    while at < len(body):
        found.add(body[at])
        at += 17 + sum(body[at + 1 : at + 17])
    return found


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and body, length first, of segments up to the first scan, or to what is none."""
    at = data.find(b"\xff\xd8")
    while at >= 0:
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) - 1 and data[at + 1] in {0x00, 0xFF}:
            at = data.find(b"\xff", at + 1)
        if not 0 <= at < len(data) - 1:
            return
        kind = data[at + 1]
        size = 0 if kind in _ALONE else int.from_bytes(data[at + 2 : at + 4], "big")
        yield kind, data[at + 2 : at + 2 + size]
        if kind in {_SCAN, _END}:
            return
        at += 2 + size
