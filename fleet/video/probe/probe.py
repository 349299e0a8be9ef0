"""Index a video: recognise the kind of file, and find its packets by header or by scan."""

from __future__ import annotations

from codecs import getincrementaldecoder
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END
from typing import Literal

from av.video.stream import VideoStream

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, FleetError, NotAVideoError, VideoError
from fleet.video.containers import isobmff, mpegps, mpegts, ogg
from fleet.video.containers.limits import REMUX, WHOLE_BYTES, HeaderBudget, is_held
from fleet.video.containers.packet_rows import PacketRows
from fleet.video.containers.reader import CountedReader, HeldReader, RangeReader, Ranges
from fleet.video.h26x.annexb import begins_with_start_code, find_offsets
from fleet.video.index import PacketTable, VideoIndex
from fleet.video.probe.check import check_index
from fleet.video.probe.header import (
    KnownHeader,
    has_usual_sets,
    index_avi,
    index_isobmff,
    isobmff_table,
)
from fleet.video.probe.mended import lists_the_same
from fleet.video.probe.scan import scan
from fleet.video.probe.still import JPEG, index_jpeg
from fleet.video.probe.stream_info import ProbeResult
from fleet.video.stills import jpeg_header

_UNEXPECTED = (
    *(ValueError, ArithmeticError, LookupError, TypeError),
    *(AssertionError, RuntimeError, MemoryError),
)
_TAKES = (
    "Fleet reads MP4, QuickTime, AVI, Matroska, FLV, Ogg, MPEG-TS, MPEG-PS, raw H.264 or H.265, "
    "and JPEG."
)
_SCANNED = {
    b"\x1a\x45\xdf\xa3": "matroska",
    b"FLV\1": "flv",
    ogg.MAGIC: "ogg",
    mpegps.MAGIC: "mpeg",
}
"""What files begin with that have no index of all packets, and the demuxer that scans them."""
# Recognised only to say what to do with such a file.
_OTHER_CONTAINERS = {
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media (.wmv, .asf)",
    b"DHAV": "a file of a Dahua recorder (.dav), whose own program exports MP4 too",
    b"DAHUA": "a file of a Dahua recorder (.dav), whose own program exports MP4 too",
    b"IMKH": "a file of a Hikvision recorder, mostly an MPEG program stream behind 40 bytes",
}
# Files that name videos and are none; they are read no further.
_LISTS = {
    b"#EXTM3U": "a playlist",
    b"[playlist]": "a playlist",
    b"ffconcat": "a list of files",
    b"v=0": "a session description (SDP)",
    b"<": "a document in XML, such as a manifest",
}
_BOM = b"\xef\xbb\xbf"


def probe(source: Source, reader: RangeReader, whole_bytes: int = WHOLE_BYTES) -> VideoIndex:
    """Index a video without decoding it.

    MP4, QuickTime and AVI cost two or three reads of their header, unless the pictures at two keys
    show that its key flags are wrong; such files, Matroska, FLV, Ogg, MPEG-TS, MPEG-PS and raw
    streams are read once from end to end. `whole_bytes`: files up to so many bytes are read whole
    in any case, as a container's flags may be wrong at any picture. Raises NotAVideoError,
    BrokenVideoError; StorageError where the store fails. The index that is returned has passed
    `check_index`.
    """
    try:
        index = _index(source, reader, whole_bytes)
        check_index(index)
    except FleetError:
        raise
    except _UNEXPECTED as error:
        # Files made to break a reader reach places that no check foresaw.
        reason = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        message = f"it contradicts itself so that it cannot be read ({reason})."
        raise BrokenVideoError(source.uri, message, REMUX) from error
    return index


