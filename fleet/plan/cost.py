"""What a stretch of video costs one device here, before it runs: a model to size leases by.

Three terms: pictures decoded (by pixels and by bytes), frames the job looks at, bytes fetched. It
only decides how work is cut; results never depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.video.index import VideoIndex


@dataclass(frozen=True)
class CostModel:
    """Seconds of one core: a pixel and a byte decoded, a frame for the job, a byte fetched, a GOP.

    The defaults are a small detector at 5 ms a frame, storage at 200 MB/s, and what nine clips of
    160 to 1920 columns took: in H.264 1.2 to 1.8 ns a pixel and 69 to 99 ns a byte, in H.265 up to
    twice as much. So a key frame of 1080p takes four times as long as a picture between. A GOP
    costs something even where nothing in it is wanted.
    """

    decode_s_a_pixel: float = 1.45e-9
    decode_s_a_byte: float = 8e-8
    job_s_a_frame: float = 5e-3
    fetch_s_a_byte: float = 5e-9
    gop_s: float = 1e-4


@dataclass(frozen=True, eq=False)
class GopCosts:
    """Per GOP of one video: seconds, wanted frames, packets fed, bytes fetched (arrays [gops])."""

    seconds: NDArray[np.float64]
    frames: NDArray[np.int64]
    packets: NDArray[np.int64]
    fetched: NDArray[np.int64]


def gop_costs(index: VideoIndex, wanted: NDArray[np.bool_], model: CostModel) -> GopCosts:
    """Estimate what each GOP of a video costs, given which of its frames are wanted.

    `wanted`: bool by frame number. Packets are counted before non-reference pictures are left out,
    since a header does not tell which those are: an upper bound.
    """
    gops = len(index.cuts)
    rows, gop = fed_rows(index, wanted)
    packets = np.bincount(gop, minlength=gops)
    fetched = np.bincount(gop, weights=index.packets.span[rows], minlength=gops).astype(np.int64)
    frames = np.bincount(index.gop_of_row[index.order[wanted]], minlength=gops)
    pixels = packets * float(index.stream.size.pixels)
    seconds = pixels * model.decode_s_a_pixel + frames * model.job_s_a_frame
    seconds += fetched * (model.decode_s_a_byte + model.fetch_s_a_byte) + model.gop_s
    return GopCosts(seconds, frames, packets, fetched)


def fed_rows(
    index: VideoIndex, wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the rows that `plan_decode` feeds for the whole video, and the GOP each one lies in.

    The same choice, made for all GOPs at once: an archive has millions.
    """
    rows = np.arange(len(index.packets))
    gop = index.cuts.searchsorted(rows, side="right") - 1
    is_wanted = np.zeros(len(rows), np.bool_)
    is_wanted[index.order[wanted]] = True
    leading = index.gop_of_row < gop
    if leading.any():
        last_leading = _last_of_each(rows, gop, is_wanted & leading, len(index.cuts))
        last_trailing = _last_of_each(rows, gop, is_wanted & ~leading, len(index.cuts))
        # Where leading pictures are wanted, the GOP before is fed whole: they refer to it.
        last_trailing[:-1][last_leading[1:] >= 0] = len(rows)
        last = np.where(leading, last_leading[gop], last_trailing[gop])
    else:
        last = _last_of_each(rows, gop, is_wanted, len(index.cuts))[gop]
    feed = (gop >= 0) & (rows <= last)
    touched = np.zeros(len(index.cuts), np.bool_)
    touched[gop[feed]] = True
    feed[index.cuts[touched]] = True
    return rows[feed], gop[feed]


def _last_of_each(
    rows: NDArray[np.int64], gop: NDArray[np.int64], chosen: NDArray[np.bool_], gops: int
) -> NDArray[np.int64]:
    """Find the last chosen row in each GOP, -1 where there is none."""
    last = np.full(gops, -1, np.int64)
    np.maximum.at(last, gop[chosen], rows[chosen])
    return last
