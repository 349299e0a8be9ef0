"""Read the pictures of many packets together: what their headers say is found for all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.video.h26x.access_unit import PARAMETER_SETS
from fleet.video.h26x.coded_picture import SetsSent
from fleet.video.h26x.h264_pictures import H264Pictures, recovery_frames_of
from fleet.video.h26x.h264_run import NO_RECOVERY, Run
from fleet.video.h26x.h264_slice import SLICES
from fleet.video.h26x.h265_pictures import H265Pictures
from fleet.video.h26x.picture_log import PictureLog
from fleet.video.slices import h264_slices, h265_slices
from fleet.video.slices.many_bits import FEWEST_BYTES, ManyBits
from fleet.video.slices.nal_table import NalTable, with_lengths, with_start_codes

_SEI = 6
# Fewer pictures take less time one by one.
_FEWEST_IN_RUN = 8
# By NAL type, whether units of it are slices, parameter sets, or tell nothing of a picture:
# delimiters, filler, messages (H.265 table 7-1).
_H264_SLICES = np.isin(np.arange(32), list(SLICES))
_H264_SETS = np.isin(np.arange(32), list(PARAMETER_SETS["h264"]))
_H265_SLICES = np.arange(128) < 32
_H265_SETS = np.isin(np.arange(128), list(PARAMETER_SETS["hevc"]))
_H265_PASSED_OVER = np.isin(np.arange(128), (35, 38, 39, 40))


@dataclass(frozen=True, eq=False)
class Packets:
    """Some packets of a stream, as they lie in the container."""

    data: bytes
    """What they hold, in their order; between them may lie what belongs to none."""
    starts: NDArray[np.int64]
    """Where each one begins in `data`: int64 [n]."""
    ends: NDArray[np.int64]
    """Where each one ends in `data`: int64 [n]."""
    codes: NDArray[np.int64] | None = None
    """Where start codes lie in `data`, where that is known: int64 [m]."""


class _Told(NamedTuple):
    """What is known of a packet's picture."""

    head: tuple[Any, ...]
    """What the reader is told instead of the packet: what its `follow` takes."""
    sets: list[bytes]
    """Parameter sets that lie before it in the packet."""


class _Found:
    """What is known of the pictures of packets, one after another."""

    def __init__(self, told: list[_Told | None]) -> None:
        self._told = told

    def told(self, number: int) -> _Told | None:
        """Return what is known of one packet's; None for one that has to be read by itself."""
        return self._told[number]

    def run(self, _log: PictureLog, _begin: int) -> Run | None:
        """Return the pictures from a packet on that may be followed at once; None for few."""
        return None


class _FoundH264(_Found):
    """Of H.264, where many pictures are followed at once."""

    def __init__(
        self,
        slices: h264_slices.Slices,
        row_of: NDArray[np.int64],
        sent: dict[int, list[bytes]],
        recovery: dict[int, int | None],
    ) -> None:
        """Take slice headers, and by packet: their rows, -1 for none, sets, and recovery."""
        self._slices, self._rows = slices, row_of
        self._sent, self._recovery = sent, recovery
        frames = np.full(len(slices.failed), NO_RECOVERY)
        said = {packet: count for packet, count in recovery.items() if count is not None}
        frames[row_of[list(said)]] = list(said.values())
        self._run = slices.run(frames)
        fits = (row_of >= 0) & slices.in_run[row_of] if len(frames) else row_of >= 0
        self._stops = np.flatnonzero(~fits)
        quiet = fits & (frames[row_of] == NO_RECOVERY) if len(frames) else fits
        self._quiet_stops = np.flatnonzero(~quiet)
        self._sending = np.array(sorted(sent), np.int64)

    def told(self, number: int) -> _Told | None:
        """Return what is known of one packet's; None for one that has to be read by itself."""
        row = int(self._rows[number])
        known = None if row < 0 else self._slices.one(row)
        if known is None:
            return None
        return _Told((*known, self._recovery.get(number)), self._sent.get(number, []))

    def run(self, log: PictureLog, begin: int) -> Run | None:
        """Return the pictures from a packet on that may be followed at once; None for few."""
        if self._run is None or (log.follows_recovery and log.recovery.first is not None):
            return None
        stops = self._quiet_stops if log.follows_recovery else self._stops
        place = np.searchsorted(stops, begin)
        end = int(stops[place]) if place < len(stops) else len(self._rows)
        if end - begin < _FEWEST_IN_RUN:
            return None
        # Sets that were taken are in force from `end` on: all up to there are followed now.
        end = self._without_change(log.reader.sets, begin, end)
        if end == begin:
            return None
        row = int(self._rows[begin])
        return self._run.part(row, row + end - begin)

    def _without_change(self, sets: SetsSent, begin: int, end: int) -> int:
        """Take the parameter sets of packets; return where the first one is that changes any."""
        version, readings = sets.version, sets.readings
        places = np.searchsorted(self._sending, (begin, end))
        for packet in self._sending[slice(*places)].tolist():
            if not _are_in_force(sets, self._sent[packet], readings) or sets.version != version:
                return int(packet)
        return end


def add_packets(log: PictureLog, packets: Packets) -> None:
    """Have a log read packets, to the same end as one after another by `PictureLog.add`.

    Slices are read together, by the parameter sets that are in force before all packets, up to
    where others come into force. Packets with anything but these and messages are read by
    themselves. Raises ValueError as `PictureLog.add` does.
    """
    found, sets = _told(log, packets), log.reader.sets
    starts, ends, readings = packets.starts.tolist(), packets.ends.tolist(), sets.readings
    number, looks_at = 0, 0
    while number < len(starts):
        if number >= looks_at and not log.lacks_key and sets.readings == readings:
            run = found.run(log, number)
            if run is not None:
                log.take_all(run)
                number += len(run)
                continue
            looks_at = number + _FEWEST_IN_RUN
        told = None if log.lacks_key else found.told(number)
        if told is not None and _are_in_force(sets, told.sets, readings):
            log.take(log.reader.follow(*told.head))
        else:
            log.add(packets.data[starts[number] : ends[number]])
        number += 1


