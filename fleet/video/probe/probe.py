"""The index of a video: what kind of file it is, and which way its packets are found."""

from __future__ import annotations

from codecs import getincrementaldecoder

import numpy as np

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, FleetError, NotAVideoError
from fleet.video.containers import isobmff, mpegts
from fleet.video.containers.libav import REMUX
from fleet.video.containers.limits import LARGEST_PACKET_BYTES, LARGEST_PTS, Budget
from fleet.video.containers.reader import CountedReader, RangeReader, Ranges
from fleet.video.h26x.annexb import begins_with_start_code, find_offsets
from fleet.video.index import VideoIndex
from fleet.video.probe.header import index_avi, index_isobmff
from fleet.video.probe.scan import scan
from fleet.video.probe.stream_info import ProbeResult

_SURPRISES = (
    *(ValueError, ArithmeticError, LookupError, TypeError),
    *(AssertionError, RuntimeError, MemoryError),
)
_TAKES = "Fleet reads MP4, QuickTime, AVI, Matroska, MPEG-TS and raw H.264 or H.265."
_EBML = b"\x1a\x45\xdf\xa3"
# What is recognised only to say what to do with it.
_OTHER_CONTAINERS = {
    b"FLV\1": "Flash video",
    b"\0\0\1\xba": "an MPEG program stream (.mpg, .vob)",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media (.wmv, .asf)",
    b"OggS": "Ogg",
}
# What names videos and is none; it is read no further.
_LISTS = {
    b"#EXTM3U": "a playlist",
    b"[playlist]": "a playlist",
    b"ffconcat": "a list of files",
    b"v=0": "a session description (SDP)",
    b"<": "a document in XML, such as a manifest",
}
_BOM = b"\xef\xbb\xbf"


def probe(source: Source, reader: RangeReader) -> VideoIndex:
    """Index a video without decoding it.

    MP4, QuickTime and AVI cost two or three reads of their header, unless a look at two keys shows
    that its key flags cannot be trusted; those, Matroska, MPEG-TS and raw H.264 and H.265 are read
    once from end to end. Raises NotAVideoError, BrokenVideoError; StorageError where the store
    fails. An index that is given can be relied on: spans of bytes and of time are what they claim
    to be.
    """
    try:
        index = _index(source, reader)
        check_index(index)
    except FleetError:
        raise
    except _SURPRISES as error:
        # Whoever makes files to break a reader finds a way that nobody thought of.
        reason = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        message = f"it contradicts itself so that it cannot be read ({reason})."
        raise BrokenVideoError(source.uri, message, REMUX) from error
    return index


def _index(source: Source, reader: RangeReader) -> VideoIndex:
    counted = CountedReader(reader)
    ranges = Ranges(Budget(source.uri, counted))
    front = ranges.get(0, isobmff.FRONT_BYTES)
    if not front:
        raise NotAVideoError(source.uri, "the file is empty.", "Record it or copy it again.")
    container, found = _from_header(source.uri, front, ranges)
    from_header = found is not None
    if found is None:
        container, found = _from_scan(source.uri, front, container, counted)
    return VideoIndex(
        source=source,
        container=container,
        stream=found.stream,
        packets=found.packets,
        origin="header" if from_header else "scan",
        bytes_read=counted.bytes,
    )


def check_index(index: VideoIndex) -> None:
    """Hold an index against what everything after it relies on; raises BrokenVideoError."""
    uri, table = index.source.uri, index.packets
    if not len(index.order):
        raise BrokenVideoError(uri, "no picture of it is ever shown.", REMUX)
    if table.position.min() < 0 or table.span.min() < 1 or table.size.min() < 1:
        raise BrokenVideoError(uri, "its index lists pictures that lie nowhere in a file.", REMUX)
    largest = int(table.span.max())
    if largest > LARGEST_PACKET_BYTES:
        message = f"its index lists a picture of {largest:,} bytes, which is no picture."
        raise BrokenVideoError(uri, message, REMUX)
    first, last = int(table.pts.min()), int(table.pts.max())
    if first < -LARGEST_PTS or last > LARGEST_PTS:
        raise BrokenVideoError(uri, f"its timestamps run from {first} to {last}.", REMUX)
    if (np.diff(index.bounds) < 1).any():
        raise BrokenVideoError(uri, "its timestamps put its GOPs in no order.", REMUX)


def _from_header(uri: str, front: bytes, ranges: Ranges) -> tuple[str, ProbeResult | None]:
    if isobmff.looks_like(front):
        return "mp4", index_isobmff(uri, ranges)
    if front.startswith(b"RIFF") and front[8:12] == b"AVI ":
        return "avi", index_avi(uri, ranges)
    return "", None


def _from_scan(
    uri: str, front: bytes, container: str, reader: RangeReader
) -> tuple[str, ProbeResult]:
    if container:
        return container, scan(uri, reader, "mov" if container == "mp4" else container)
    if front.startswith(_EBML):
        return "matroska", scan(uri, reader, "matroska")
    if grid := mpegts.find_grid(front):
        return "mpegts", scan(uri, reader, "mpegts", grid)
    if codec := _raw_codec(front):
        return codec, scan(uri, reader, codec)
    raise _not_a_video(uri, front)


def _raw_codec(front: bytes) -> str | None:
    """Whether a file with start codes has parameter sets of H.264 or H.265 near its beginning."""
    if not begins_with_start_code(front):
        return None
    headers = [front[offset : offset + 2] for offset in find_offsets(front)]
    if {header[0] >> 1 for header in headers if header[1:] == b"\1"} & {32, 33}:
        return "hevc"
    return "h264" if {header[0] & 0x9F for header in headers} & {7} else None


def _not_a_video(uri: str, front: bytes) -> NotAVideoError:
    for magic, kind in _OTHER_CONTAINERS.items():
        if front.startswith(magic):
            return NotAVideoError(uri, f"it is {kind}.", f"{_TAKES} {REMUX}")
    for magic, kind in _LISTS.items():
        if front.removeprefix(_BOM).startswith(magic):
            return NotAVideoError(uri, f"it is {kind}.", f"{_TAKES} Name the videos themselves.")
    if begins_with_start_code(front):
        message = "it has start codes, but no parameter sets of H.264 or H.265 in its first 64 KiB."
        return NotAVideoError(uri, message, f"{_TAKES} Cut raw streams at a key frame.")
    kind = "a text file, whatever its name says" if _is_text(front) else "no video that Fleet knows"
    return NotAVideoError(uri, f"it is {kind}.", f"{_TAKES} Leave it out of the inputs.")


def _is_text(front: bytes) -> bool:
    """Whether a file begins with text in UTF-8, of which a character may be cut in two."""
    try:
        text = getincrementaldecoder("utf-8")().decode(front[:512])
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n\ufeff" for character in text)
