"""The index of a video: what kind of file it is, and which way its packets are found."""

from __future__ import annotations

from fleet.errors import BrokenVideo, NotAVideo
from fleet.video import isobmff, mpegts
from fleet.video.access_unit import nal_offsets
from fleet.video.header import index_avi, index_isobmff
from fleet.video.index import Source, VideoIndex
from fleet.video.libav import REMUX
from fleet.video.reader import CountedReader, RangeReader, Ranges
from fleet.video.scan import scan
from fleet.video.stream_info import Found

_TAKES = "Fleet reads MP4, QuickTime, AVI, Matroska, MPEG-TS and raw H.264 or H.265."
_START_CODES = (b"\0\0\1", b"\0\0\0\1")
_EBML = b"\x1a\x45\xdf\xa3"
# What is recognised only to say what to do with it.
_OTHER_CONTAINERS = {
    b"FLV\1": "Flash video",
    b"\0\0\1\xba": "an MPEG program stream (.mpg, .vob)",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media (.wmv, .asf)",
    b"OggS": "Ogg",
}
_LISTS = {b"#EXTM3U": "a playlist", b"ffconcat": "a list of files"}


def probe(source: Source, reader: RangeReader) -> VideoIndex:
    """Index a video without decoding it.

    MP4, QuickTime and AVI cost two or three reads of their header, unless a look at two keys shows
    that its key flags cannot be trusted; those, Matroska, MPEG-TS and raw H.264 and H.265 are read
    once from end to end. Raises NotAVideo, BrokenVideo; StorageError where the store fails.
    """
    counted = CountedReader(reader)
    ranges = Ranges(counted)
    front = ranges.get(0, isobmff.FRONT_BYTES)
    if not front:
        raise NotAVideo(source.uri, "the file is empty.", "Record it or copy it again.")
    container, found = _from_header(source.uri, front, ranges)
    from_header = found is not None
    if found is None:
        container, found = _from_scan(source.uri, front, container, counted)
    index = VideoIndex(
        source=source,
        container=container,
        stream=found.stream,
        packets=found.packets,
        origin="header" if from_header else "scan",
        bytes_read=counted.bytes,
    )
    if not len(index.order):
        message = "no picture of it is ever shown."
        raise BrokenVideo(source.uri, message, REMUX)
    return index


def _from_header(uri: str, front: bytes, ranges: Ranges) -> tuple[str, Found | None]:
    if isobmff.looks_like(front):
        return "mp4", index_isobmff(uri, ranges)
    if front.startswith(b"RIFF") and front[8:12] == b"AVI ":
        return "avi", index_avi(uri, ranges)
    return "", None


def _from_scan(uri: str, front: bytes, container: str, reader: RangeReader) -> tuple[str, Found]:
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
    if not front.startswith(_START_CODES):
        return None
    headers = [front[offset : offset + 2] for offset in nal_offsets(front)]
    if {header[0] >> 1 for header in headers if header[1:] == b"\1"} & {32, 33}:
        return "hevc"
    return "h264" if {header[0] & 0x9F for header in headers} & {7} else None


def _not_a_video(uri: str, front: bytes) -> NotAVideo:
    for magic, kind in _OTHER_CONTAINERS.items():
        if front.startswith(magic):
            return NotAVideo(uri, f"it is {kind}.", f"{_TAKES} {REMUX}")
    for magic, kind in _LISTS.items():
        if front.startswith(magic):
            return NotAVideo(uri, f"it is {kind}.", f"{_TAKES} Name the videos themselves.")
    if front.startswith(_START_CODES):
        message = "it has start codes, but no parameter sets of H.264 or H.265 in its first 64 KiB."
        return NotAVideo(uri, message, f"{_TAKES} Cut raw streams at a key frame.")
    text = not front[:512].translate(None, bytes(range(32, 127)) + b"\t\r\n")
    kind = "a text file, whatever its name says" if text else "no video that Fleet knows"
    return NotAVideo(uri, f"it is {kind}.", f"{_TAKES} Leave it out of the inputs.")
