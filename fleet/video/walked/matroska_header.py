"""Read what lies in a Matroska file before and behind its clusters (RFC 9559)."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.video.containers.reader import BlockFile
from fleet.video.walked import ebml
from fleet.video.walked.stretch import UnusualError

CLUSTER = 0x1F43B675
VOID, CRC_32 = 0xEC, 0xBF
_HEADER, _SEGMENT, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1654AE6B
_CUES, _TAGS, _SEEK_HEAD = 0x1C53BB6B, 0x1254C367, 0x114D9B74
_INFORMATION, _CHAPTERS, _ATTACHMENTS = 0x1549A966, 0x1043A770, 0x1941A469
BESIDE_CLUSTERS = {*(_SEEK_HEAD, _CUES, _TAGS, _INFORMATION, _CHAPTERS, _ATTACHMENTS, _TRACKS)}
"""Elements that lie in a segment as clusters do, and never in a cluster."""
_BEFORE = BESIDE_CLUSTERS - {_TRACKS} | {VOID, CRC_32}
_TRACK, _TRACK_NUMBER, _TRACK_TYPE, _CODEC = 0xAE, 0xD7, 0x83, 0x86
_VIDEO_OR_AUDIO = {1, 2}
_ENCODED = {0x6D80, 0x23314F}
"""What says that a track's packets are encoded once more, or that its times are scaled."""
_PLAIN_CODECS = (
    *(b"V_MPEG4/ISO/AVC", b"V_MPEGH/ISO/HEVC"),
    *(b"A_AAC", b"A_AC3", b"A_EAC3", b"A_FLAC", b"A_MPEG", b"A_OPUS", b"A_PCM", b"A_VORBIS"),
)
# What lies behind the clusters, and is known well enough to be passed over: by identifier, the
# elements in it. None: a number; an empty tuple: any bytes.
_PLAIN: dict[int, tuple[int, ...] | None] = {
    _CUES: (0xBB, VOID, CRC_32),
    0xBB: (0xB3, 0xB7),
    0xB7: (0xF7, 0xF1, 0xF0, 0xB2, 0x5378),
    _TAGS: (0x7373, VOID, CRC_32),
    0x7373: (0x63C0, 0x67C8),
    0x63C0: (0x68CA, 0x63CA, 0x63C5),
    0x67C8: (0x45A3, 0x447A, 0x4484, 0x4487),
    **dict.fromkeys((0xB3, 0xF7, 0xF1, 0xF0, 0xB2, 0x5378, 0x68CA, 0x63C5, 0x4484)),
    **dict.fromkeys((0x63CA, 0x45A3, 0x447A, 0x4487, VOID, CRC_32), ()),
}
# Cues of a day take less. What is in it is looked at one by one, and no file may ask for much.
_LARGEST_BYTES = 2 << 20
_LARGEST_END_BYTES = 16 << 20
_MOST_ELEMENTS = 256
_CLUSTER_MARK = CLUSTER.to_bytes(4, "big")


@dataclass(frozen=True)
class Header:
    """What a file says before its first cluster."""

    clusters: int
    """Where the first one begins."""
    tracks: frozenset[int]
    """The numbers of all tracks, all of them plain."""


def read_header(file: BlockFile) -> Header:
    """Return what a file says before its first cluster.

    Raises UnusualError where the file is not one segment from end to end; it may end before.
    """
    size = file.size
    kind, header_bytes, at = ebml.element(file.peek(0, ebml.HEADER_BYTES), 0)
    if kind != _HEADER or header_bytes == ebml.UNKNOWN:
        raise UnusualError("it does not begin with a header")
    at += header_bytes
    kind, segment_bytes, begin = ebml.element(file.peek(at, ebml.HEADER_BYTES), 0)
    is_all = segment_bytes == ebml.UNKNOWN or segment_bytes >= size - at - begin
    if kind != _SEGMENT or not is_all:
        raise UnusualError("no segment is all that is behind its header")
    at += begin
    tracks: frozenset[int] = frozenset()
    for _ in range(_MOST_ELEMENTS):
        kind, inside_bytes, begin = ebml.element(file.peek(at, ebml.HEADER_BYTES), 0)
        if kind == CLUSTER:
            return Header(at, tracks)
        if kind == _TRACKS and not tracks:
            tracks = _tracks(_content(file, at + begin, inside_bytes))
        elif kind not in _BEFORE or inside_bytes == ebml.UNKNOWN:
            raise UnusualError(f"there is an element {kind:#x} before its clusters")
        at += begin + inside_bytes
    raise UnusualError("there is no cluster in it")


