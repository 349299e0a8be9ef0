"""Where the NAL units of many packets lie, found for all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.video.slices.start_codes import find_codes

_MOST_UNITS = 64
"""NAL units with length prefixes that are looked at of one packet."""


@dataclass(frozen=True, eq=False)
class NalTable:
    """One row a NAL unit of any of the packets, in their order."""

    packet: NDArray[np.int64]
    """The packet that it belongs to: int64 [n]."""
    offset: NDArray[np.int64]
    """Where its header lies in the packets' bytes: int64 [n]."""
    end: NDArray[np.int64]
    """Behind its last byte; trailing zeros count as part of it: int64 [n]."""
    odd: NDArray[np.bool_]
    """Packets of which not all is told: bool [packets]."""


def with_start_codes(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    codes: NDArray[np.int64] | None = None,
) -> NalTable:
    """Return the NAL units of packets in Annex-B form.

    `data`: u8, the packets' bytes; `starts`, `ends`: where each packet lies in them, in order;
    between two may lie bytes that belong to none. `codes`: where start codes lie in them, if known.
    """
    codes = find_codes(data) if codes is None else codes
    packet = np.searchsorted(starts, codes, side="right") - 1
    offset = codes + 3
    whole = (packet >= 0) & (offset < ends[packet])
    packet, offset = packet[whole], offset[whole]
    end = ends[packet]
    followed = np.flatnonzero(packet[:-1] == packet[1:])
    end[followed] = offset[followed + 1] - 3
    return NalTable(packet, offset, end, np.zeros(len(starts), np.bool_))


def with_lengths(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    nal_length_bytes: int,
) -> NalTable:
    """Return the NAL units of packets that have a length of 1, 2 or 4 bytes before each; see above.

    A packet whose lengths make no sense, or that has an empty NAL unit, is odd.
    """
    odd = np.zeros(len(starts), np.bool_)
    rows, at = np.arange(len(starts)), starts
    prefix, big_endian = np.arange(nal_length_bytes), f">u{nal_length_bytes}"
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    for _ in range(_MOST_UNITS):
        more = at + nal_length_bytes <= ends[rows]
        rows, at = rows[more], at[more]
        if not len(rows):
            break
        size = data[at[:, None] + prefix].view(big_endian)[:, 0].astype(np.int64)
        begin = at + nal_length_bytes
        sound = (size > 0) & (begin + size <= ends[rows])
        odd[rows[~sound]] = True
        rows, begin, at = rows[sound], begin[sound], (begin + size)[sound]
        found.append((rows, begin, at))
    odd[rows] = True
    if not found:
        none = np.zeros(0, np.int64)
        return NalTable(none, none, none, odd)
    packet, offset, end = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(packet, kind="stable")
    return NalTable(packet[order], offset[order], end[order], odd)
