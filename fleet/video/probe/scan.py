"""Index a file whose header lists no packets, by one pass over it without decoding."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet.errors import BrokenVideoError
from fleet.video.containers.libav import opened, packets, video_stream
from fleet.video.containers.limits import REMUX, ScanBudget
from fleet.video.containers.locate import (
    InProgram,
    InSequence,
    InTransport,
    Locator,
    NearPosition,
    not_verbatim,
)
from fleet.video.containers.mpegts import PacketLayout
from fleet.video.containers.packet_rows import PacketRows
from fleet.video.containers.reader import BlockFile, RangeReader
from fleet.video.containers.timestamps import NO_PTS, consistent, repaired
from fleet.video.h26x.parameter_sets import CODECS, ParameterSets, has_sequence, sequence
from fleet.video.h26x.picture_log import PictureLog, displayable
from fleet.video.other_codecs.packet_log import PacketLog
from fleet.video.probe.other_codec import OtherScan, stored
from fleet.video.probe.stream_info import (
    ProbeResult,
    codec_name,
    describe,
    header_sets,
    no_sequence,
)

_USUAL_RATE = Fraction(25)
_FEW = 8


def scan(
    uri: str, reader: RangeReader, demuxer: str, layout: PacketLayout | None = None
) -> ProbeResult:
    """Demux a whole file with one of `libav.DEMUXERS`; `layout`: how MPEG-TS packets lie in it.

    For H.264 and H.265, key flags come from the pictures themselves: a key is a picture from which
    a fresh decoder gives exactly what a decode of the whole gives. In streams with one packet a
    field (PAFF in MPEG-TS), the second field of a frame is not shown, so that frames are numbered
    as a decoder gives them. A few packets may not be found in the file byte for byte, because of
    damage; they keep their rows, and decoding them reports the damage.

    Raises NotAVideoError, BrokenVideoError.
    """
    # libav has to seek in MP4 and AVI; the others are read from start to end, each byte once.
    budget = ScanBudget(uri, reader)
    file = BlockFile(budget, seekable=demuxer in {"mov", "avi"})
    # A parser unsets the container's key flag where it finds no picture for the damage.
    options = {"fflags": "+noparse"} if demuxer in {"mov", "matroska", "flv"} else {}
    with opened(uri, file, demuxer, **options) as container:
        stream = video_stream(uri, container)
        codec, sets = codec_name(stream), header_sets(uri, stream)
        locator = _locator(file, demuxer, stream, layout)
        log = _log(uri, codec, sets)
        other = OtherScan(uri, stream) if log is None else None
        rows, not_found = PacketRows(), 0
        for packet in packets(uri, container, stream):
            budget.picture()
            data = bytes(packet)
            shown, key = not packet.is_discard, packet.is_keyframe
            location = locator.locate(packet.pos, stored(codec, demuxer, data))
            rows.add(location, packet.pts, packet.dts, key=key, shown=shown)
            not_found += not location.verbatim
            if not_found > _FEW and not_found * 2 > len(rows):
                raise not_verbatim(uri)
            if log is not None:
                log.add(data)
            elif other is not None:
                other.add(data, key=key)
        if not len(rows):
            raise BrokenVideoError(uri, "there is no picture in it.", "Record it or copy it again.")
        if not_found * 2 > len(rows):
            raise not_verbatim(uri)
        found = _found(uri, stream, sets, rows, log or other)
        if demuxer == "mpeg":
            return _in_transport(found, stream.id & 0xFF, 0)
        return found if layout is None else _in_transport(found, stream.id, layout.step)


def _in_transport(found: ProbeResult, pid: int, step: int) -> ProbeResult:
    return replace(found, stream=replace(found.stream, transport_pid=pid, transport_step=step))


def _locator(
    file: BlockFile, demuxer: str, stream: VideoStream, layout: PacketLayout | None
) -> Locator:
    if layout is not None:
        return InTransport(file, stream.id, layout)
    if demuxer == "mpeg":
        return InProgram(file, stream.id & 0xFF)
    return InSequence(file) if demuxer in CODECS else NearPosition(file)


def _log(uri: str, codec: str, sets: ParameterSets) -> PictureLog | None:
    if codec not in CODECS:
        return None
    try:
        return PictureLog(codec, sets)
    except ValueError as error:
        raise BrokenVideoError(
            uri, f"its parameter sets cannot be read: {error}.", REMUX
        ) from error


def _found(
    uri: str,
    stream: VideoStream,
    sets: ParameterSets,
    rows: PacketRows,
    log: PictureLog | OtherScan | None,
) -> ProbeResult:
    if isinstance(log, PictureLog):
        return _of_pictures(uri, stream, sets, rows, log)
    assert log is not None
    return log.result(uri, rows, *_times(uri, stream, sets, rows, log.log))


def _of_pictures(
    uri: str, stream: VideoStream, sets: ParameterSets, rows: PacketRows, log: PictureLog
) -> ProbeResult:
    codec = codec_name(stream)
    if not has_sequence(codec, sets.nals):
        sets = replace(sets, nals=log.in_band)
    if not sets.nals:
        raise no_sequence(uri)
    # For a picture that cannot be read, the container's flag counts: decoding reports the damage,
    # and its frames keep their numbers.
    is_random_access = log.is_random_access | (rows.key & log.damaged)
    keys = np.flatnonzero(is_random_access)
    if not len(keys):
        raise BrokenVideoError(
            uri,
            "there is no picture in it at which decoding may begin (IDR or recovery point).",
            "Re-encode it: `ffmpeg -i in -c:v libx264 out.mp4`.",
        )
    first = int(keys[0])
    pts, time_base = _times(uri, stream, sets, rows, log)
    lost = codec == "h264" and not log.is_idr[first]
    shown = displayable(rows.shown & log.shown, pts, first, leading_lost=lost)
    table = rows.table(pts, is_random_access, shown)
    return ProbeResult(describe(uri, stream, sets, table, time_base), table)


def _times(
    uri: str,
    stream: VideoStream,
    sets: ParameterSets,
    rows: PacketRows,
    log: PictureLog | PacketLog,
) -> tuple[NDArray[np.int64], Fraction]:
    """Return presentation times and their time base: the container's, or from display order."""
    time_base = stream.time_base or Fraction(1, 90000)
    if (rows.pts != NO_PTS).any():
        return _container_times(uri, rows, log, _ticks_a_picture(stream, time_base)), time_base
    if (rows.dts != NO_PTS).all():
        return np.sort(rows.dts[log.frames])[log.ranks], time_base
    found = sequence(codec_name(stream), sets.nals)
    rate = found.frame_rate if found else Fraction(0)
    return log.ranks, 1 / (rate or _USUAL_RATE)


def _container_times(
    uri: str, rows: PacketRows, log: PictureLog | PacketLog, step: float
) -> NDArray[np.int64]:
    """Return the container's times, repaired where they have gaps or contradict display order."""
    pts, ranks = rows.pts, log.ranks
    pictures = rows.shown & log.shown
    complete = (pts != NO_PTS).all()
    if complete and (not log.whole or consistent(pts[pictures], ranks[pictures])):
        return pts
    times = repaired(pts[pictures], ranks[pictures], step)
    if times is None:
        message = "its timestamps jump, against the order in which its pictures are shown."
        raise BrokenVideoError(uri, message, REMUX)
    in_order = np.argsort(ranks[pictures])
    interpolated = np.interp(ranks, ranks[pictures][in_order], times[in_order])
    pts = np.where(pts == NO_PTS, np.rint(interpolated).astype(np.int64), pts)
    pts[pictures] = times
    return pts


def _ticks_a_picture(stream: VideoStream, time_base: Fraction) -> float:
    return float(1 / (stream.average_rate or _USUAL_RATE) / time_base)