def _are_in_force(sets: SetsSent, sent: list[bytes], readings: int) -> bool:
    """Take parameter sets that a packet begins with; return whether slices are read as before."""
    try:
        for nal in sent:
            sets.learn(nal)
    except ValueError:
        return False
    return sets.readings == readings


def _told(log: PictureLog, packets: Packets) -> _Found:
    if len(packets.data) < FEWEST_BYTES or len(packets.starts) == 1:
        return _Found([None] * len(packets.starts))
    nals = _nal_units(packets, log.nal_length_bytes)
    if isinstance(log.reader, H264Pictures):
        return _h264(log.reader, packets, nals)
    assert isinstance(log.reader, H265Pictures)
    return _h265(log.reader, packets, nals)


def _nal_units(packets: Packets, nal_length_bytes: int) -> NalTable:
    data = np.frombuffer(packets.data, np.uint8)
    if nal_length_bytes:
        return with_lengths(data, packets.starts, packets.ends, nal_length_bytes)
    return with_start_codes(data, packets.starts, packets.ends, packets.codes)


def _h264(reader: H264Pictures, packets: Packets, nals: NalTable) -> _Found:
    data = np.frombuffer(packets.data, np.uint8)
    kinds = data[nals.offset] & 0x1F
    first = _first_of_each(nals, _H264_SLICES[kinds])
    sent = _units(packets.data, nals, first, _H264_SETS[kinds], after_is_odd=True)
    recovery = _recovery_frames(_units(packets.data, nals, first, kinds == _SEI), nals.odd)
    bits = ManyBits(packets.data, nals.offset[first] + 1, nals.end[first])
    slices = h264_slices.read_slices(bits, data[nals.offset[first]], reader.sets)
    row_of = np.full(len(packets.starts), -1)
    row_of[nals.packet[first]] = np.arange(len(first))
    row_of[nals.odd] = -1
    kept = {packet: said for packet, said in recovery.items() if row_of[packet] >= 0}
    return _FoundH264(slices, row_of, sent, kept)


def _recovery_frames(
    messages: dict[int, list[bytes]], odd: NDArray[np.bool_]
) -> dict[int, int | None]:
    """Return what packets' messages say of recovery; mark those in which they make no sense."""
    found: dict[int, int | None] = {}
    for packet, nals in messages.items():
        try:
            said = [recovery_frames_of(nal) for nal in nals]
        except ValueError:
            odd[packet] = True
            continue
        found[packet] = next((frames for frames in reversed(said) if frames is not None), None)
    return found


def _h265(reader: H265Pictures, packets: Packets, nals: NalTable) -> _Found:
    data = np.frombuffer(packets.data, np.uint8)
    nals.odd[nals.packet[nals.offset + 1 >= nals.end]] = True
    heads, layers = data[nals.offset], data[np.minimum(nals.offset + 1, len(data) - 1)]
    kinds = heads >> 1
    is_slice, is_set = _H265_SLICES[kinds], _H265_SETS[kinds]
    plain = is_slice | is_set | _H265_PASSED_OVER[kinds]
    nals.odd[nals.packet[~plain | (heads & 1 != 0) | (layers >> 3 != 0)]] = True
    first = _first_of_each(nals, is_slice)
    sent = _units(packets.data, nals, first, is_set, after_is_odd=True)
    bits = ManyBits(packets.data, nals.offset[first] + 2, nals.end[first])
    slices = h265_slices.read_slices(bits, heads[first], reader.sets)
    sub_layers = (layers[first] & 7).astype(np.int64) - 1
    columns = (nals.packet[first].tolist(), kinds[first].tolist(), sub_layers.tolist(), slices)
    found: list[_Told | None] = [None] * len(packets.starts)
    odd = nals.odd.tolist()
    for packet, kind, sub_layer, head in zip(*columns, strict=True):
        if head is not None and not odd[packet]:
            found[packet] = _Told((head, kind, sub_layer), sent.get(packet, []))
    return _Found(found)


def _first_of_each(nals: NalTable, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the first chosen row of each packet that has one: int64 [m]."""
    rows = np.flatnonzero(chosen)
    packets, is_first = nals.packet[rows], np.ones(len(rows), np.bool_)
    np.not_equal(packets[1:], packets[:-1], out=is_first[1:])
    return rows[is_first]


def _units(
    data: bytes,
    nals: NalTable,
    first: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    *,
    after_is_odd: bool = False,
) -> dict[int, list[bytes]]:
    """Return the chosen NAL units that lie before the first slice of their packet.

    `first`: the row of each packet's first slice. With `after_is_odd`, packets are marked in which
    one lies behind it.
    """
    slice_of = np.full(len(nals.odd), -1, np.int64)
    slice_of[nals.packet[first]] = first
    rows = np.flatnonzero(chosen)
    before = rows < slice_of[nals.packet[rows]]
    if after_is_odd:
        nals.odd[nals.packet[rows[~before]]] = True
    rows = rows[before]
    found: dict[int, list[bytes]] = {}
    columns = (nals.packet[rows], nals.offset[rows], nals.end[rows])
    for packet, offset, end in zip(*(column.tolist() for column in columns), strict=True):
        found.setdefault(packet, []).append(data[offset:end].rstrip(b"\0"))
    return found
