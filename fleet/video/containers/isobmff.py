"""MP4 and QuickTime files, read without their payload (ISO/IEC 14496-12 4.2 and 8)."""

from __future__ import annotations

from fleet.errors import BrokenVideoError
from fleet.video.containers.isobmff_boxes import Box, IndexCheck, box_at
from fleet.video.containers.reader import Ranges, SparseFile

# Boxes of the top level whose contents the demuxer needs; the others are skipped.
_NEEDED = {b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"mfra", b"pssh"}
_KNOWN = _NEEDED | {b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"meta", b"emsg", b"prft"}

HEAD_BYTES = 64 << 10
_LARGEST_INDEX_BYTES = 256 << 20
_TAIL_BYTES = 1 << 20
_LONGEST_BOX_HEADER = 16


class Header(SparseFile):
    """All but the payload of a file, which reads as zeros."""

    def __init__(self, ranges: Ranges, size: int, *, turns: bool) -> None:
        super().__init__(ranges, size)
        self.turns = turns
        """Whether pictures may be shown otherwise than they are stored; False: none is."""


def looks_like(head: bytes) -> bool:
    """Return whether a file that begins like this is MP4 or QuickTime."""
    return (
        head[4:8] in _KNOWN and (box := box_at(head[:16], 0, 1 << 62)) is not None and box.end > 8
    )


def sparse(uri: str, ranges: Ranges) -> Header:
    """Read all but the payload of an ISO-BMFF file, fragmented or not; the payload reads as zeros.

    So does what was cut off at the end of the payload: its packets stay in the table, and a fetch
    finds them missing. Raises BrokenVideoError where the file has no index, or one that is damaged
    or larger than 256 MiB.
    """
    indexed = cut = has_items = False
    offset, fragment_bytes = 0, 0
    check = IndexCheck(uri, ranges.size)
    while offset < ranges.size and (box := _next_box(ranges, offset, fragment_bytes)):
        cut = box.end > ranges.size
        has_items |= box.kind == b"meta"
        if box.kind in _NEEDED:
            if cut:
                break
            body = _index_bytes(uri, ranges, box)
            check.add(body)
            indexed |= box.kind == b"moov"
            if box.kind == b"moof":
                fragment_bytes = box.end - box.start
        offset = box.end
    if not indexed:
        raise _no_index(uri, cut=cut)
    # Items of HEIF are turned by boxes of their own.
    return Header(ranges, offset, turns=check.turns or has_items)


def _next_box(ranges: Ranges, offset: int, fragment_bytes: int) -> Box | None:
    """Return the box at `offset`, reading ahead for what follows; None where there is no box."""
    ahead = max(4096, 2 * fragment_bytes) if fragment_bytes else HEAD_BYTES
    rest = ranges.size - offset
    header = ranges.get(offset, _LONGEST_BOX_HEADER, rest if rest <= _TAIL_BYTES else ahead)
    return box_at(header, offset, ranges.size)


def _index_bytes(uri: str, ranges: Ranges, box: Box) -> bytes:
    size = box.end - box.start
    if size > _LARGEST_INDEX_BYTES:
        raise BrokenVideoError(
            uri,
            f"its index ({box.kind.decode('latin-1')} box) claims {size / 2**20:,.0f} MiB, more "
            f"than the {_LARGEST_INDEX_BYTES >> 20} MiB that are read of one.",
            "If the file plays elsewhere, cut it into shorter ones: "
            "`ffmpeg -i in.mp4 -c copy -f segment -segment_time 3600 out%03d.mp4`.",
        )
    # The next box's header is read with it, which saves a request.
    return ranges.get(box.start, size + _LONGEST_BOX_HEADER)[:size]


def _no_index(uri: str, *, cut: bool) -> BrokenVideoError:
    if cut:
        return BrokenVideoError(
            uri,
            "the file ends before its index (the moov box): it was cut off while it was recorded "
            "or copied.",
            "Copy it again if the original is whole; else a tool that rebuilds the index from "
            "another recording of the same camera, such as untrunc, may save it.",
        )
    return BrokenVideoError(
        uri,
        "it looks like MP4 but has no index (moov box).",
        "A fragment of a stream needs its initialisation segment in front: "
        "`cat init.mp4 fragment.m4s > whole.mp4`.",
    )
