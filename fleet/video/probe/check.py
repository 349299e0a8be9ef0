"""What all later steps rely on in an index, wherever it comes from: a probe, a child, a cache."""

from __future__ import annotations

import numpy as np

from fleet.errors import BrokenVideoError
from fleet.video.containers.limits import MAX_PACKET_BYTES, MAX_PTS, REMUX
from fleet.video.index import VideoIndex

# Of a short clip, the methods of arrays take twice as long.
_least, _largest = np.minimum.reduce, np.maximum.reduce


def check_index(index: VideoIndex) -> None:
    """Check what all later steps rely on in an index; raise BrokenVideoError where it is not so.

    Positions and sizes lie in a file, times do not overflow, and the GOPs' spans follow each other.
    """
    uri, table = index.source.uri, index.packets
    if not len(index.order):
        raise BrokenVideoError(uri, "no picture of it is ever shown.", REMUX)
    if not table.key.any():
        raise BrokenVideoError(uri, "no picture of it can be decoded by itself.", REMUX)
    if _least(table.position) < 0 or _least(table.span) < 1 or _least(table.size) < 1:
        raise BrokenVideoError(uri, "its index lists pictures that lie nowhere in a file.", REMUX)
    largest = int(_largest(table.span))
    if largest > MAX_PACKET_BYTES:
        message = f"its index lists a picture of {largest:,} bytes, which is no picture."
        raise BrokenVideoError(uri, message, REMUX)
    first, last = int(_least(table.pts)), int(_largest(table.pts))
    if first < -MAX_PTS or last > MAX_PTS:
        raise BrokenVideoError(uri, f"its timestamps run from {first} to {last}.", REMUX)
    if (index.bounds[1:] <= index.bounds[:-1]).any():
        raise BrokenVideoError(uri, "its timestamps put its GOPs in no order.", REMUX)
