"""What a JPEG file says of itself, read without decoding it (ITU-T T.81)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fleet.core.geometry import Size

_SOF0, _DHT, _EOI, _SOS, _DQT, _APP1, _APP14 = (*(0xC0, 0xC4, 0xD9, 0xDA, 0xDB, 0xE1, 0xEE),)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_RESTARTS = frozenset(range(0xD0, 0xD8))
_ORIENTATION = 0x0112
_CHROMA = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0"}
_ONE_SCAN = frozenset({0, 1})
MAGIC = b"\xff\xd8\xff"
"""What a JPEG file begins with."""
JPEG_2000 = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")


class NotJpegError(ValueError):
    """The bytes are no JPEG, or end before its header does."""


@dataclass(frozen=True)
class JpegHeader:
    """The facts of a file that decide whether a decoder takes it."""

    size: Size
    """As stored, before any orientation."""
    process: int
    """The number of its SOF: 0 baseline, 1 extended, 2 progressive, 9 and above arithmetic."""
    bits: int
    """Bits a sample."""
    components: int
    """How many components a pixel has: 1 for gray, 3 for colour, 4 for print."""
    chroma: str
    """4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:0:0 for gray, or "other"."""
    huffman_tables: int
    """The most tables of one class: for DC, or for AC."""
    quantiser_tables: int
    """How many quantisation tables there are."""
    scans: int
    """How many scans there are."""
    orientation: int
    """That of EXIF, 1 to 8; 1 where there is none."""
    is_whole: bool
    """Whether it ends with EOI."""
    is_rgb: bool
    """Whether Adobe's marker says that the components are R, G and B."""


def read_header(data: bytes) -> JpegHeader:
    """Return the facts of a file; raises NotJpegError where it has no whole header."""
    seen = _Seen()
    for marker, body in _segments(data):
        seen.add(marker, body)
    return _header(seen)


def read_start(data: bytes) -> JpegHeader | None:
    """Return the facts of a file by its first bytes; None where they do not tell them all.

    They do up to the first scan, where that is a baseline one of all components: nothing follows
    it. What is returned says that the file is whole, which has not been looked at. Raises
    NotJpegError where it is no JPEG.
    """
    seen = _Seen()
    for marker, body in _segments(data):
        seen.add(marker, body)
        if marker == _SOS:
            header = _header(seen)
            is_all = header.process in _ONE_SCAN and body[:1] == bytes((header.components,))
            return replace(header, is_whole=True) if is_all else None
    return None


def _header(seen: _Seen) -> JpegHeader:
    if seen.frame is None or not seen.scans:
        raise NotJpegError("it ends before its first scan")
    process, body = seen.frame
    bits, size, chroma, components = _frame(body)
    classes = [sum(1 for table in seen.huffman if table >> 4 == kind) for kind in (0, 1)]
    return JpegHeader(
        size=size,
        process=process,
        bits=bits,
        components=components,
        chroma=chroma,
        huffman_tables=max(classes),
        quantiser_tables=len(seen.quantisers),
        scans=seen.scans,
        orientation=seen.orientation,
        is_whole=seen.is_whole,
        is_rgb=components == 3 and seen.transform == 0,
    )


class _Seen:
    """What the segments so far have said; `add` alone changes it."""

    def __init__(self) -> None:
        self.frame: tuple[int, bytes] | None = None
        self.huffman: set[int] = set()
        self.quantisers: set[int] = set()
        self.scans = 0
        self.orientation = 1
        self.transform = 1
        self.is_whole = False

    def add(self, marker: int, body: bytes) -> None:
        """Take in one segment."""
        self.scans += marker == _SOS
        self.is_whole |= marker == _EOI
        if marker in _FRAMES and self.frame is None:
            self.frame = (marker - _SOF0, body)
        elif marker == _DHT:
            self.huffman |= set(_huffman_ids(body))
        elif marker == _DQT:
            self.quantisers |= set(_quantiser_ids(body))
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            self.orientation = _orientation(body[6:])
        elif marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            self.transform = body[11]


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and body of each segment, to the end of the picture or of the data."""
    if not data.startswith(MAGIC[:2]):
        raise NotJpegError("it does not begin with SOI")
    at = 2
    while (at := _next_marker(data, at)) >= 0:
        marker = data[at + 1]
        if marker == _EOI:
            yield marker, b""
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            return
        yield marker, body
        at += 2 + length


def _next_marker(data: bytes, at: int) -> int:
    """Return where the next marker begins, past coded data and its restarts; or -1."""
    while (at := data.find(b"\xff", at)) >= 0:
        if at + 1 >= len(data):
            return -1
        code = data[at + 1]
        if code == 0xFF:
            at += 1
        elif code in {0x00, 0x01} or code in _RESTARTS:
            at += 2
        else:
            return at
    return -1


def _huffman_ids(body: bytes) -> Iterator[int]:
    at = 0
    while at + 17 <= len(body):
        yield body[at]
        at += 17 + sum(body[at + 1 : at + 17])


def _quantiser_ids(body: bytes) -> Iterator[int]:
    at = 0
    while at < len(body):
        yield body[at] & 15
        at += 1 + 64 * (2 if body[at] >> 4 else 1)


def _frame(body: bytes) -> tuple[int, Size, str, int]:
    """Return bits, size, chroma and the number of components of a frame header."""
    count = body[5] if len(body) > 5 else 0
    if len(body) < 6 + 3 * count or not count:
        raise NotJpegError("its frame header is cut off")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if not (width and height):
        raise NotJpegError(f"its frame header says {width}x{height}")
    factors = [(body[7 + 3 * i] >> 4, body[7 + 3 * i] & 15) for i in range(count)]
    return body[0], Size(width, height), _chroma(factors), count


def _chroma(factors: list[tuple[int, int]]) -> str:
    if len(factors) == 1:
        return "4:0:0"
    if len(factors) != 3 or factors[1] != factors[2] or 0 in factors[1]:
        return "other"
    (across, down), (of_across, of_down) = factors[:2]
    if across % of_across or down % of_down:
        return "other"
    return _CHROMA.get((across // of_across, down // of_down), "other")


def _orientation(tiff: bytes) -> int:
    """Return the orientation of EXIF's first directory; 1 where there is none, or no valid one."""
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None:
        return 1

    def number(at: int, count: int) -> int:
        return int.from_bytes(tiff[at : at + count], order)  # type: ignore[arg-type]

    first = number(4, 4)
    for entry in range(number(first, 2)):
        at = first + 2 + 12 * entry
        if at + 12 > len(tiff):
            return 1
        if number(at, 2) == _ORIENTATION:
            value = number(at + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1
