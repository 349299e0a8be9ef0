"""When which device did which lease, laid out on an axis without the hours in which nothing ran."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.spans import Spans, union
from fleet.table.state.state import TableState

WIDTH = 1000
"""Units of the axis."""
MOST_LANES = 48
"""Devices that are drawn, those with most leases."""
MOST_BARS = 300
"""Leases of a device that are drawn one by one; of more, those that touch are drawn as one."""
GAP_S = 60.0
"""A pause of all devices that lasts longer is cut out."""
_GAP_UNITS = 12
_TICKS = 6
_DRIVER = "driver"
_LANE_PX = 14


@dataclass(frozen=True)
class Work:
    """A lease on a device; times in seconds since 1970."""

    device: str
    start_s: float
    end_s: float
    frames: int


@dataclass(frozen=True)
class Lane:
    """A device, and its leases as two SVG paths: neighbours lie in different ones."""

    device: str
    node: str
    leases: int
    frames: int
    busy_s: float
    paths: tuple[str, str]


@dataclass(frozen=True)
class Activity:
    """The devices of an output."""

    lanes: Sequence[Lane]
    devices: int
    """How many there were."""
    leases: int
    ticks: Sequence[tuple[float, str]]
    """Places on the axis, and what time it was there, UTC."""
    gaps: Sequence[tuple[float, str]]
    """Where a pause was cut out, and how long it was."""
    first_s: float
    last_s: float
    wall_s: float
    """Seconds in which any device worked."""
    busy_s: float
    """Seconds of all devices together."""

    @property
    def first(self) -> str:
        """When the first lease began, UTC."""
        return clock_time(self.first_s)

    @property
    def last(self) -> str:
        """When the last lease was committed, UTC."""
        return clock_time(self.last_s)


def works_of(state: TableState) -> list[Work]:
    """Return the leases that count; their ends are known to the second."""
    columns = ("device", "committed_unix_s", "tally.wall_s", "tally.frames")
    values = (state.records[name].to_pylist() for name in columns)
    return [
        Work(device, committed_s + 1 - wall_s, committed_s + 1.0, frames)
        for device, committed_s, wall_s, frames in zip(*values, strict=True)
        if device != _DRIVER and committed_s > 0 and 0 <= wall_s < committed_s
    ]


def laid_out(works: Sequence[Work], node_of: Mapping[str, str]) -> Activity | None:
    """Lay the leases out; None where the output keeps no times. `node_of`: device -> machine."""
    if not works:
        return None
    by_device: defaultdict[str, list[Work]] = defaultdict(list)
    for work in works:
        by_device[work.device].append(work)
    apart = {device: _apart(several) for device, several in by_device.items()}
    axis = Axis([work for several in apart.values() for work in several])
    chosen = sorted(apart, key=lambda device: (-len(apart[device]), device))[:MOST_LANES]
    lanes = [_lane(device, node_of.get(device, ""), apart[device], axis) for device in chosen]
    return Activity(
        sorted(lanes, key=lambda lane: (lane.node, _natural(lane.device))),
        len(apart),
        len(works),
        axis.ticks(),
        axis.gaps,
        axis.first_s,
        axis.last_s,
        axis.busy_s,
        sum(work.end_s - work.start_s for several in apart.values() for work in several),
    )


def _natural(name: str) -> tuple[str, int, str]:
    head, _, tail = name.rpartition("/")
    return (head, int(tail), "") if tail.isdecimal() and len(tail) < 10 else (name, 0, tail)


def _apart(works: Sequence[Work]) -> list[Work]:
    """Move leases of one device apart: it does one at a time, and ends are known to the second."""
    placed: list[Work] = []
    limit_s = float("inf")
    for work in sorted(works, key=lambda work: (work.end_s, work.start_s), reverse=True):
        length_s = work.end_s - work.start_s
        end_s = min(work.end_s, max(limit_s, work.end_s - 1))
        placed.append(Work(work.device, end_s - length_s, end_s, work.frames))
        limit_s = end_s - length_s
    return placed[::-1]


class Axis:
    """Moments as places of 0..WIDTH; long pauses of all devices are cut out."""

    def __init__(self, works: Sequence[Work]) -> None:
        starts = np.array([work.start_s for work in works])
        ends = np.array([max(work.end_s, work.start_s + 0.001) for work in works])
        spans = union(_ms(starts), np.maximum(_ms(ends), _ms(starts) + 1))
        self._stretches = self._joined(spans)
        self.first_s, self.last_s = self._stretches[0, 0] / 1000, self._stretches[-1, 1] / 1000
        lengths = np.diff(self._stretches, axis=1)[:, 0]
        self.busy_s = float(np.diff(spans, axis=1).sum()) / 1000
        room = max(WIDTH / 2, WIDTH - _GAP_UNITS * (len(lengths) - 1))
        gap = (WIDTH - room) / max(1, len(lengths) - 1)
        self._scale = room / lengths.sum()
        before = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        self._left = before * self._scale + gap * np.arange(len(lengths))
        cut_s = (self._stretches[1:, 0] - self._stretches[:-1, 1]) / 1000
        self.gaps = [
            (round(float(left - gap / 2), 1), _pause(float(seconds)))
            for left, seconds in zip(self._left[1:], cut_s, strict=True)
        ]

    def _joined(self, spans: Spans) -> Spans:
        shortest = max(GAP_S * 1000, 0.05 * float(np.diff(spans, axis=1).sum()))
        joined: Spans = union(spans[:, 0], spans[:, 1] + int(shortest))
        joined[:, 1] -= int(shortest)
        return joined

    def place(self, unix_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places of moments, rounded to a tenth."""
        ms = unix_s * 1000
        row = np.maximum(np.searchsorted(self._stretches[:, 0], ms, "right") - 1, 0)
        inside = np.clip(ms, self._stretches[row, 0], self._stretches[row, 1])
        left = self._left[row] + (inside - self._stretches[row, 0]) * self._scale
        places: NDArray[np.float64] = np.round(np.clip(left, 0, WIDTH), 1)
        return places

    def ticks(self) -> list[tuple[float, str]]:
        """Return some places, and what time it was there."""
        found = []
        for place in np.linspace(0, WIDTH, _TICKS, endpoint=False):
            row = max(0, int(np.searchsorted(self._left, place, "right")) - 1)
            start, end = self._stretches[row].tolist()
            moment_s = min(end, start + (place - self._left[row]) / self._scale) / 1000
            found.append((float(place), clock_time(moment_s)))
        return found


def clock_time(unix_s: float) -> str:
    """Return a moment as text, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(unix_s))


def _pause(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{seconds / 60:.0f} min"


def _ms(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.round(seconds * 1000), np.int64)


def _lane(device: str, node: str, works: Sequence[Work], axis: Axis) -> Lane:
    left = axis.place(np.array([work.start_s for work in works]))
    right = axis.place(np.array([work.end_s for work in works]))
    bars = list(zip(left.tolist(), right.tolist(), strict=True))
    if len(bars) > MOST_BARS:
        merged = union(np.floor(left).astype(np.int64), np.ceil(right + 0.1).astype(np.int64))
        bars = [(float(a), float(b)) for a, b in merged.tolist()]
    drawn = [f"M{a:g} 0h{max(0.6, b - a - 0.2):.4g}v{_LANE_PX}H{a:g}z" for a, b in bars]
    return Lane(
        device,
        node,
        len(works),
        sum(work.frames for work in works),
        sum(work.end_s - work.start_s for work in works),
        ("".join(drawn[::2]), "".join(drawn[1::2])),
    )
