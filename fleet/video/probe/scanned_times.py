"""When the pictures of a scanned file are shown: by its container, or by their order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet.errors import BrokenVideoError
from fleet.video.containers.limits import REMUX
from fleet.video.containers.packet_rows import PacketRows
from fleet.video.containers.timestamps import NO_PTS, consistent, continued, repaired
from fleet.video.h26x.parameter_sets import ParameterSets, sequence
from fleet.video.h26x.picture_log import PictureLog
from fleet.video.index import PacketTable
from fleet.video.other_codecs.packet_log import PacketLog
from fleet.video.probe.stream_info import (
    USUAL_RATE,
    codec_name,
    continued_clock,
    ticks_a_picture,
)
from fleet.video.stream import CONTAINER_CLOCK


@dataclass(frozen=True, eq=False)
class Times:
    """Presentation times of a scanned file, and what they come from."""

    pts: NDArray[np.int64]
    time_base: Fraction
    clock: str
    """See `StreamInfo`."""

    def are_even(self, table: PacketTable) -> bool:
        """Return whether the container gives times, and these have no hole for another picture."""
        if self.clock != CONTAINER_CLOCK:
            return False
        times = np.sort(table.pts[table.shown])
        steps = times[1:] - times[:-1]
        steps = np.sort(steps[steps != 0])
        if not len(steps):
            return False
        # NumPy's median and unique take ten times as long for the few pictures of a short clip.
        middle = (float(steps[(len(steps) - 1) // 2]) + float(steps[len(steps) // 2])) / 2
        return int(steps[-1]) * 2 < 3 * int(middle)


def times_of(
    uri: str,
    stream: VideoStream,
    sets: ParameterSets,
    rows: PacketRows,
    log: PictureLog | PacketLog,
) -> Times:
    """Return presentation times and their time base: the container's, or from display order."""
    time_base = stream.time_base or Fraction(1, 90000)
    if (rows.pts != NO_PTS).any():
        step = ticks_a_picture(stream)
        keys = log.is_random_access if isinstance(log, PictureLog) else log.key
        pts, restarts = continued(rows.pts, rows.dts, keys, rows.shown, step)
        mended = _in_display_order(uri, rows, log, pts, step)
        clock = CONTAINER_CLOCK
        if mended is not pts:
            clock = "repaired to rise in display order"
        elif restarts:
            clock = continued_clock(restarts)
        return Times(mended, time_base, clock)
    if (rows.dts != NO_PTS).all():
        times = np.sort(rows.dts[log.frames])[log.ranks]
        return Times(times, time_base, "decode times, in display order")
    found = sequence(codec_name(stream), sets.nals)
    rate = found.frame_rate if found else Fraction(0)
    clock = "the rate that the stream states" if rate else f"assumed {USUAL_RATE} frames a second"
    return Times(log.ranks, 1 / (rate or USUAL_RATE), clock)


def _in_display_order(
    uri: str,
    rows: PacketRows,
    log: PictureLog | PacketLog,
    pts: NDArray[np.int64],
    step: float,
) -> NDArray[np.int64]:
    """Return times, repaired where they have gaps or contradict display order; else as they are."""
    ranks = log.ranks
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
