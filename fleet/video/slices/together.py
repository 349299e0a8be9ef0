"""Read the pictures of many packets together: what their headers say is found for all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.video.h26x.access_unit import PARAMETER_SETS
from fleet.video.h26x.coded_picture import SetsSent
from fleet.video.h26x.h264_pictures import H264Pictures, recovery_frames_of
from fleet.video.h26x.h264_slice import SLICES
from fleet.video.h26x.h265_pictures import H265Pictures
from fleet.video.h26x.picture_log import PictureLog
from fleet.video.slices import h264_slices, h265_slices
from fleet.video.slices.many_bits import FEWEST_BYTES, ManyBits
from fleet.video.slices.nal_table import NalTable, with_lengths, with_start_codes

_SEI = 6
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


class _Told(NamedTuple):
    """What is known of a packet's picture."""

    head: tuple[Any, ...]
    """What the reader is told instead of the packet: what its `follow` takes."""
    sets: list[bytes]
    """Parameter sets that lie before it in the packet."""


_Found = list[_Told | None]
"""A packet each; None for one that has to be read by itself."""


def add_packets(log: PictureLog, packets: Packets) -> None:
    """Have a log read packets, to the same end as one after another by `PictureLog.add`.

    Slices are read together, by the parameter sets that are in force before all packets, up to
    where others come into force. Packets with anything but these and messages are read by
    themselves. Raises ValueError as `PictureLog.add` does.
    """
    found, sets = _told(log, packets), log.reader.sets
    starts, ends, readings = packets.starts.tolist(), packets.ends.tolist(), sets.readings
    for number, told in enumerate(found):
        if told is not None and not log.lacks_key and _are_in_force(sets, told.sets, readings):
            log.take(log.reader.follow(*told.head))
        else:
            log.add(packets.data[starts[number] : ends[number]])


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
        return [None] * len(packets.starts)
    nals = _nal_units(packets, log.nal_length_bytes)
    if isinstance(log.reader, H264Pictures):
        return _h264(log.reader, packets, nals)
    assert isinstance(log.reader, H265Pictures)
    return _h265(log.reader, packets, nals)


def _nal_units(packets: Packets, nal_length_bytes: int) -> NalTable:
    data = np.frombuffer(packets.data, np.uint8)
    if nal_length_bytes:
        return with_lengths(data, packets.starts, packets.ends, nal_length_bytes)
    return with_start_codes(data, packets.starts, packets.ends)


def _h264(reader: H264Pictures, packets: Packets, nals: NalTable) -> _Found:
    data = np.frombuffer(packets.data, np.uint8)
    kinds = data[nals.offset] & 0x1F
    first = _first_of_each(nals, _H264_SLICES[kinds])
    sent = _units(packets.data, nals, first, _H264_SETS[kinds], after_is_odd=True)
    recovery = _recovery_frames(_units(packets.data, nals, first, kinds == _SEI), nals.odd)
    bits = ManyBits(packets.data, nals.offset[first] + 1, nals.end[first])
    slices = h264_slices.read_slices(bits, data[nals.offset[first]], reader.sets)
    found: _Found = [None] * len(packets.starts)
    odd = nals.odd.tolist()
    for packet, known in zip(nals.packet[first].tolist(), slices, strict=True):
        if known is not None and not odd[packet]:
            found[packet] = _Told((*known, recovery.get(packet)), sent.get(packet, []))
    return found


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
    found: _Found = [None] * len(packets.starts)
    odd = nals.odd.tolist()
    for packet, kind, sub_layer, head in zip(*columns, strict=True):
        if head is not None and not odd[packet]:
            found[packet] = _Told((head, kind, sub_layer), sent.get(packet, []))
    return found


def _first_of_each(nals: NalTable, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the first chosen row of each packet that has one: int64 [m]."""
    rows = np.flatnonzero(chosen)
    return rows[np.flatnonzero(np.diff(nals.packet[rows], prepend=-1))]


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
