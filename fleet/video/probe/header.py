"""Index an MP4, QuickTime or AVI file by its header alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet.core.access_unit import NalUnits
from fleet.core.source import Source
from fleet.errors import BrokenVideoError
from fleet.video.containers import avi, isobmff
from fleet.video.containers.libav import new_configuration, opened, packets, video_stream
from fleet.video.containers.limits import REMUX
from fleet.video.containers.packet_rows import PacketLocation, PacketRows
from fleet.video.containers.reader import Ranges, SparseFile
from fleet.video.containers.timestamps import continued
from fleet.video.h26x.access_unit import has_any_set
from fleet.video.h26x.annexb import from_sample
from fleet.video.h26x.coded_picture import CodedPicture, PictureReader
from fleet.video.h26x.parameter_sets import (
    CODECS,
    ParameterSets,
    from_unit,
    has_sequence,
    sequence,
)
from fleet.video.h26x.picture_log import displayable, picture_reader
from fleet.video.index import PacketTable
from fleet.video.probe.other_codec import from_header
from fleet.video.probe.stream_info import (
    ProbeResult,
    codec_name,
    continued_clock,
    describe,
    header_sets,
    reorders,
    ticks_a_picture,
)

# Enough to reach a picture's first slice: x264 puts 700 bytes of text before it.
_HEAD_BYTES = 4 << 10
# Encoders put some dozens before a key at most. Each costs a read, so a file that lists more of
# them is scanned instead, in one pass.
_MOST_LEADING = 256
# Pictures that are looked at for their order: encoders reorder from the second one on.
_FEW = 6


@dataclass(frozen=True)
class KnownHeader:
    """What is known of a file's header before the pass over the file."""

    look: Callable[[VideoStream, PacketRows, PacketTable], None]
    """Is shown a stream, its packets as the container lists them, where all lie just there, and
    what the pass has made of them."""
    turns: bool
    """Whether it may have pictures turned or cropped."""


def index_isobmff(source: Source, ranges: Ranges) -> ProbeResult | None:
    """Index MP4 or QuickTime; None where its key flags prove wrong and it must be scanned.

    Raises NotAVideoError, BrokenVideoError.
    """
    uri = source.uri
    file = isobmff.sparse(uri, ranges)
    # Without payload a parser would find no picture, and unset the key flags that the index has.
    with opened(uri, file, "mov", fflags="+noparse") as container:
        stream = video_stream(uri, container, source.stream)
        rows = PacketRows()
        for packet in packets(uri, container, stream):
            assert packet.pos is not None
            if len(rows) and new_configuration(packet) is not None:
                return None
            location = PacketLocation(packet.pos, packet.size, 0, packet.size)
            shown = not packet.is_discard
            rows.add(location, packet.pts, packet.dts, key=packet.is_keyframe, shown=shown)
        table, restarts = _in_time(stream, rows)
        found = _finished(uri, ranges, stream, table, turns=file.turns)
        if found is None or not restarts:
            return found
        return replace(found, stream=replace(found.stream, clock=continued_clock(restarts)))


def isobmff_table(
    uri: str, ranges: Ranges, stream: VideoStream, rows: PacketRows
) -> PacketTable | None:
    """Return the packets that `index_isobmff` lists of H.264 or H.265; None where it returns None.

    `rows`: the packets as the container lists them. The stream's header has its parameter sets.
    """
    table, _ = _in_time(stream, rows)
    codec, sets = codec_name(stream), header_sets(uri, stream)
    listed = _listed(_Heads(ranges, table, codec, sets.nal_length_bytes), uri, table, sets)
    return None if listed is None else listed.table


def index_avi(source: Source, ranges: Ranges) -> ProbeResult | None:
    """Index AVI; None where it must be scanned: no usable idx1, or pictures out of order.

    Raises NotAVideoError, BrokenVideoError.
    """
    uri = source.uri
    avi_index = avi.read_index(ranges)
    if avi_index is None:
        return None
    # libav sees the header only: its file ends where the payload begins.
    with opened(uri, SparseFile(ranges, avi_index.payload), "avi") as container:
        stream = video_stream(uri, container, source.stream)
        table = avi_index.table(stream.index, stream.start_time or 0)
        found = _finished(uri, ranges, stream, table)
        return None if found is None or reorders(found.stream) else found


def has_usual_sets(uri: str, stream: VideoStream) -> bool:
    """Return whether a stream is H.264 or H.265 whose parameter sets the header has."""
    codec, sets = codec_name(stream), header_sets(uri, stream)
    return codec in CODECS and bool(sets.nal_length_bytes) and has_sequence(codec, sets.nals)


def _in_time(stream: VideoStream, rows: PacketRows) -> tuple[PacketTable, int]:
    """Return rows as a table whose times go on, and how often they started again."""
    pts, restarts = continued(rows.pts, rows.dts, rows.key, rows.shown, ticks_a_picture(stream))
    return rows.table(pts, rows.key, rows.shown), restarts


