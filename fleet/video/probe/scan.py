"""Index a file whose header lists no packets, by one pass over it without decoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet.core.source import Source
from fleet.errors import BrokenVideoError
from fleet.video.containers import ogg
from fleet.video.containers.libav import opened, packets, video_stream, video_streams
from fleet.video.containers.limits import REENCODE, REMUX, ScanBudget
from fleet.video.containers.locate_carried import InTransport
from fleet.video.containers.mpegts import PacketLayout
from fleet.video.containers.packet_batch import MOST, batches
from fleet.video.containers.packet_rows import PacketRows
from fleet.video.containers.reader import BlockFile, RangeReader
from fleet.video.containers.transport_streams import ReaderFrom, late_streams
from fleet.video.h26x.parameter_sets import CODECS, ParameterSets, has_sequence
from fleet.video.h26x.picture_log import PictureLog, displayable
from fleet.video.probe.header import KnownHeader
from fleet.video.probe.locators import locator_of, ogg_serial
from fleet.video.probe.other_codec import OtherScan, stored
from fleet.video.probe.own_walk import TRIAL, WALKED, OwnWalk
from fleet.video.probe.scanned_rows import ScannedRows
from fleet.video.probe.scanned_times import times_of
from fleet.video.probe.stream_info import (
    ProbeResult,
    codec_name,
    describe,
    header_sets,
    no_sequence,
)
from fleet.video.walked.stretch import UnusualError


def scan(
    source: Source,
    reader: RangeReader,
    demuxer: str,
    layout: PacketLayout | None = None,
    header: KnownHeader | None = None,
) -> ProbeResult:
    """Demux a whole file with one of `libav.DEMUXERS`; `layout`: how MPEG-TS packets lie in it.

    For H.264 and H.265, key flags come from the pictures themselves: a key is a picture from which
    a fresh decoder gives exactly what a decode of the whole gives. In streams with one packet a
    field (PAFF in MPEG-TS), the second field of a frame is not shown, so that frames are numbered
    as a decoder gives them. A few packets may not be found in the file byte for byte, or be cut
    short, because of damage; they keep their rows, and decoding them reports the damage.

    Raises NotAVideoError, BrokenVideoError.
    """
    if layout is None or not source.stream:
        return _scan(source, reader, demuxer, layout, header=header)
    with opened(source.uri, BlockFile(reader, seekable=False), demuxer) as container:
        known = [stream.id for stream in video_streams(container)]
    if source.stream < len(known):
        return _scan(source, reader, demuxer, layout)
    late = late_streams(reader, layout, known)[source.stream - len(known) :]
    if not late:
        return _scan(source, reader, demuxer, layout)
    # libav meets it where it begins.
    pid, start = late[0]
    view = ReaderFrom(reader, start)
    found = _scan(source, view, demuxer, PacketLayout(layout.step, 0), pid)
    packets_ = replace(found.packets, position=found.packets.position + start)
    return ProbeResult(replace(found.stream, number=source.stream), packets_)


def _scan(
    source: Source,
    reader: RangeReader,
    demuxer: str,
    layout: PacketLayout | None,
    pid: int | None = None,
    header: KnownHeader | None = None,
) -> ProbeResult:
    try:
        return _pass(source, reader, demuxer, layout, pid, header, alone=demuxer not in WALKED)
    except UnusualError:
        return _pass(source, reader, demuxer, layout, pid, header, alone=True)


def _pass(
    source: Source,
    reader: RangeReader,
    demuxer: str,
    layout: PacketLayout | None,
    pid: int | None,
    header: KnownHeader | None,
    *,
    alone: bool,
) -> ProbeResult:
    """Read a file from start to end; `alone`: whether libav finds all of its packets.

    Raises UnusualError where it has to, and does not.
    """
    uri = source.uri
    # libav has to seek in MP4 and AVI; the others are read from start to end, each byte once.
    budget = ScanBudget(uri, reader)
    file = BlockFile(budget, seekable=demuxer in {"mov", "avi", "matroska", "flv"})
    # A parser unsets the container's key flag where it finds no picture for the damage.
    options = {"fflags": "+noparse"} if demuxer in {"mov", "matroska", "flv"} else {}
    with opened(uri, file, demuxer, **options) as container:
        known = [stream.id for stream in video_streams(container)]
        number = known.index(pid) if pid in known else source.stream
        stream = video_stream(uri, container, number)
        codec, sets = codec_name(stream), header_sets(uri, stream)
        locator = locator_of(file, demuxer, stream, layout)
        log = _log(uri, codec, sets)
        reads = log or OtherScan(stream)
        scanned = ScannedRows(uri, stream, sets, locator, reads, partial(stored, codec, demuxer))
        walk = None if alone or log is None else OwnWalk(file, demuxer, log, budget)
        found_by_libav = _counted(packets(uri, container, stream), budget)
        for batch in batches(found_by_libav, file, MOST if walk is None else TRIAL):
            scanned.add(batch, may_be_partial=file.seekable())
            if walk is not None and walk.agrees(batch):
                if walk.finish(scanned, found_by_libav):
                    break
                walk = None
        rows = scanned.rows
        if not len(rows):
            raise BrokenVideoError(uri, "there is no picture in it.", "Record it or copy it again.")
        scanned.check_found()
        found = _found(uri, stream, sets, rows, reads, turns=header is None or header.turns)
        if header is not None and scanned.as_listed:
            header.look(stream, rows, found.packets)
        if layout is None:
            return _carried(found, file, demuxer, stream)
        assert isinstance(locator, InTransport)
        locator.read_to_end(budget.picture)
        late = ",?" * len(locator.video.starts.keys() - known)
        found = replace(found, stream=replace(found.stream, beside=found.stream.beside + late))
        return _in_transport(found, stream.id, layout.step)


def _carried(found: ProbeResult, file: BlockFile, demuxer: str, stream: VideoStream) -> ProbeResult:
    """Return what was found, with how a packet is taken out of what carries it, if anything."""
    if demuxer == "mpeg":
        return _in_transport(found, stream.id & 0xFF, 0)
    if demuxer == "ogg":
        return _in_transport(found, ogg_serial(file, stream) + 1, ogg.PAGES)
    return found


def _in_transport(found: ProbeResult, pid: int, step: int) -> ProbeResult:
    return replace(found, stream=replace(found.stream, transport_pid=pid, transport_step=step))


def _log(uri: str, codec: str, sets: ParameterSets) -> PictureLog | None:
    if codec not in CODECS:
        return None
    try:
        return PictureLog(codec, sets)
    except ValueError as error:
        raise BrokenVideoError(
            uri, f"its parameter sets cannot be read: {error}.", REMUX
        ) from error


def _counted(found: Iterable[Packet[Any]], budget: ScanBudget) -> Iterator[Packet[Any]]:
    for packet in found:
        budget.picture()
        yield packet


def _found(
    uri: str,
    stream: VideoStream,
    sets: ParameterSets,
    rows: PacketRows,
    log: PictureLog | OtherScan,
    *,
    turns: bool,
) -> ProbeResult:
    if isinstance(log, PictureLog):
        return _of_pictures(uri, stream, sets, rows, log, turns=turns)
    times = times_of(uri, stream, sets, rows, log.log)
    found = log.result(uri, rows, times.pts, times.time_base)
    return replace(found, stream=replace(found.stream, clock=times.clock))


def _of_pictures(
    uri: str,
    stream: VideoStream,
    sets: ParameterSets,
    rows: PacketRows,
    log: PictureLog,
    *,
    turns: bool,
) -> ProbeResult:
    codec = codec_name(stream)
    if not has_sequence(codec, sets.nals):
        sets = replace(sets, nals=log.in_band)
    if not sets.nals:
        raise no_sequence(uri)
    # For a picture that cannot be read, the container's flag counts: decoding reports the damage,
    # and its frames keep their numbers.
    is_random_access = log.is_random_access | (rows.key & log.damaged)
    shown = _recovered(log, is_random_access)
    keys = np.flatnonzero(is_random_access)
    if not len(keys) or not shown.any():
        raise BrokenVideoError(
            uri,
            "there is no picture in it at which decoding may begin (IDR or recovery point).",
            REENCODE,
        )
    first = int(keys[0])
    times = times_of(uri, stream, sets, rows, log)
    lost = codec == "h264" and not log.is_idr[first]
    shown = displayable(rows.shown & shown, times.pts, first, leading_lost=lost)
    table = rows.table(times.pts, is_random_access, shown, log.ranks)
    step = 0 if times.are_even(table) else log.frame_num_step
    described = describe(
        uri,
        stream,
        sets,
        table,
        times.time_base,
        log.sets.changes(sets.nals),
        clock=times.clock,
        frame_num_step=step,
        key=log.first_key,
        turns=turns,
    )
    if step:
        # Where a decode begins at a key, its leading pictures may be left out: only here it is
        # certain that one that others refer to is missing behind them.
        missing = log.follows_gap & ~is_random_access
        table = replace(table, size=np.where(missing, table.span + 1, table.size))
    return ProbeResult(described, table)


def _recovered(log: PictureLog, is_random_access: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows give frames; mark where decoding of a stream begins that has no key yet.

    With intra refresh, pictures are right, and given, from later on than decoding begins. It begins
    where a full decode does: what comes before the recovery point may be referred to all the same.
    """
    recovered, shown = log.recovery.recovered, log.shown
    keys = np.flatnonzero(is_random_access)
    if recovered is None or (len(keys) and keys[0] <= recovered):
        return shown
    is_random_access[int(np.argmin(log.damaged))] = True
    behind: NDArray[np.bool_] = log.ranks >= log.ranks[recovered]
    return shown & behind
