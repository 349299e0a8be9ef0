"""No set of packets smaller than the decode plan's gives the wanted frames, on ten kinds of GOP.

Every set of packets is tried: all entry points, and all that may be left out. What a header tells
is that a picture may refer to any before it in its GOP, a leading one to the GOP before as well.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from indexes import index_of

from fleet.plan.cost import CostModel, fed_rows, gop_costs
from fleet.video.decode_plan import plan_decode
from fleet.video.index import VideoIndex

KINDS = {
    "one picture": [(0, 0)],
    "keys alone": [(0, 0)] * 6,
    "one long GOP": [(0, 10)],
    "a pair of pictures each": [(0, 1)] * 5,
    "closed": [(0, 4), (0, 4)],
    "closed, of uneven length": [(0, 6), (0, 0), (0, 3)],
    "open": [(0, 3), (2, 2), (1, 0)],
    "open behind a key alone": [(0, 0), (3, 2), (0, 2)],
    "leading pictures alone": [(0, 1), (2, 0), (2, 0), (1, 0)],
    "open and closed in turn": [(0, 2), (1, 2), (0, 1), (2, 0)],
}


def needs(index: VideoIndex) -> list[int]:
    """By row, which rows it may refer to, a bit each."""
    gops = np.searchsorted(index.cuts, np.arange(len(index.packets)), side="right") - 1
    leads = index.gop_of_row < gops
    found = []
    for row, gop in enumerate(gops.tolist()):
        key = int(index.cuts[gop])
        mine = {key, *(r for r in range(key + 1, row) if leads[r] == leads[row])} - {row}
        if leads[row]:
            mine |= set(np.flatnonzero((gops == gop - 1) & ~leads).tolist())
        found.append(sum(1 << other for other in mine))
    return found


def sets_that_decode(index: VideoIndex) -> list[int]:
    """All sets of rows, a bit each, of which each has what it needs; the smallest first."""
    of_row = needs(index)
    rows = range(len(of_row))
    every = (
        chosen
        for chosen in range(1 << len(of_row))
        if all(not chosen >> row & 1 or chosen & of_row[row] == of_row[row] for row in rows)
    )
    return sorted(every, key=int.bit_count)


@pytest.mark.parametrize("kind", KINDS)
def test_no_smaller_set_of_packets_gives_the_wanted_frames(kind: str) -> None:
    """For each frame, each two, and all of them; the cost model counts the same packets."""
    index = index_of(KINDS[kind])
    choices, frames = sets_that_decode(index), len(index.order)
    several = [*itertools.combinations(range(frames), 2), tuple(range(frames))]
    for asked in [*((frame,) for frame in range(frames)), *several]:
        wanted = np.isin(np.arange(frames), asked)
        rows = sum(1 << int(row) for row in index.order[wanted])
        least = next(chosen for chosen in choices if chosen & rows == rows)
        fed = plan_decode(index, 0, len(index.cuts), wanted).rows.tolist()
        assert sum(1 << row for row in fed) == least
        assert fed_rows(index, wanted)[0].tolist() == fed
        assert int(gop_costs(index, wanted, CostModel()).packets.sum()) == len(fed)