def _finished(
    uri: str, ranges: Ranges, stream: VideoStream, table: PacketTable, *, turns: bool = True
) -> ProbeResult | None:
    if not len(table):
        raise BrokenVideoError(uri, "its index lists no picture.", "Record it or copy it again.")
    codec, sets = codec_name(stream), header_sets(uri, stream)
    if codec not in CODECS:
        return from_header(uri, ranges, stream, table)
    listed = _listed(_Heads(ranges, table, codec, sets.nal_length_bytes), uri, table, sets)
    if listed is None:
        return None
    repeats = bool(listed.sets.nals) and has_any_set(codec, listed.key)
    described = describe(uri, stream, listed.sets, listed.table, key=listed.key, turns=turns)
    return ProbeResult(replace(described, repeats_sets=repeats), listed.table)


@dataclass(frozen=True, eq=False)
class _Listed:
    """What a header lists of a stream of H.264 or H.265."""

    table: PacketTable
    sets: ParameterSets
    """Those of the header, or those that come with the first key where it has none."""
    key: NalUnits
    """What the first key begins with."""


def _listed(heads: _Heads, uri: str, table: PacketTable, sets: ParameterSets) -> _Listed | None:
    """Return what a header lists; None where its key flags or its order prove wrong."""
    keys = np.flatnonzero(table.key)[:2].tolist()
    if not keys:
        return None
    key = heads.unit(keys[0])
    if not has_sequence(heads.codec, sets.nals):  # avc3, hev1 and AVI have them in the stream
        sets = replace(sets, nals=heads.parameter_sets(uri, keys[0]))
    if _is_order_unclear(heads, table, sets.nals):
        return None
    pictures = heads.pictures(sets.nals, keys)
    if any(picture is not None and not picture.is_random_access for picture in pictures):
        return None
    shown = _shown(heads, table, sets.nals, pictures[0])
    return None if shown is None else _Listed(replace(table, shown=shown), sets, key)


def _is_order_unclear(heads: _Heads, table: PacketTable, parameter_sets: NalUnits) -> bool:
    """Return whether times do not tell the order of display: equal ones, or decode times.

    Where all times rise in decode order though the stream may reorder its pictures, the headers of
    its first pictures are read.
    """
    times = table.pts[table.shown]
    if len(np.unique(times)) < len(times):
        return True
    if (np.diff(table.pts) < 0).any() or not heads.may_reorder(parameter_sets):
        return False
    first = int(np.argmax(table.key))
    pictures = heads.pictures(parameter_sets, list(range(first, min(first + _FEW, len(table)))))
    known = [picture for picture in pictures if picture is not None]
    order = [(picture.sequence, picture.order_count) for picture in known]
    return order != sorted(order)


def _shown(
    heads: _Heads, table: PacketTable, parameter_sets: NalUnits, first: CodedPicture | None
) -> NDArray[np.bool_] | None:
    """Return which rows a decode from the start gives a frame for: bool [rows].

    The headers of the first GOP's leading pictures are read for it; None where those are too many.
    """
    keys = np.flatnonzero(table.key)
    start, stop = int(keys[0]), int(keys[1]) if len(keys) > 1 else len(table)
    leading = (np.flatnonzero(table.pts[start:stop] < table.pts[start]) + start).tolist()
    shown = table.shown.copy()
    if leading and heads.codec == "hevc":
        if len(leading) > _MOST_LEADING:
            return None
        pictures = heads.pictures(parameter_sets, [start, *leading])[1:]
        shown[leading] &= [picture is None or not picture.not_output for picture in pictures]
    lost = heads.codec == "h264" and first is not None and not first.is_idr
    return displayable(shown, table.pts, start, leading_lost=lost)


class _Heads:
    """The first bytes of some packets, in Annex-B form."""

    def __init__(
        self, ranges: Ranges, table: PacketTable, codec: str, nal_length_bytes: int
    ) -> None:
        self.codec = codec
        self._ranges = ranges
        self._table = table
        self._nal_length_bytes = nal_length_bytes

    def unit(self, row: int) -> NalUnits:
        """Return the NAL units that a packet begins with; none past the end of a cut-off file."""
        position, size = int(self._table.position[row]), int(self._table.size[row])
        data = self._ranges.get(position, min(size, _HEAD_BYTES), _HEAD_BYTES)
        return from_sample(data, self._nal_length_bytes, cut=True)

    def parameter_sets(self, uri: str, row: int) -> NalUnits:
        """Return those that a packet begins with; raise BrokenVideoError for too many."""
        try:
            return from_unit(self.codec, self.unit(row))
        except ValueError as error:
            message = f"its parameter sets make no sense: {error}."
            raise BrokenVideoError(uri, message, REMUX) from error

    def may_reorder(self, parameter_sets: NalUnits) -> bool:
        """Return whether pictures may be shown in another order than they are decoded."""
        found = sequence(self.codec, parameter_sets)
        return found is None or found.reorder_frames != 0

    def pictures(self, parameter_sets: NalUnits, rows: list[int]) -> list[CodedPicture | None]:
        """Return their pictures; None where the first bytes hold no slice, or make no sense."""
        try:
            reader = picture_reader(self.codec, parameter_sets)
        except ValueError:
            return [None] * len(rows)
        return [self._picture(reader, row) for row in rows]

    def _picture(self, reader: PictureReader, row: int) -> CodedPicture | None:
        try:
            return reader.read(self.unit(row))
        except ValueError:
            return None
