"""An index that was made of a container's header, mended by what a pass over the file found.

Where GOPs begin stays as it was: what was planned, and what was committed, is cut there. Only how
to decode changes: where a decoder may really begin, and which parameter sets it needs there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fleet.errors import BrokenVideoError
from fleet.video.containers.limits import REMUX
from fleet.video.index import PacketTable, VideoIndex


def lists_the_same(one: PacketTable, other: PacketTable) -> bool:
    """Return whether two tables list the same packets, whatever they say of them."""
    return np.array_equal(one.position, other.position) and np.array_equal(one.size, other.size)


def mended(index: VideoIndex, scanned: VideoIndex) -> VideoIndex:
    """Return the index with what the scan found out about decoding.

    Raises BrokenVideoError where the scan numbers the frames otherwise: what was done by the index
    cannot stand beside what would be done by the scan.
    """
    one, other = index.packets, scanned.packets
    if not lists_the_same(one, other) or not np.array_equal(index.order, scanned.order):
        raise BrokenVideoError(
            index.source.uri,
            "its header lists other pictures, or in another order, than lie in it.",
            f"{REMUX} Then process the new file.",
        )
    stream = replace(
        index.stream,
        parameter_sets=scanned.stream.parameter_sets,
        later_sets=scanned.stream.later_sets,
    )
    packets = replace(one, entry=other.entry)
    bytes_read = index.bytes_read + scanned.bytes_read
    return replace(index, stream=stream, packets=packets, origin="scan", bytes_read=bytes_read)
