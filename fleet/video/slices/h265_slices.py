"""Read many of H.265's slice headers side by side; see `fleet.video.h26x.h265_pictures` for one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.video.h26x.h265 import Pps, Sps
from fleet.video.h26x.h265_pictures import SliceHead
from fleet.video.h26x.parameter_set_store import H265Store
from fleet.video.slices.many_bits import ManyBits, Rows

_FIRST_RANDOM_ACCESS, _LAST_RANDOM_ACCESS = 16, 23
_IDR = (19, 20)


def read_slices(
    bits: ManyBits, headers: NDArray[np.uint8], sets: H265Store
) -> list[SliceHead | None]:
    """Return the header of each picture's first slice; None for one that is to be read by itself.

    `bits`: behind the NAL units' headers, of which `headers` are the first bytes: u8 [n]. Those
    that make no sense are to be read by themselves.
    """
    rows, kinds = np.arange(len(headers)), headers >> 1
    bits.failed[~bits.flag(rows)] = True
    random_access = rows[(kinds >= _FIRST_RANDOM_ACCESS) & (kinds <= _LAST_RANDOM_ACCESS)]
    drops_waiting = np.zeros(len(rows), np.bool_)
    drops_waiting[random_access] = bits.flag(random_access)
    of_set = bits.ue(rows, 63)
    lsb, output = np.zeros(len(rows), np.int64), np.ones(len(rows), np.bool_)
    found: dict[int, Sps] = {}
    for pps_id in np.unique(of_set[~bits.failed]).tolist():
        chosen = rows[(of_set == pps_id) & ~bits.failed]
        try:
            found[pps_id], pps = sets.of_slice(pps_id)
        except ValueError:
            bits.failed[chosen] = True
            continue
        _read(bits, chosen, (found[pps_id], pps), np.isin(kinds, _IDR), lsb, output)
    columns = (bits.finish(), of_set, lsb, output, drops_waiting)
    return [
        None
        if fails
        else SliceHead(
            lsb=low,
            modulus=1 << found[pps_id].poc_lsb_bits,
            output=shows,
            drops_waiting=drops,
            reorder_frames=found[pps_id].sequence.reorder_frames or 0,
        )
        for fails, pps_id, low, shows, drops in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _read(
    bits: ManyBits,
    rows: Rows,
    sets: tuple[Sps, Pps],
    idr: NDArray[np.bool_],
    lsb: NDArray[np.int64],
    output: NDArray[np.bool_],
) -> None:
    """Read the headers that refer to some parameter sets, into `lsb` and `output`."""
    sps, pps = sets
    if pps.extra_slice_bits:
        bits.u(pps.extra_slice_bits, rows)
    bits.ue(rows, 2)
    if pps.output_flag:
        output[rows] = bits.flag(rows)
    if sps.separate_planes:
        bits.u(2, rows)
    counted = rows[~idr[rows]]
    lsb[counted] = bits.u(sps.poc_lsb_bits, counted)