def check_end(file: BlockFile, latest: int) -> None:
    """Raise UnusualError where libav may go on in a file that ends in the middle of an element.

    It looks for elements such as clusters from behind the beginning of the last one that was all
    right. `latest`: where that begins, or one before it.
    """
    if file.size - latest > _LARGEST_END_BYTES:
        raise UnusualError("the last element that is whole lies far before its end")
    rest = file.peek(latest + 1, file.size - latest - 1)
    if any(kind.to_bytes(4, "big") in rest for kind in (CLUSTER, *BESIDE_CLUSTERS)):
        raise UnusualError("something like a cluster lies in its last element")


def check_rest(file: BlockFile, at: int, latest: int) -> None:
    """Raise UnusualError where what lies behind the last cluster is not whole and well known.

    libav, which meets damage there, looks for other clusters in it. `latest`: see `check_end`, as
    the file may end in the middle of an element.
    """
    for _ in range(_MOST_ELEMENTS):
        if at == file.size:
            return
        header = file.peek(at, ebml.HEADER_BYTES)
        try:
            kind, inside_bytes, begin = ebml.element(header, 0)
        except UnusualError:
            if len(header) == ebml.HEADER_BYTES:
                raise
            check_end(file, latest)
            return
        if kind not in {_CUES, _TAGS, VOID, CRC_32}:
            raise UnusualError(f"there is an element {kind:#x} behind its clusters")
        if at + begin + inside_bytes > file.size:
            check_end(file, at)
            return
        content = _content(file, at + begin, inside_bytes)
        if _CLUSTER_MARK in content:
            raise UnusualError("something like a cluster lies behind its clusters")
        _check(kind, content)
        latest, at = at, at + begin + inside_bytes
    raise UnusualError("there are many elements behind its clusters")


def _content(file: BlockFile, at: int, size: int) -> bytes:
    if not 0 <= size <= _LARGEST_BYTES:
        raise UnusualError("an element beside its clusters is of no usual size")
    content = file.peek(at, size)
    if len(content) < size:
        raise UnusualError("it ends in the middle of an element")
    return content


def _check(kind: int, content: bytes) -> None:
    inside = _PLAIN[kind]
    if inside is None:
        ebml.unsigned(content)
    elif inside:
        for child, child_content in ebml.children(content):
            if child not in inside:
                raise UnusualError(
                    f"an element {child:#x} lies in one that is not known to hold it"
                )
            _check(child, child_content)


def _tracks(content: bytes) -> frozenset[int]:
    """Return the numbers of all tracks.

    Raises UnusualError where libav may make more of a block than one packet that lies in it as it
    is, or may find damage in it: a damaged block of any track has it look for the next cluster.
    """
    found: set[int] = set()
    for kind, entry in ebml.children(content):
        if kind in {VOID, CRC_32}:
            continue
        parts = list(ebml.children(entry)) if kind == _TRACK else []
        numbers = [ebml.unsigned(part) for kind, part in parts if kind == _TRACK_NUMBER]
        types = [ebml.unsigned(part) for kind, part in parts if kind == _TRACK_TYPE]
        codecs = [part for kind, part in parts if kind == _CODEC]
        if len(numbers) != 1 or numbers[0] in found or len(codecs) != 1:
            raise UnusualError("its tracks are not told apart by their numbers")
        if len(types) != 1 or types[0] not in _VIDEO_OR_AUDIO:
            raise UnusualError("a track is neither video nor audio")
        if not codecs[0].startswith(_PLAIN_CODECS) or _ENCODED & {kind for kind, _ in parts}:
            raise UnusualError("the packets of a track do not lie in it as they are")
        found.add(numbers[0])
    return frozenset(found)
