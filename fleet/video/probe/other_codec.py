"""What an index says of a stream that is neither H.264 nor H.265, for a decoder on the host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet.core.access_unit import NO_NALS
from fleet.core.geometry import Size
from fleet.errors import BrokenVideoError
from fleet.video.containers.demux import PRORES_HEADER_BYTES
from fleet.video.containers.limits import MAX_PACKET_BYTES, MAX_PIXELS
from fleet.video.containers.packet_rows import PacketRows
from fleet.video.containers.reader import Ranges
from fleet.video.h26x.parameter_sets import ParameterSets
from fleet.video.h26x.picture_log import displayable
from fleet.video.index import PacketTable
from fleet.video.other_codecs.first_picture import first_picture
from fleet.video.other_codecs.packet_log import REORDERING, PacketLog, configuration_of
from fleet.video.probe.stream_info import ProbeResult, codec_name, describe

# Of these a first picture is made: a reference picture may come out one packet later, and the first
# key may be damaged.
_FIRST_PACKETS, _FIRST_WITH_LATER_KEYS = 4, 8
# No coded picture is smaller. Each packet that is costs a read, so that a file with more of them is
# scanned instead, in one pass.
_TINY_BYTES = 32
_MOST_TINY = 256


class OtherScan:
    """Reads the packets of a scanned stream."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._extradata = stream.codec_context.extradata or b""
        self._first: list[bytes] = []
        self.log = PacketLog(codec_name(stream), self._extradata)

    def add(self, data: bytes, *, key: bool) -> None:
        """Read a packet; `key`: what the container says."""
        self.log.add(data, key=key)
        most = _FIRST_WITH_LATER_KEYS if self.log.latest_is_key else _FIRST_PACKETS
        if (self._first or self.log.latest_is_key) and len(self._first) < most:
            self._first.append(data)

    def result(
        self, uri: str, rows: PacketRows, pts: NDArray[np.int64], time_base: Fraction
    ) -> ProbeResult:
        """Return the stream and its packets; raise BrokenVideoError where no packet is a key."""
        key, shown = self.log.key, rows.shown & self.log.shown
        if not key.any():
            message = "there is no picture in it at which decoding may begin."
            raise BrokenVideoError(uri, message, "Record it or copy it again.")
        first = int(np.argmax(key))
        codec = codec_name(self._stream)
        lost = codec in REORDERING and self.log.loses_leading(first)
        table = rows.table(
            pts, key, displayable(shown, pts, first, leading_lost=lost), self.log.ranks
        )
        configuration = configuration_of(codec, self._extradata, self._first[0])
        return _result(uri, self._stream, table, configuration, self._first, time_base)


def stored(codec: str, demuxer: str, data: bytes) -> bytes:
    """Return those bytes of a packet that lie in the file: Matroska leaves out ProRes's header."""
    stripped = codec == "prores" and demuxer == "matroska"
    return data[PRORES_HEADER_BYTES:] if stripped else data


def from_header(
    uri: str, ranges: Ranges, stream: VideoStream, table: PacketTable
) -> ProbeResult | None:
    """Return the result for packets that a header lists; None where they must be scanned.

    Of the payload, two keys are read, and in MPEG-4 the packets that are too small for a picture.
    """
    codec = codec_name(stream)
    extradata = stream.codec_context.extradata or b""
    log = PacketLog(codec, extradata)
    key = log.all_keys(table.key)
    keys = np.flatnonzero(key)[:2].tolist()
    packets = [_packet(ranges, table, row) for row in keys]
    for data in packets:
        log.add(data, key=True)
    if not keys or not log.key.all():
        return None
    shown = table.shown.copy()
    if codec == "mpeg4":
        tiny = np.flatnonzero(table.size <= _TINY_BYTES)
        if len(tiny) > _MOST_TINY or log.is_packed:
            return None
        small = PacketLog(codec, configuration_of(codec, extradata, packets[0]))
        for row in tiny.tolist():
            small.add(_packet(ranges, table, row), key=False)
        shown[tiny] &= small.shown
    lost = codec in REORDERING and log.loses_leading(0)
    shown = displayable(shown, table.pts, int(keys[0]), leading_lost=lost)
    configuration = configuration_of(codec, extradata, packets[0])
    table = replace(table, key=key, entry=key, shown=shown)
    return _result(uri, stream, table, configuration, packets, None)


def _result(
    uri: str,
    stream: VideoStream,
    table: PacketTable,
    configuration: bytes,
    first: Iterable[bytes],
    time_base: Fraction | None,
) -> ProbeResult:
    codec, tag = codec_name(stream), _codec_tag(stream)
    sides = stream.codec_context.width, stream.codec_context.height
    size = Size(*sides) if all(sides) else None
    picture = first_picture(codec, tag, configuration, size, first, MAX_PIXELS)
    found = describe(uri, stream, ParameterSets(NO_NALS, 0), table, time_base, picture=picture)
    return ProbeResult(replace(found, configuration=configuration, codec_tag=tag), table)


def _codec_tag(stream: VideoStream) -> str:
    try:
        tag = stream.codec_context.codec_tag
    except UnicodeDecodeError:
        return ""
    return tag if tag.strip("\0") else ""


def _packet(ranges: Ranges, table: PacketTable, row: int) -> bytes:
    size = min(int(table.size[row]), MAX_PACKET_BYTES)
    return ranges.get(int(table.position[row]), size)