def _index(source: Source, reader: RangeReader, whole_bytes: int) -> VideoIndex:
    counted = CountedReader(reader)
    is_small = counted.size <= whole_bytes
    file: RangeReader = HeldReader(counted) if is_small and is_held(source) else counted
    ranges = Ranges(HeaderBudget(source.uri, file))
    head = ranges.get(0, isobmff.HEAD_BYTES)
    if not head:
        raise NotAVideoError(source.uri, "the file is empty.", "Record it or copy it again.")
    if head.startswith(jpeg_header.MAGIC):
        still, of_still = index_jpeg(source, head, file)
        return VideoIndex(source, JPEG, still.stream, still.packets, of_still, counted.bytes)
    scanning = _Scanning(source, head, file)
    found = scanning.in_one_pass() if is_small else None
    if found is None:
        found = _looked_at(source, ranges, head, scanning, is_small=is_small)
    return VideoIndex(
        source=source,
        container=found.container,
        stream=found.result.stream,
        packets=found.result.packets,
        origin=found.origin,
        bytes_read=counted.bytes,
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """What a file holds, and by what that is known."""

    container: str
    result: ProbeResult
    origin: Literal["header", "scan"]


def _looked_at(
    source: Source, ranges: Ranges, head: bytes, scanning: _Scanning, *, is_small: bool
) -> _Found:
    """Return what a file holds by its header, or by a pass over it where that tells more."""
    container, listed = _from_header(source, head, ranges)
    if listed is None:
        return scanning.found(container)
    # Of a file that was cut off, the header lists what should be there, and is found missing.
    with suppress(VideoError):
        scanned = scanning.found(container) if is_small else None
        if scanned is not None and _is_better(scanned.result.packets, listed.packets):
            return scanned
    return _Found(container, listed, "header")


class _Scanning:
    """A pass over a file, made once however often what it found is asked for."""

    def __init__(self, source: Source, head: bytes, reader: RangeReader) -> None:
        self._source, self._head, self._reader = source, head, reader
        self._known: _Found | VideoError | None = None

    def found(self, container: str, header: KnownHeader | None = None) -> _Found:
        """Return what is found; `container`: what the file is known to be, empty for unknown."""
        if self._known is None:
            try:
                known = _from_scan(self._source, self._head, container, self._reader, header)
                self._known = _Found(*known, "scan")
            except VideoError as error:
                self._known = error
        if isinstance(self._known, VideoError):
            raise self._known
        return self._known

    def in_one_pass(self) -> _Found | None:
        """Return what the pass finds of an MP4 or QuickTime file whose header is sure to agree.

        The header is not opened for it: the pass meets all that it lists. None where something is
        unusual or wrong: then the header is looked at by itself, before the pass counts.
        """
        uri, listed = self._source.uri, list[PacketTable | None]()
        if not isobmff.looks_like(self._head):
            return None
        ranges = Ranges(HeaderBudget(uri, self._reader))

        def look(stream: VideoStream, rows: PacketRows, scanned: PacketTable) -> None:
            if has_usual_sets(uri, stream):
                agrees = _has_keys(scanned, rows)
                listed.append(None if agrees else isobmff_table(uri, ranges, stream, rows))

        with suppress(VideoError, *_UNEXPECTED):
            file = isobmff.sparse(uri, ranges)
            if file.seek(0, SEEK_END) != self._reader.size:
                return None
            found = self.found("mp4", KnownHeader(look, file.turns))
            for table in listed:
                if table is None or _is_better(found.result.packets, table):
                    return found
        return None


def _has_keys(scanned: PacketTable, rows: PacketRows) -> bool:
    """Return whether a scan has found all packets whole, and a key in each that is said to be one.

    Then `_is_better` is certain, whatever the header's table would say beside its keys.
    """
    return not ((scanned.size != scanned.span) | (rows.key & ~scanned.key)).any()


def _is_better(scanned: PacketTable, listed: PacketTable) -> bool:
    """Return whether a scan tells more of the packets that a header lists.

    Where it makes out no picture at what is said to be a key, that is damaged, and its frames are
    to keep their numbers.
    """
    if not lists_the_same(scanned, listed):
        return False
    return not (listed.key & listed.shown & ~(scanned.key | scanned.shown)).any()


def _from_header(source: Source, head: bytes, ranges: Ranges) -> tuple[str, ProbeResult | None]:
    if isobmff.looks_like(head):
        return "mp4", index_isobmff(source, ranges)
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi", index_avi(source, ranges)
    return "", None


def _from_scan(
    source: Source, head: bytes, container: str, reader: RangeReader, header: KnownHeader | None
) -> tuple[str, ProbeResult]:
    if container:
        demuxer = "mov" if container == "mp4" else container
        return container, scan(source, reader, demuxer, header=header)
    for magic, demuxer in _SCANNED.items():
        if head.startswith(magic):
            return demuxer, scan(source, reader, demuxer)
    if layout := mpegts.find_layout(head):
        return "mpegts", scan(source, reader, "mpegts", layout)
    if codec := _raw_codec(head):
        return codec, scan(source, reader, codec)
    raise _not_a_video(source.uri, head)


def _raw_codec(head: bytes) -> str | None:
    """Return the codec of a raw stream with parameter sets in its first bytes, or None."""
    if not begins_with_start_code(head):
        return None
    headers = [head[offset : offset + 2] for offset in find_offsets(head)]
    if {header[0] >> 1 for header in headers if header[1:] == b"\1"} & {32, 33}:
        return "hevc"
    return "h264" if {header[0] & 0x9F for header in headers} & {7} else None


def _not_a_video(uri: str, head: bytes) -> NotAVideoError:
    for magic, kind in _OTHER_CONTAINERS.items():
        if head.startswith(magic):
            return NotAVideoError(uri, f"it is {kind}.", f"{_TAKES} {REMUX}")
    for magic, kind in _LISTS.items():
        if head.removeprefix(_BOM).startswith(magic):
            return NotAVideoError(uri, f"it is {kind}.", f"{_TAKES} Name the videos themselves.")
    if begins_with_start_code(head):
        message = "it has start codes, but no parameter sets of H.264 or H.265 in its first 64 KiB."
        return NotAVideoError(uri, message, f"{_TAKES} Cut raw streams at a key frame.")
    kind = "a text file, whatever its name says" if _is_text(head) else "no video that Fleet knows"
    return NotAVideoError(uri, f"it is {kind}.", f"{_TAKES} Leave it out of the inputs.")


def _is_text(head: bytes) -> bool:
    """Return whether a file begins with text in UTF-8; its last character may be cut in two."""
    try:
        text = getincrementaldecoder("utf-8")().decode(head[:512])
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n\ufeff" for character in text)
